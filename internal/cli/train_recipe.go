package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// run is a training run that is ready to go.
type run struct {
	dir     string
	resume  bool
	workers int
	data    dataset.Dataset
	split   dataset.Split
	sample  dataset.Sample
	model   *model.File
	train   train.Options
}

func (r *run) close() { closeData(r.data) }

// start opens the data, chooses what the recipe leaves out and makes the model. The run writes the resolved recipe to dir as it begins. g is
// the processes that do so together, or nil.
func (c *recipe) start(ctx context.Context, u *ui, g *ranks, dir string, resume bool, workers int, flags []*kong.Flag) (_ *run, err error) {
	in, err := c.check(dir, resume)
	if err = g.agree(err); err != nil {
		return nil, err
	}
	r := &run{dir: dir, resume: resume && begun(dir), workers: orAll(workers)} // settings alone: it ended before its first checkpoint
	defer func() {
		if err != nil && r.data != nil {
			r.close()
		}
	}()
	if err := g.inTurn(func() (err error) {
		r.data, err = c.open(ctx, u, in, workers)
		return err
	}); err != nil {
		return nil, err
	}
	if err = g.agree(c.divide(ctx, r, in)); err != nil {
		return nil, err
	}
	r.train.Begin = func() error { return c.write(dir, flags) }
	return r, nil
}

// check says what is wrong with the recipe before any data is read.
func (c *recipe) check(dir string, resume bool) (in dataset.Input, err error) {
	if c.Init != "" && c.Calibrate != 0 {
		return in, usage("leave it away", "--calibrate %d does not go with --init: it is for fresh weights", c.Calibrate)
	}
	if err := c.settings().Validate(); err != nil {
		return in, &usageError{err: err}
	}
	if err := unused(dir, resume); err != nil {
		return in, err
	}
	return c.frameFlags.resolve()
}

// divide splits the data and makes the run.
func (c *recipe) divide(ctx context.Context, r *run, in dataset.Input) (err error) {
	if r.split, err = c.split(r.data); err != nil {
		return err
	}
	return c.prepare(ctx, r, in)
}

// prepare makes a run of data that is open and divided: what the recipe leaves out is chosen, the model made.
func (c *recipe) prepare(ctx context.Context, r *run, in dataset.Input) (err error) {
	frames := isVideo(r.data)
	if !frames {
		c.frameFlags.clear()
	}
	if err := c.sampling(r, frames); err != nil {
		return err
	}
	if r.model, err = c.makeModel(ctx, r, in, frames); err != nil {
		return err
	}
	return c.sources(r)
}

// makeModel makes the network: a fresh one, or that of --init.
func (c *recipe) makeModel(ctx context.Context, r *run, in dataset.Input, frames bool) (*model.File, error) {
	cfg := c.config(r.data.Width(), r.data.Classes())
	cfg.Steps = r.sample.Steps
	if frames {
		cfg.Frame = &model.Frame{Height: in.Height, Width: in.Width, Channels: in.Channels(), Input: in.Kind, Lag: in.Lag, Gain: float64(in.Gain)}
	}
	var from *source
	var err error
	if c.Init != "" {
		if from, err = c.first(r, cfg); err != nil {
			return nil, err
		}
	}
	if cfg.Structure, cfg.Upper, cfg.Recurrent, err = c.modelFlags.resolve(r.data.Width(), c.Frame); err != nil {
		return nil, err
	}
	if err := cfg.RNN().Validate(); err != nil {
		return nil, &usageError{err: err}
	}
	if from != nil {
		if err := sameStructure(from.name, from.config, cfg); err != nil {
			return nil, err
		}
		steps := cfg.Steps
		cfg = from.config // its labels in their order, its statistics, and a tree that it leaves out
		cfg.Steps = steps
	} else if err := c.standardise(ctx, r, &cfg, frames); err != nil {
		return nil, err
	}
	m, err := model.New(cfg, c.Seed)
	if err != nil {
		return nil, &usageError{err: err}
	}
	if from != nil && from.net != nil {
		copyWeights(m.Net, from.net)
	}
	return m, nil
}

// source is what a run with --init begins with.
type source struct {
	name   string // the flag that names it
	config model.Config
	net    *rnn.Model // nil: the checkpoint has the weights
}

// first loads the model that the run begins with and holds it against what the flags and the data say of the network. A run that goes
// on has all of it in its checkpoint.
func (c *recipe) first(r *run, cfg model.Config) (*source, error) {
	if c.Standardise != "" {
		return nil, usage("leave it away: the model has its own", "--standardise %s does not go with --init", c.Standardise)
	}
	if r.resume {
		at, err := model.LoadCheckpoint(r.dir)
		if err != nil {
			return nil, err
		}
		from := &source{"--resume " + r.dir, at.Config, nil}
		return from, sameShape(from.name, from.config, cfg)
	}
	f, err := model.Load(modelPath(string(c.Init)))
	if err != nil {
		return nil, err
	}
	from := &source{"--init " + string(c.Init), f.Config, f.Net}
	return from, sameShape(from.name, from.config, cfg)
}

