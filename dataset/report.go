package dataset

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fdht/fdht/video"
)

// Options says how a data set is opened.
type Options struct {
	Input    Input   // rows of video clips; not used for feature sequences and time series
	CacheDir string  // decoded frames are kept here; "" = DefaultCacheDir()
	Workers  int     // clips decoded at once; 0 = one a CPU
	FFmpeg   string  // the ffmpeg program; "" = "ffmpeg" found on the PATH
	MaxBad   float64 // part of the clips that may be unreadable; 0 = DefaultMaxBad, negative = none may

	Limits video.Limits // of a clip that ReadClip reads

	Watchdog time.Duration // a clip of which nothing comes for so long as it is read ends Open with an error; 0 = none does

	// Progress, if set, is called as clips are read or decoded: done of total. Never by two goroutines at once.
	Progress func(done, total int)
}

// DefaultMaxBad is the part of the clips that may be unreadable before opening fails.
const DefaultMaxBad = 0.01

func (o Options) maxBad() float64 {
	switch {
	case o.MaxBad == 0:
		return DefaultMaxBad
	case o.MaxBad < 0:
		return 0
	}
	return o.MaxBad
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.NumCPU()
}

// BadClip is a clip and what is wrong with it.
type BadClip struct {
	ID  string
	Err error
}

// Report is what opening a data set found besides the clips. Nothing is left out without being in it.
type Report struct {
	Clips   int       // found, with the bad ones
	Decoded int       // of them decoded now rather than taken from the cache
	Bad     []BadClip // could not be read and are not in the data set
	Damaged []BadClip // are in the data set, but the decoder complained: frames may be missing. Not all damage is noticed
	Ignored []string  // files and folders that are no clips, by id
}

// ErrTooManyBad is what the error is (errors.Is) when more clips are bad than MaxBad allows.
var ErrTooManyBad = errors.New("too many unreadable clips")

type tooManyBad struct {
	name   string
	report *Report
	allow  float64
}

func (e *tooManyBad) Is(target error) bool { return target == ErrTooManyBad }

// Unwrap gives the first clip's error, so that a missing ffmpeg is seen.
func (e *tooManyBad) Unwrap() error { return e.report.Bad[0].Err }

func (e *tooManyBad) Error() string {
	const most = 10
	r := e.report
	bad := float64(len(r.Bad)) / float64(r.Clips)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d clips cannot be read, more than --max-bad %g allows", e.name, len(r.Bad), r.Clips, e.allow)
	for _, c := range r.Bad[:min(len(r.Bad), most)] {
		fmt.Fprintf(&b, "\n  %s: %v", c.ID, c.Err)
	}
	if more := len(r.Bad) - most; more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	if len(r.Bad) < r.Clips {
		fmt.Fprintf(&b, "\nrepair or remove them, or go on without them with --max-bad %.2g", min(bad+0.005, 1))
	}
	return b.String()
}

// badIDs are the ids of the clips that are not in the data set.
func (r *Report) badIDs() []string {
	var out []string
	for _, b := range r.Bad {
		out = append(out, b.ID)
	}
	return out
}

// judge says whether few enough clips are bad, and puts the lists in order.
func (r *Report) judge(name string, o Options) error {
	byID := func(a, b BadClip) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(r.Bad, byID)
	slices.SortFunc(r.Damaged, byID)
	if len(r.Bad) == 0 {
		return nil
	}
	if float64(len(r.Bad)) > o.maxBad()*float64(r.Clips) || len(r.Bad) == r.Clips {
		return &tooManyBad{name, r, o.maxBad()}
	}
	return nil
}

// plainErr takes the path off the front of an error where the id already says it.
func plainErr(err error, path string) error {
	if text, ok := strings.CutPrefix(err.Error(), path+": "); ok {
		return &shorter{text, err}
	}
	return err
}

type shorter struct {
	text string
	err  error
}

func (e *shorter) Error() string { return e.text }
func (e *shorter) Unwrap() error { return e.err }
