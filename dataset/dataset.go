// Package dataset turns files into clips: rows of floats, one row a time step, made when they are asked for.
//
// A clip folder ROOT/<label>/**/<clip> holds video files, folders of images, GIFs and y4m files, or feature
// sequences (.npy, .npz); .ts files hold time series. Decoded frames are kept as bytes in a cache and become floats one
// row at a time, so that a set larger than memory costs little of it. Values are scaled but not standardised:
// Stats computes what that needs.
package dataset

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// Dataset is a labelled set of clips. Clips are numbered 0..Len()-1. All methods may be called by several goroutines
// at once.
type Dataset interface {
	Name() string
	Classes() []string  // sorted names; a label is an index into them
	Len() int           // clips
	ID(i int) string    // slash path relative to the root, or a name of that kind
	Label(i int) int    // 0..len(Classes())-1
	Group(i int) string // what must not be torn apart by a split: a subject, a source video
	Width() int         // floats a row: of a frame after its input kind, or features
	Frames(i int) int   // source frames (rows) of clip i, before sampling

	// Clip prepares clip i in dst, whose memory is used again. All that is random in it comes from s.Seed, s.Epoch
	// and i alone, so the order in which clips are asked for, and by whom, changes nothing.
	Clip(dst *Clip, i int, s Sample) error
}

// Sample says which frames of a clip to take and how.
type Sample struct {
	// Steps is the number T of rows. The frames are cut into T even segments and one is taken from each: the middle
	// one, or in training a random one. 0 takes every frame.
	Steps int
	Train bool // random frames and augmentation
	Seed  uint64
	Epoch int
	// Of Views > 1 different samplings of a clip, View (0..Views-1) takes the frame (View + 1/2) / Views into each segment.
	View, Views int
	Augment     Augment
	// Short says what becomes of clips with fewer than Steps frames: an error (""), or ShortRepeat.
	Short string
}

// ShortRepeat makes clips shorter than the steps asked for repeat frames, by the same rule of even segments.
const ShortRepeat = "repeat"

// Validate checks what a user may have asked for.
func (s Sample) Validate() error {
	switch {
	case s.Steps < 0:
		return fmt.Errorf("--steps %d: want 0 (the whole clip) or more", s.Steps)
	case s.View < 0 || s.View >= max(s.Views, 1):
		return fmt.Errorf("view %d of %d: they count from 0", s.View, s.Views)
	case s.Short != "" && s.Short != ShortRepeat && s.Short != "error":
		return fmt.Errorf("--short %q: want error or repeat", s.Short)
	}
	return s.Augment.validate()
}

// Augment varies training clips. Everything drawn is the same for all frames or rows of a clip.
type Augment struct {
	// Video only.
	ShiftX, ShiftY int     // pixels at most, either way; what comes in from outside is 0
	Flip           bool    // mirror half of the clips left to right: wrong where left and right are classes
	Brightness     float32 // rgb is multiplied by 1-Brightness..1+Brightness; other kinds are left alone

	// Features only, whose rows are points of three coordinates one after the other, the second of them vertical: skeletons, or their differences over time. About the origin.
	Turn    float64 // degrees about the vertical at most, either way
	Stretch float64 // all coordinates are multiplied by exp(-Stretch)..exp(Stretch), log-uniform: half of the clips shrink
}

func (a Augment) validate() error {
	switch {
	case a.ShiftX < 0 || a.ShiftY < 0:
		return fmt.Errorf("shift %d,%d: want pixels, 0 or more", a.ShiftX, a.ShiftY)
	case !(a.Brightness >= 0 && a.Brightness < 1):
		return fmt.Errorf("brightness %v: want 0 to below 1", a.Brightness)
	case !(a.Turn >= 0 && a.Turn <= 180):
		return fmt.Errorf("turn %v: want degrees, 0 to 180", a.Turn)
	case !(a.Stretch >= 0 && a.Stretch <= 1):
		return fmt.Errorf("stretch %v: want 0 to 1, such as 0.1 for about a tenth smaller or larger", a.Stretch)
	}
	return nil
}

// ErrShort is what errors about clips with fewer frames than steps are (errors.Is).
var ErrShort = errors.New("clip shorter than the steps")

// shortError names the clip, its frames and the way out.
type shortError struct {
	id            string
	frames, steps int
}

func (e *shortError) Error() string {
	return fmt.Sprintf("clip %s has %d frames, fewer than --steps %d: use --steps %d or fewer, or --short repeat to repeat frames", e.id, e.frames, e.steps, e.frames)
}

func (e *shortError) Is(target error) bool { return target == ErrShort }

// CheckSteps says, before any work is done, whether all the given clips (nil = all) have enough frames for s. Its
// error names the shortest clip, and how many are too short.
func CheckSteps(ds Dataset, indices []int, s Sample) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if s.Short == ShortRepeat {
		return nil
	}
	short := 0
	var worst *shortError
	check := func(i int) {
		if n := ds.Frames(i); n < s.Steps {
			short++
			if worst == nil || n < worst.frames {
				worst = &shortError{ds.ID(i), n, s.Steps}
			}
		}
	}
	if indices == nil {
		for i := range ds.Len() {
			check(i)
		}
	}
	for _, i := range indices {
		check(i)
	}
	switch {
	case worst == nil:
		return nil
	case short == 1:
		return worst
	}
	return fmt.Errorf("%d clips are too short; the shortest: %w", short, worst)
}

// pick appends to idx which of n source frames each step takes. With fewer frames than steps the segments overlap,
// which repeats frames.
func (s Sample) pick(idx []int32, id string, n int, rng *source) ([]int32, error) {
	idx = idx[:0]
	if n == 0 {
		return idx, fmt.Errorf("clip %s has no frames", id)
	}
	if s.Steps == 0 {
		for t := range n {
			idx = append(idx, int32(t))
		}
		return idx, nil
	}
	if n < s.Steps && s.Short != ShortRepeat {
		return idx, &shortError{id, n, s.Steps}
	}
	for k := range s.Steps {
		if !s.Train {
			views := max(s.Views, 1)
			idx = append(idx, int32(int64(2*(k*views+s.View)+1)*int64(n)/int64(2*s.Steps*views)))
			continue
		}
		lo := k * n / s.Steps
		hi := max((k+1)*n/s.Steps, lo+1)
		idx = append(idx, int32(lo+rng.intN(hi-lo)))
	}
	return idx, nil
}

// source is a small random generator that is seeded for each clip and allocates nothing.
type source struct{ pcg rand.PCG }

// newSource gives the generator of clip i: a function of the three numbers alone.
func newSource(seed uint64, epoch, i int) source {
	var s source
	a := mix(seed ^ mix(uint64(epoch)+0x51ed2701))
	s.pcg.Seed(a, mix(a^mix(uint64(i)+0x2545f491)))
	return s
}

// mix is the finaliser of splitmix64: neighbouring inputs give unrelated outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// intN returns a number in 0..n-1.
func (s *source) intN(n int) int {
	hi, _ := bits.Mul64(s.pcg.Uint64(), uint64(n))
	return int(hi)
}

// float returns a number in [0,1).
func (s *source) float() float64 { return float64(s.pcg.Uint64()>>11) / (1 << 53) }

// between returns a number in [lo,hi).
func (s *source) between(lo, hi float64) float64 { return lo + (hi-lo)*s.float() }
