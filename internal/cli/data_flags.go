package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/train"
)

// frameSize is a flag of the form 120x160 or 120x160x3: height, width and, if it is there, channels.
type frameSize struct{ H, W, C int }

// UnmarshalText reads 120x160x3.
func (f *frameSize) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), "x")
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if i > 2 || err != nil || v < 1 {
			return fmt.Errorf("%q: want HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, such as 120x160x3", b)
		}
		n[i] = v
	}
	if len(parts) < 2 {
		return fmt.Errorf("%q: want HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, such as 120x160x3", b)
	}
	*f = frameSize{n[0], n[1], n[2]}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (f frameSize) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func (f frameSize) String() string {
	if f.C == 0 {
		return fmt.Sprintf("%dx%d", f.H, f.W)
	}
	return fmt.Sprintf("%dx%dx%d", f.H, f.W, f.C)
}

// sourceFlags say where clips are.
type sourceFlags struct {
	Data   string  `placeholder:"PATH" group:"data" relative:"" help:"Folder PATH/<label>/**/<clip>; a .ts file or a folder of them; or made, the built-in motion clips."`
	Cache  string  `placeholder:"DIR" group:"data" relative:"" help:"Folder for decoded frames; left out: fdht in the user's cache folder."`
	MaxBad float64 `default:"0.01" placeholder:"SHARE" group:"data" help:"Share of the clips that may be unreadable (${default})."`

	Watchdog time.Duration `default:"10m" placeholder:"TIME" group:"data" config:"-" help:"Stop when nothing comes of a clip for so long as it is read, such as 30s or 1h; 0: wait for ever (${default})."`
}

func (f sourceFlags) options(u *ui, in dataset.Input, workers int) dataset.Options {
	o := dataset.Options{Input: in, CacheDir: f.Cache, Workers: workers, MaxBad: f.MaxBad, Watchdog: f.Watchdog}
	if f.MaxBad == 0 {
		o.MaxBad = -1
	}
	return o
}

// open opens the data with a progress bar and reports what is wrong with it.
func (f sourceFlags) open(ctx context.Context, u *ui, in dataset.Input, workers int) (dataset.Dataset, error) {
	if f.Data == "" {
		return nil, usage("such as --data clips, where clips/<label>/ holds video files; or --data made", "--data is missing: say where the clips are")
	}
	if f.Watchdog < 0 {
		return nil, usage("", "--watchdog %v: want a time such as 30s or 1h, or 0 to wait for ever", f.Watchdog)
	}
	if !(f.MaxBad >= 0 && f.MaxBad <= 1) {
		return nil, usage("", "--max-bad %v: want a share, 0 to 1", f.MaxBad)
	}
	if strings.HasPrefix(f.Data, madeName) {
		return openMade(ctx, u, f.Data, in, workers)
	}
	o := f.options(u, in, workers)
	b := u.bar("reading clips")
	o.Progress = b.count
	ds, rep, err := dataset.Open(ctx, f.Data, o)
	b.done()
	if err != nil {
		return nil, err
	}
	u.tell(rep)
	return ds, nil
}

// tell says what opening found besides the clips.
func (u *ui) tell(rep *dataset.Report) {
	const most = 5
	list := func(what string, clips []dataset.BadClip) {
		for i, c := range clips {
			if i == most && !u.verbose {
				u.note("  and %d more; --verbose lists them all", len(clips)-most)
				return
			}
			u.note("%s: %s: %v", what, c.ID, c.Err)
		}
	}
	list("left out", rep.Bad)
	list("damaged, used as far as it goes", rep.Damaged)
	if n := len(rep.Ignored); n > 0 {
		u.detail("no clips, %d files and folders: %s", n, strings.Join(rep.Ignored, ", "))
	}
	u.detail("%d clips, %d of them decoded now", rep.Clips, rep.Decoded)
}

// closeData gives up the memory of a data set that has any to give up.
func closeData(ds dataset.Dataset) {
	if c, ok := ds.(io.Closer); ok {
		c.Close()
	}
}

// splitFlags say how clips are divided.
type splitFlags struct {
	SplitBy     string   `group:"split" placeholder:"WAY" help:"group (subjects or source videos stay together), file, or list; left out: the data's own split, else group."`
	SplitList   string   `group:"split" placeholder:"FILE" relative:"" help:"A split file, or an official list of UCF101 or HMDB51."`
	SplitNumber int      `group:"split" placeholder:"N" help:"Which of the official lists in a folder (1)."`
	TestGroups  []string `group:"split" placeholder:"A" help:"Groups for test, such as 2,4,6,8."`
	ValGroups   []string `group:"split" placeholder:"A" help:"Groups for validation, out of those not for test."`
	Test        float64  `group:"split" placeholder:"SHARE" help:"Share of all clips for test, by whole groups (0.3)."`
	Val         *float64 `group:"split" placeholder:"SHARE" help:"Share of the clips not for test that is for validation, by whole groups (0.2); 0: none."`
	SplitSeed   uint64   `group:"split" default:"1" placeholder:"N" help:"What a random split is drawn from (${default})."`
}

// defaultVal is the share for validation where nothing is said.
const defaultVal = 0.2

