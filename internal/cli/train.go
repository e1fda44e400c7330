package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// configFile is the argument CONFIG.toml: its keys are the flags that the command line leaves out.
type configFile string

// BeforeResolve reads the file.
func (configFile) BeforeResolve(ctx *kong.Context, at *kong.Path) error {
	path := ctx.Value(at).String()
	if path == "" {
		return nil
	}
	c, err := readConfig(path)
	if err != nil {
		return err
	}
	if err := initIn(ctx, c); err != nil {
		return err
	}
	return addConfig(ctx, c)
}

// resumeDir is the flag --resume: the settings are those of the run.
type resumeDir string

// BeforeResolve reads the run's resolved configuration.
func (resumeDir) BeforeResolve(ctx *kong.Context, at *kong.Path) error {
	dir := string(ctx.FlagValue(at.Flag).(resumeDir))
	if dir == "" {
		return nil
	}
	path := filepath.Join(dir, configName)
	if _, err := os.Stat(path); err != nil {
		return usage("name the folder that --out named", "--resume %s: there is no run in it (no %s)", dir, configName)
	}
	c, err := readConfig(path)
	if err != nil {
		return err
	}
	return addConfig(ctx, c)
}

// recipe is all that a run's numbers depend on, and where its files are.
type recipe struct {
	sourceFlags
	splitFlags
	frameFlags
	sampleFlags
	viewsFlag
	Init initModel `placeholder:"M" group:"model" relative:"" help:"Begin with the network and the weights of a model file or a run instead of fresh ones; the data must have the labels of the model."`
	modelFlags
	trainingFlags
}

// trainingFlags are train.Settings and the augmentation.
type trainingFlags struct {
	Epochs      int      `group:"training" default:"40" placeholder:"N" help:"Times through the training clips (${default})."`
	Batch       int      `group:"training" default:"16" placeholder:"B" help:"Clips a step (${default})."`
	LR          float64  `name:"lr" group:"training" default:"0.003" placeholder:"X" help:"Peak learning rate of AdamW (${default})."`
	MinLR       float64  `name:"min-lr" group:"training" placeholder:"X" help:"Where the cosine schedule ends (0)."`
	Schedule    string   `group:"training" default:"cosine" placeholder:"WAY" help:"cosine, onecycle or constant (${default})."`
	Warmup      *float64 `group:"training" placeholder:"N" help:"Epochs of warm-up (1; onecycle: three tenths of the run)."`
	WeightDecay float64  `group:"training" default:"0.0001" placeholder:"X" help:"Weight decay of AdamW; biases do not decay (${default})."`
	Beta1       float64  `name:"beta1" group:"training" default:"0.9" placeholder:"X" help:"AdamW (${default})."`
	Beta2       float64  `name:"beta2" group:"training" default:"0.999" placeholder:"X" help:"AdamW (${default})."`
	Eps         float64  `group:"training" default:"1e-8" placeholder:"X" help:"AdamW (${default})."`
	Clip        float64  `group:"training" default:"1" placeholder:"X" help:"Limit of the gradient's norm; 0: none (${default})."`
	Dropout     float64  `group:"training" default:"0.2" placeholder:"X" help:"Share of the pooled state that is dropped (${default})."`
	Smoothing   float64  `name:"label-smoothing" group:"training" default:"0.1" placeholder:"X" help:"Label smoothing (${default})."`
	EMA         float64  `name:"ema" group:"training" placeholder:"X" help:"Decay of the weights' moving average, which is then what is kept; 0: none (0)."`
	Patience    int      `group:"training" placeholder:"N" help:"Epochs without a better one before the run ends; 0: never (0)."`
	Calibrate   int      `group:"training" default:"32" placeholder:"N" help:"Training clips from which the scale of fresh weights is fitted (${default}; 0 with --init)."`
	Standardise string   `group:"training" placeholder:"WAY" help:"Mean and deviation of the training clips: all for one of each, each for one a feature, none; left out: all for video, each for features; with --init those of the model."`
	Seed        uint64   `group:"training" default:"1" placeholder:"N" help:"Of weights, order, random frames, augmentation, dropout (${default})."`

	ShiftX     int     `group:"augment" placeholder:"N" help:"Pixels that a training clip is moved sideways at most (0)."`
	ShiftY     int     `group:"augment" placeholder:"N" help:"The same, up and down (0)."`
	Flip       bool    `group:"augment" help:"Mirror half of the training clips: wrong where left and right are classes."`
	Brightness float64 `group:"augment" placeholder:"X" help:"rgb: factor 1-X to 1+X (0)."`
	Turn       float64 `group:"augment" placeholder:"DEGREES" help:"Features that are points of three coordinates (skeletons, their differences): each training clip is turned about the second, the vertical one, by at most so much either way (0)."`
	Stretch    float64 `group:"augment" placeholder:"SHARE" help:"The same: each training clip is made exp(-SHARE) to exp(SHARE) times as large, half of them smaller, 0.1 for about a tenth (0)."`
}