// unused says when dir already holds a run.
func unused(dir string, resume bool) error {
	if resume {
		return nil
	}
	if begun(dir) {
		return usage(fmt.Sprintf("go on with --resume %s, or choose another --out", dir), "%s already holds a run", dir)
	}
	return nil
}

// begun reports whether dir has a checkpoint, whole or not.
func begun(dir string) bool {
	for _, name := range []string{model.CheckpointFile, model.PreviousFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// isVideo reports whether rows are frames.
func isVideo(ds dataset.Dataset) bool {
	_, ok := ds.(interface{ Input() dataset.Input })
	return ok
}

// sampling settles the steps and says which clips are too short for them.
func (c *recipe) sampling(r *run, frames bool) (err error) {
	steps := 0
	if frames {
		steps = 16
		if m, ok := r.data.(*dataset.Made); ok {
			steps = min(steps, m.Frames(0))
		}
	}
	if r.sample, err = c.sample(steps); err != nil {
		return err
	}
	if err := c.viewsFlag.check(r.sample); err != nil {
		return err
	}
	c.Steps = &r.sample.Steps
	r.sample.Augment = c.augment()
	if err := r.sample.Validate(); err != nil {
		return &usageError{err: err}
	}
	if err := dataset.CheckAugment(r.data, r.sample.Augment); err != nil {
		return &usageError{err: err}
	}
	return enough(r.data, append(append([]int{}, r.split.Train...), r.split.Val...), r.sample)
}

// standardising settles the way, which depends on the data where it is left out.
func (c *recipe) standardising(frames bool) error {
	switch c.Standardise {
	case "":
		c.Standardise = "each"
		if frames {
			c.Standardise = "all"
		}
	case "none", "all", "each":
	default:
		return usage("", "--standardise %s: want all, each or none", c.Standardise)
	}
	return nil
}

// standardise computes the statistics of the training clips; a run that goes on comes to the same.
func (c *recipe) standardise(ctx context.Context, r *run, cfg *model.Config, frames bool) error {
	if err := c.standardising(frames); err != nil || c.Standardise == "none" {
		return err
	}
	mean, std, err := dataset.Stats(ctx, r.data, r.split.Train, r.sample, c.Standardise == "each")
	if err != nil {
		return err
	}
	s := &model.Standardise{}
	for i := range mean {
		s.Mean, s.Std = append(s.Mean, float64(mean[i])), append(s.Std, float64(std[i]))
	}
	cfg.Standardise = s
	return nil
}

// sources makes the training's options.
func (c *recipe) sources(r *run) error {
	tr, err := train.NewClips(r.data, r.split.Train, r.model.Config.Classes, r.sample)
	if err != nil {
		return err
	}
	settings := c.settings()
	settings.Views = c.Views
	r.train = train.Options{Settings: settings, Model: r.model, Train: tr, Dir: r.dir, Resume: r.resume, Workers: r.workers, Watchdog: c.Watchdog}
	if len(r.split.Val) > 0 {
		val, err := train.NewClips(r.data, r.split.Val, r.model.Config.Classes, r.sample)
		if err != nil {
			return err
		}
		r.train.Val = val
	}
	r.train.Data, err = fingerprint(r)
	return err
}

// fingerprint is what a run's data is: which clips are for training and validation and how their frames are taken. A run goes
// on only with the same.
func fingerprint(r *run) (string, error) {
	h := sha256.New()
	s := r.split
	s.Test = nil
	if err := dataset.WriteSplit(h, r.data, s); err != nil {
		return "", err
	}
	io.WriteString(h, sampleText(r.sample))
	return fmt.Sprintf("%s %x", r.data.Name(), h.Sum(nil)[:8]), nil
}

// sampleText is a sample in a fingerprint. What came later is left out where it is not used, so that older runs go on.
func sampleText(s dataset.Sample) string {
	return strings.Replace(fmt.Sprintf("%+v", s), " Turn:0 Stretch:0}", "}", 1)
}

// write keeps the resolved recipe. Nobody else may write to dir.
func (c *recipe) write(dir string, flags []*kong.Flag) error {
	text, err := writeConfig("The settings of this run, by the names of fdht train's flags.\nfdht train "+configName+" --out ANOTHER makes it again.", flags, dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, configName)
	atomicfile.Clean(path)
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