// split divides a data set. Where nothing is said of validation and the data brings no such part, some is taken.
func (f splitFlags) split(ds dataset.Dataset) (dataset.Split, error) {
	o := dataset.SplitOptions{
		By: f.SplitBy, TestGroups: f.TestGroups, ValGroups: f.ValGroups, Test: f.Test,
		Seed: f.SplitSeed, List: f.SplitList, ListNumber: f.SplitNumber,
	}
	if o.By == "list" && o.List == "" {
		return dataset.Split{}, usage("", "--split-by list: name the list with --split-list FILE")
	}
	if f.Val != nil {
		o.Val = *f.Val
	}
	s, err := dataset.MakeSplit(ds, o)
	if err != nil {
		return s, &usageError{err: err}
	}
	if f.Val == nil && len(f.ValGroups) == 0 && len(s.Val) == 0 {
		o.Val = defaultVal
		if s, err = dataset.MakeSplit(ds, o); err != nil {
			return s, usage("choose the validation part with --val or --val-groups; --val 0 goes without one", "%w", err)
		}
	}
	return s, nil
}

// frameFlags say what a row of the network's input is made of.
type frameFlags struct {
	Input string    `group:"frames" placeholder:"KIND" help:"What is taken of a frame: rgb, grey, diff (grey minus the grey of --lag frames before) or grey+diff."`
	Frame frameSize `group:"frames" placeholder:"HxWxC" help:"Size that frames are resampled to (120x160); the channels follow from --input."`
	Lag   lags.List `group:"frames" placeholder:"N" help:"diff: source frames between the two (3); several, such as 3,8, make a channel each."`
	Gain  float64   `group:"frames" placeholder:"X" help:"diff: factor, before clipping to -1..1 (4)."`
}

// resolve fills in what is left out and says what does not go together.
func (f *frameFlags) resolve() (dataset.Input, error) {
	if f.Frame.H == 0 {
		f.Frame.H, f.Frame.W = 120, 160
	}
	if f.Input == "" {
		if f.Lag.Len() > 1 {
			return dataset.Input{}, usage("", "--lag %v without --input: choose diff or grey+diff", f.Lag)
		}
		switch f.Frame.C {
		case 0, 3:
			f.Input = dataset.RGB
		case 1:
			f.Input = dataset.Grey
		case 2:
			f.Input = dataset.GreyDiff
		}
	}
	in := dataset.Input{Kind: f.Input, Height: f.Frame.H, Width: f.Frame.W, Lag: f.Lag, Gain: float32(f.Gain)}
	switch in.Kind {
	case dataset.RGB, dataset.Grey, dataset.Diff, dataset.GreyDiff:
	default:
		return in, usage("", "--input %s: want rgb, grey, diff or grey+diff", in.Kind)
	}
	if err := in.Validate(); err != nil {
		return in, usage("", "--frame, --lag, --gain: %w", err)
	}
	in = in.WithDefaults()
	if c := in.Channels(); f.Frame.C != 0 && f.Frame.C != c {
		from := "--input " + f.Input
		if in.Lag.Len() > 1 {
			from += " with --lag " + in.Lag.String()
		}
		return in, usage("leave the channels away: they follow from --input", "--frame %v has %d channels, %s makes %d", f.Frame, f.Frame.C, from, c)
	}
	f.Frame.C, f.Lag, f.Gain = in.Channels(), in.Lag, float64(in.Gain)
	return in, nil
}

// clear is for data without frames.
func (f *frameFlags) clear() { *f = frameFlags{} }

// sampleFlags say which frames of a clip are taken.
type sampleFlags struct {
	Steps *int   `group:"frames" placeholder:"T" help:"Frames taken from a clip, evenly; 0: all (16 for video, all for features)."`
	Short string `group:"frames" enum:"error,repeat" default:"error" placeholder:"WAY" help:"Clips with fewer frames than --steps: error, or repeat frames (${default})."`
}

func (f sampleFlags) sample(steps int) (dataset.Sample, error) {
	s := dataset.Sample{Steps: steps}
	if f.Steps != nil {
		s.Steps = *f.Steps
	}
	if s.Steps < 0 {
		return s, usage("", "--steps %d: want 0, all frames, or more", s.Steps)
	}
	if f.Short == "repeat" {
		s.Short = dataset.ShortRepeat
	}
	return s, nil
}

// viewsFlag says how often a clip is sampled when it is measured.
type viewsFlag struct {
	Views int `group:"frames" placeholder:"K" help:"Samplings of a clip when it is measured, each with frames of its own, over which the probabilities are averaged (1, of the middle frames)."`
}

// check says what is wrong with the flag for clips that are sampled so.
func (f viewsFlag) check(s dataset.Sample) error {
	switch {
	case f.Views < 0 || f.Views > train.MaxViews:
		return usage("", "--views %d: want 1 to %d", f.Views, train.MaxViews)
	case f.Views > 1 && s.Steps == 0:
		return usage("give --steps a number, or leave --views away", "--views %d with all frames of a clip: there is nothing to choose", f.Views)
	}
	return nil
}

// enough says before any work is done which clips are too short.
func enough(ds dataset.Dataset, indices []int, s dataset.Sample) error {
	if s.Steps == 0 {
		return nil
	}
	err := dataset.CheckSteps(ds, indices, s)
	if errors.Is(err, dataset.ErrShort) {
		return &usageError{err: err}
	}
	return err
}