// settings fills in the warm-up, which depends on the schedule where it is left out.
func (f *trainingFlags) settings() train.Settings {
	if f.Warmup == nil {
		w := 1.0
		if f.Schedule == train.OneCycle || f.Epochs < 2 {
			w = 0 // train knows what is usual for onecycle
		}
		f.Warmup = &w
	}
	return train.Settings{
		Epochs: f.Epochs, Batch: f.Batch, Seed: f.Seed, LR: f.LR, MinLR: f.MinLR, Schedule: f.Schedule, Warmup: *f.Warmup,
		Beta1: f.Beta1, Beta2: f.Beta2, Eps: f.Eps, Decay: f.WeightDecay, Clip: f.Clip, Dropout: f.Dropout,
		Smoothing: f.Smoothing, EMA: f.EMA, Patience: f.Patience, Calibrate: f.Calibrate,
	}
}

// augment is for frames or for features: what is for video has never been an error for features.
func (f *trainingFlags) augment(frames bool) dataset.Augment {
	a := dataset.Augment{Turn: f.Turn, Stretch: f.Stretch}
	if frames {
		a.ShiftX, a.ShiftY, a.Flip, a.Brightness = f.ShiftX, f.ShiftY, f.Flip, float32(f.Brightness)
	}
	return a
}

// trainCmd is fdht train.
type trainCmd struct {
	Config configFile `arg:"" optional:"" name:"CONFIG.toml" placeholder:"CONFIG.toml" help:"Settings, a key a flag; flags on the command line win."`
	recipe
	Out     string    `placeholder:"DIR" group:"data" config:"-" help:"Folder for the model, checkpoints, metrics.jsonl, curves.png and the settings."`
	Resume  resumeDir `placeholder:"DIR" group:"data" config:"-" help:"Go on with the run in DIR, to the same numbers as if it had never stopped."`
	Workers int       `group:"common" placeholder:"N" config:"-" help:"Processors to use; results do not depend on it (all)."`

	SumRanks bool `group:"common" config:"-" help:"Under mpirun: each rank adds up its gradients before they are sent. Fewer bytes; numbers are those of one process to rounding, not to the bit."`
	jsonFlag
	common
}

// Help is the long help.
func (*trainCmd) Help() string {
	return `Examples:

  fdht train --data clips --out runs/first --budget 5000
  fdht train --data made --out runs/made --epochs 10 --rank 8
  fdht train experiments/utd-mhad-depth.toml --out runs/depth --seed 2
  fdht train --data features --out runs/gru --cell gru --bidirectional --kind tt --rank 4 --scope partial
  fdht train --data clips --out runs/fine --init small.safetensors --lr 0.0005
  fdht train --resume runs/first

DIR gets model.safetensors (the best epoch on the validation part), checkpoint.safetensors, metrics.jsonl (a line an epoch),
curves.png and config.toml, which has every setting and makes the run again.`
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, u *ui, k *kong.Context) error {
	g, err := joinRanks(u)
	if err != nil {
		return err
	}
	return g.leave(c.train(ctx, u, k, g))
}

func (c *trainCmd) train(ctx context.Context, u *ui, k *kong.Context, g *ranks) error {
	resume := c.Resume != ""
	switch {
	case resume && c.Out != "" && filepath.Clean(c.Out) != filepath.Clean(string(c.Resume)):
		return usage("leave --out away", "--resume %s and --out %s: a run goes on in its own folder", c.Resume, c.Out)
	case resume && c.Config != "":
		return usage("leave it away: the run has its settings in its folder", "--resume %s does not go with %s", c.Resume, c.Config)
	case resume:
		c.Out = string(c.Resume)
	case c.Out == "":
		return usage("such as --out runs/first", "--out is missing: say where the run goes")
	}
	if resume && slices.ContainsFunc(k.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "init" && !p.Resolved }) {
		return usage("leave --init away: the run has weights of its own", "--resume %s does not go with --init %s", c.Resume, c.Init)
	}
	started := time.Now()
	r, err := c.recipe.start(ctx, u, g, c.Out, resume, c.Workers, k.Flags())
	if err != nil {
		return err
	}
	defer r.close()
	r.train.Group, r.train.SumRanks = g.group(), c.SumRanks
	res, err := r.run(ctx, u)
	if err != nil || !g.lead() {
		return err
	}
	return c.report(u, r, res, time.Since(started))
}

