package dataset

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// points are rows of n numbers from -2 to 2.
func points(frames, width int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]float32, frames*width)
	for i := range out {
		out[i] = 4*r.Float32() - 2
	}
	return out
}

func loadPoints(t *testing.T, values []float32, width, clip int, s Sample) (*Clip, [][]float32) {
	t.Helper()
	var c Clip
	if err := c.setRows("x", clip, width, values, s); err != nil {
		t.Fatal(err)
	}
	return &c, rows(t, &c)
}

// TestTurn holds rows against a rotation by an angle and a scale, found from the first point of a clip, that the whole clip must have in common.
func TestTurn(t *testing.T) {
	const width, frames, turn, stretch = 12, 9, 20, 0.3
	values := points(frames, width)
	var lowest, highest, smallest, largest float64
	for clip := range 300 {
		s := Sample{Steps: 5, Train: true, Seed: 8, Epoch: 2, Augment: Augment{Turn: turn, Stretch: stretch}}
		c, got := loadPoints(t, values, width, clip, s)
		first := values[c.Source(0)*width:]
		size := float64(got[0][1] / first[1])
		angle := math.Remainder(math.Atan2(float64(first[2]), float64(first[0]))-math.Atan2(float64(got[0][2]), float64(got[0][0])), 2*math.Pi)
		for k, row := range got {
			src := values[c.Source(k)*width:]
			for p := 0; p < width; p += 3 {
				x, y, z := float64(src[p]), float64(src[p+1]), float64(src[p+2])
				want := []float32{
					float32(size * (math.Cos(angle)*x + math.Sin(angle)*z)), float32(size * y), float32(size * (-math.Sin(angle)*x + math.Cos(angle)*z)),
				}
				for i, w := range want {
					if math.Abs(float64(row[p+i]-w)) > 1e-5 {
						t.Fatalf("clip %d, row %d, point %d: %v, want %v", clip, k, p/3, row[p:p+3], want)
					}
				}
			}
		}
		lowest, highest = min(lowest, angle), max(highest, angle)
		smallest, largest = min(smallest, math.Log(size)), max(largest, math.Log(size))
	}
	limit := turn * math.Pi / 180
	for _, c := range []struct{ got, want float64 }{{lowest, -limit}, {highest, limit}, {smallest, -stretch}, {largest, stretch}} {
		if d := c.got / c.want; d < 0.95 || d > 1.0001 {
			t.Errorf("of 300 clips the outermost angle or logarithm of the size is %v, want nearly %v", c.got, c.want)
		}
	}
}

// TestTurnDraws: which frames are taken does not depend on the augmentation, nor the angle on the size.
func TestTurnDraws(t *testing.T) {
	const width, frames = 6, 40
	values := points(frames, width)
	for clip := range 20 {
		s := Sample{Steps: 7, Train: true, Seed: 5, Epoch: 1}
		rng := newSource(s.Seed, s.Epoch, clip)
		want, err := s.pick(nil, "x", frames, &rng)
		if err != nil {
			t.Fatal(err)
		}
		plain, got := loadPoints(t, values, width, clip, s)
		if !slices.Equal(plain.idx, want) {
			t.Fatalf("clip %d: frames %v, want %v", clip, plain.idx, want)
		}
		for k, row := range got {
			if !slices.Equal(row, values[int(want[k])*width:(int(want[k])+1)*width]) {
				t.Fatalf("clip %d: row %d is changed without augmentation", clip, k)
			}
		}
		s.Augment = Augment{Turn: 30, Stretch: 0.2}
		both, moved := loadPoints(t, values, width, clip, s)
		if !slices.Equal(both.idx, want) {
			t.Errorf("clip %d: frames %v with augmentation, want %v", clip, both.idx, want)
		}
		if slices.Equal(moved[0], got[0]) {
			t.Errorf("clip %d: nothing is moved", clip)
		}
		s.Augment.Stretch = 0
		turn, _ := loadPoints(t, values, width, clip, s)
		if d := turn.turned.sin/turn.turned.cos - both.turned.sin/both.turned.cos; turn.turned.size != 1 || math.Abs(float64(d)) > 1e-6 {
			t.Errorf("clip %d: turned by %+v alone, %+v with the size", clip, turn.turned, both.turned)
		}
		s.Augment = Augment{Stretch: 0.2}
		if grown, _ := loadPoints(t, values, width, clip, s); grown.turned.sin != 0 || grown.turned.size != both.turned.size {
			t.Errorf("clip %d: grown by %+v alone, %+v with a turn", clip, grown.turned, both.turned)
		}
		s.Train, s.Augment = false, Augment{Turn: 30, Stretch: 0.2}
		_, eval := loadPoints(t, values, width, clip, s)
		_, same := loadPoints(t, values, width, clip, Sample{Steps: 7})
		if !slices.EqualFunc(eval, same, slices.Equal[[]float32]) {
			t.Errorf("clip %d: evaluation is augmented", clip)
		}
	}
}

// TestTurnAgain: a Clip that is used again does not keep what the clip before had.
func TestTurnAgain(t *testing.T) {
	values := points(4, 3)
	s := Sample{Train: true, Augment: Augment{Turn: 90}}
	c, _ := loadPoints(t, values, 3, 0, s)
	if err := c.setRows("y", 1, 3, values, Sample{Train: true}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, c); !slices.Equal(got[2], values[6:9]) {
		t.Errorf("row %v, want %v", got[2], values[6:9])
	}
}

func TestTurnAllocates(t *testing.T) {
	values := points(20, 120)
	s := Sample{Steps: 8, Train: true, Augment: Augment{Turn: 17, Stretch: 0.1}}
	c, _ := loadPoints(t, values, 120, 0, s)
	dst := make([]float32, 120)
	if n := testing.AllocsPerRun(20, func() { c.Load(dst, 3) }); n != 0 {
		t.Errorf("Load allocates %v times", n)
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := c.setRows("x", 0, 120, values, s); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("preparing a clip again allocates %v times", n)
	}
}

func TestTurnErrors(t *testing.T) {
	turn := Augment{Turn: 10}
	wants := func(err error, text string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	four := &list{ids: []string{"a/1"}, frames: []int{5}, width: 4}
	wants(CheckAugment(four, turn), "turn 10, stretch 0: only for features whose rows are points of three coordinates, such as skeletons: these rows have 4 numbers, no multiple of 3")
	wants(CheckAugment(four, Augment{Stretch: 2}), "stretch 2: want 0 to 1")
	for _, a := range []Augment{{ShiftX: 1}, {ShiftY: 1}, {Flip: true}, {Brightness: 0.1}, {ShiftX: 2, Turn: 10}} {
		wants(CheckAugment(four, a), "only for frames of video, and these are features")
	}
	if err := CheckAugment(four, Augment{}); err != nil {
		t.Error(err)
	}
	if err := CheckAugment(&list{width: 6}, turn); err != nil {
		t.Error(err)
	}
	var c Clip
	s := Sample{Train: true, Augment: turn}
	wants(four.Clip(&c, 0, s), "clip a/1: turn 10, stretch 0: only for features")
	m, err := NewMade(MadeOptions{Input: Input{Kind: RGB, Height: 20, Width: 24}, Frames: 4, Train: 1})
	if err != nil {
		t.Fatal(err)
	}
	wants(CheckAugment(m, turn), "these are frames of video")
	wants(m.Clip(&c, 0, s), "these are frames of video")
	// statistics and evaluation never augment
	if _, _, err := Stats(context.Background(), m, []int{0}, s, false); err != nil {
		t.Error(err)
	}
}
