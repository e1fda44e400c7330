package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
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
	WeightDecay float64  `group:"training" default:"0.1" placeholder:"X" help:"Weight decay of AdamW; biases do not decay (${default})."`
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
	Noise      float64 `group:"augment" placeholder:"X" help:"Noise on the standardised numbers of training clips, X its deviation, such as 0.3 (0)."`
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
		Smoothing: f.Smoothing, EMA: f.EMA, Patience: f.Patience, Calibrate: f.Calibrate, Noise: f.Noise,
	}
}

func (f *trainingFlags) augment() dataset.Augment {
	return dataset.Augment{ShiftX: f.ShiftX, ShiftY: f.ShiftY, Flip: f.Flip, Brightness: float32(f.Brightness), Turn: f.Turn, Stretch: f.Stretch}
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