// trained is what train --json prints.
type trained struct {
	Model   string      `json:"model"`
	Epochs  int         `json:"epochs"`
	Early   bool        `json:"early"`
	Best    *train.Best `json:"best"`
	Weights int64       `json:"weights"`
	Total   int64       `json:"total"`
	Ratio   float64     `json:"ratio"`
	Train   int         `json:"train_clips"`
	Val     int         `json:"val_clips"`
	Test    int         `json:"test_clips"`
	Seconds float64     `json:"seconds"`
}

func (c *trainCmd) report(u *ui, r *run, res train.Result, took time.Duration) error {
	path := filepath.Join(c.Out, train.ModelFile)
	w, b, h := r.model.Net.Count()
	ratio := float64(r.model.Config.RNN().DenseWeights()) / float64(w)
	if c.JSON {
		return u.json(trained{path, res.Epochs, res.Early, res.Best, w, w + b + h, ratio,
			len(r.split.Train), len(r.split.Val), len(r.split.Test), took.Seconds()})
	}
	what := "validation"
	if len(r.split.Val) == 0 {
		what = "training"
	}
	if err := u.print("%s: best epoch %d of %d, %s accuracy %s; %s recurrent weights, %s\n",
		path, res.Best.Epoch, res.Epochs, what, percent(res.Best.Accuracy), thousands(w), fewer(w, r.model.Config.RNN().DenseWeights())); err != nil {
		return err
	}
	if len(r.split.Test) > 0 {
		u.note("next: %s eval --model %s --split test", self(), c.Out)
	}
	return nil
}

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
	r.sample.Augment = c.augment(frames)
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

// run trains with progress.
func (r *run) run(ctx context.Context, u *ui) (train.Result, error) {
	w, b, h := r.model.Net.Count()
	u.note("%d training, %d validation, %d test clips of %d classes; %s recurrent weights, %s in all", len(r.split.Train), len(r.split.Val),
		len(r.split.Test), len(r.model.Config.Classes), thousands(w), thousands(w+b+h))
	p := &trainProgress{u: u, bar: u.bar("training")}
	r.train.Progress = p
	res, err := train.Run(ctx, r.train)
	p.bar.done()
	var stopped *train.InterruptedError
	if errors.As(err, &stopped) {
		return res, hinted{fmt.Errorf("stopped in epoch %d of %d", stopped.Epoch, stopped.Epochs),
			fmt.Sprintf("go on with %s train --resume %s", self(), r.dir)}
	}
	return res, err
}

// trainProgress shows a run: a bar on a terminal, a line an epoch elsewhere.
type trainProgress struct {
	u    *ui
	bar  *bar
	last string // of validation
}

// Step moves the bar.
func (p *trainProgress) Step(s train.Step) {
	done := (s.Epoch - 1) * s.Steps
	total := s.Epochs * s.Steps
	if s.Validating {
		return
	}
	p.bar.set(done+s.Step, total, "epoch %d/%d  loss %.3f  accuracy %s%s  %.0f clips/s", s.Epoch, s.Epochs, s.Loss, percent(s.Accuracy), p.last, s.ClipsPerSec)
}

// Epoch says what an epoch came to.
func (p *trainProgress) Epoch(e train.Epoch) {
	line := fmt.Sprintf("epoch %3d  loss %.4f  accuracy %s", e.Epoch, e.TrainLoss, percent(e.TrainAccuracy))
	if e.ValAccuracy != nil {
		line += fmt.Sprintf("  validation loss %.4f  accuracy %s", *e.ValLoss, percent(*e.ValAccuracy))
		p.last = fmt.Sprintf("  validation %s", percent(*e.ValAccuracy))
	}
	line += fmt.Sprintf("  %.0f clips/s  %.1f s", e.ClipsPerSec, e.Seconds)
	if p.u.terminal {
		p.u.detail("%s", line)
	} else {
		p.u.note("%s", line)
	}
}

// Note passes on what the user should know.
func (p *trainProgress) Note(text string) { p.u.note("%s", text) }

func orAll(workers int) int {
	if workers > 0 {
		return workers
	}
	return runtime.GOMAXPROCS(0)
}
