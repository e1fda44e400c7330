package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// ModelFile and CurvesFile are the files in a run's folder that hold the best model so far and the plot of its epochs.
const (
	ModelFile  = "model.safetensors"
	CurvesFile = "curves.png"
)

// damagedFile is what a checkpoint that could not be read is renamed to.
const damagedFile = "checkpoint.damaged.safetensors"

// Options is what Run works on. Only Settings, Model, Train and Val change its numbers.
type Options struct {
	Settings
	Model *model.File // trained in place; with Resume its weights are replaced by the checkpoint's
	Train Source
	Val   Source // nil: no validation; the last epoch is then the best

	Dir      string        // the run's folder, made if need be; empty: nothing is written
	Resume   bool          // go on from Dir's checkpoint
	Begin    func() error  // called before a run that is not resumed writes to Dir, which is then this process's alone; may be nil
	NoCurves bool          // draw no curves.png, for who draws many runs together
	Workers  int           // of the network; 0: all processors
	Watchdog time.Duration // a clip that takes longer to be read ends the run with an error that names it; 0: none does
	Loaders  int           // clips prepared at once; 0: as many as Workers
	Progress Progress

	// Group trains with other processes, each of which takes a share of every batch; nil: this process by itself. Numbers are those of one process,
	// but with SumRanks or a dense network. Rank 0 alone writes to Dir, resumes and reports; with an error on one rank Run ends on all.
	Group Group
	// SumRanks lets each rank add up its own gradients before they are sent: fewer bytes when a rank has many clips, and numbers that are those of
	// one process to rounding only.
	SumRanks bool
}

// Progress is told how a run comes along. Calls come from one goroutine at a time.
type Progress interface {
	Step(Step)
	Epoch(Epoch)
	Note(text string) // something that the user should know, such as a damaged checkpoint
}

// Step is where a run stands after a step of training or, with Validating, after a batch of the validation split.
type Step struct {
	Epoch, Epochs  int // Epoch counts from 1
	Step, Steps    int // within the epoch, or clips of the validation split
	Validating     bool
	Loss, Accuracy float64 // means over the epoch so far
	ClipsPerSec    float64
}

// Result is what a run came to.
type Result struct {
	History []Epoch // one an epoch, those before a resumption included where metrics.jsonl has them
	Best    *Best   // nil when no epoch was finished
	Epochs  int     // finished
	Steps   int     // optimiser steps
	Early   bool    // early stopping ended the run
}

// Best is the best epoch. Of two epochs the one with the higher validation accuracy is better, of equal ones that with the
// lower validation loss, of equal ones the earlier. Without a validation split it is the last epoch.
type Best = model.Best

// InterruptedError is what Run returns when its context ended.
type InterruptedError struct {
	Epoch, Epochs int    // the epoch that will be run again, from 1
	Dir           string // empty when the run writes nothing
	Cause         error
}

func (e *InterruptedError) Error() string {
	text := fmt.Sprintf("stopped in epoch %d of %d", e.Epoch, e.Epochs)
	if e.Dir != "" {
		text += fmt.Sprintf("; go on with --resume %s", e.Dir)
	}
	return text
}

// Unwrap gives the context's error.
func (e *InterruptedError) Unwrap() error { return e.Cause }

// Run trains o.Model. When it returns, also with an error, the model has the weights of the best epoch, if one was
// finished. In Dir it keeps model.safetensors (the best epoch's weights), the checkpoints, metrics.jsonl and curves.png.
//
// When ctx ends Run stops after the step at hand and returns an *InterruptedError; the checkpoint is that of the last
// finished epoch, and a resumed run goes through the interrupted epoch from its start. A loss or gradient that is not
// finite ends the run with a *DivergedError.
func Run(ctx context.Context, o Options) (res Result, err error) {
	team := newTeam(o.Group)
	if !team.leads() {
		o.Dir, o.Resume, o.Progress = "", false, nil
	}
	release, err := o.open()
	defer release()
	if err = team.meet(err); err != nil {
		return Result{}, err
	}
	t, err := newTrainer(o, team)
	if err = team.meet(err); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, t.log.close()) }()
	if err := t.start(); err != nil {
		return Result{}, err
	}
	err = t.epochs(ctx)
	t.useBest()
	if drawErr := t.draw(); err == nil {
		err = drawErr
	}
	return t.result(), err
}

// open checks the options and takes the folder.
func (o *Options) open() (release func(), err error) {
	release = func() {}
	if err := o.check(); err != nil || o.Dir == "" {
		return release, err
	}
	if err := os.MkdirAll(o.Dir, 0o777); err != nil {
		return release, fmt.Errorf("cannot make %s: %w", o.Dir, bare(err))
	}
	l, err := lockDir(o.Dir)
	if err != nil {
		return release, err
	}
	cleanUp(o.Dir)
	return l.release, nil
}

func (o *Options) check() error {
	if err := o.Settings.Validate(); err != nil {
		return err
	}
	if o.Train.Len() == 0 {
		return errors.New("there are no training clips")
	}
	if o.Val != nil && o.Val.Len() == 0 {
		return errors.New("there are no validation clips: give the validation split some, or train without one")
	}
	for _, s := range []Source{o.Train, o.Val} {
		if s == nil {
			continue
		}
		if err := CheckWidth(o.Model.Config, s); err != nil {
			return err
		}
		for i := range s.Len() {
			if l := s.Label(i); l < 0 || l >= len(o.Model.Config.Classes) {
				return fmt.Errorf("clip %d has label %d, the model has %d classes", i, l, len(o.Model.Config.Classes))
			}
		}
	}
	if o.Resume && o.Dir == "" {
		return errors.New("no folder to resume from")
	}
	return nil
}

// trainer is a run at work.
type trainer struct {
	o        Options
	team     *team // nil: a process by itself
	progress Progress
	params   []rnn.Param
	run      *rnn.Runner
	grads    [][]float32
	adam     *AdamW
	avg      *average    // nil without EMA
	best     [][]float32 // weights of the best epoch
	spare    [][]float32 // the training weights, while the average is evaluated; nil without EMA
	sched    Schedule
	train    *loader
	val      *loader // nil without validation
	order    []int
	loss     lossState
	lossFunc func(k int, dlogits, logits []float32) float64 // loss.clip, made once

	settings record
	at       model.Progress
	history  []Epoch
	log      *metricsLog
	drawn    time.Time // when curves.png was drawn
}

// lossState is what the loss callback needs, set before each step. Clips write to places of their own, so that
// workers may call it at once.
type lossState struct {
	labels    []int
	hit       []bool
	smoothing float64
	scale     float64 // 1 / clips of the batch
}

func (s *lossState) clip(k int, dlogits, logits []float32) float64 {
	s.hit[k] = rank(logits, s.labels[k]) == 0
	return CrossEntropy(dlogits, logits, s.labels[k], s.smoothing, s.scale)
}

func newTrainer(o Options, team *team) (*trainer, error) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Loaders == 0 {
		o.Loaders = o.Workers
	}
	by, err := model.NewScaler(o.Model.Config.Standardise, o.Model.Config.Input)
	if err != nil {
		return nil, err
	}
	params := o.Model.Net.Params()
	t := &trainer{
		o: o, team: team, progress: o.Progress, params: params,
		run: o.Model.Net.NewRunner(o.Workers), grads: like(params), best: like(params),
		adam:  NewAdamW(params, o.Beta1, o.Beta2, o.Eps, o.Decay),
		train: newLoader(o.Train, o.Batch, o.Loaders, by, o.Watchdog), order: make([]int, o.Train.Len()),
		settings: record{Settings: o.Settings, TrainClips: o.Train.Len()},
		at:       model.Progress{Seed: o.Seed},
	}
	if t.progress == nil {
		t.progress = silent{}
	}
	t.loss = lossState{hit: make([]bool, t.train.size), smoothing: o.Smoothing}
	t.lossFunc = t.loss.clip
	t.sched = o.schedule(t.train.steps())
	if o.Val != nil {
		t.val = newLoader(o.Val, o.Batch, o.Loaders, by, o.Watchdog)
		t.settings.ValClips = o.Val.Len()
		t.val.team = team
	}
	t.train.team = team
	team.prepare(t.run.Unit(), t.train.size)
	if o.EMA > 0 {
		t.avg, t.spare = newAverage(params, o.EMA), like(params)
	}
	return t, nil
}

// begin takes up Dir's checkpoint, or makes the first one, so that a folder that cannot be written is known at once.
func (t *trainer) begin() error {
	if t.o.Resume {
		return t.resume()
	}
	if t.o.Dir != "" {
		for _, name := range []string{model.CheckpointFile, model.PreviousFile} {
			if _, err := os.Stat(filepath.Join(t.o.Dir, name)); err == nil {
				return fmt.Errorf("%s already holds a run: go on with --resume %s, or choose another --out", t.o.Dir, t.o.Dir)
			}
		}
		if t.o.Begin != nil {
			if err := t.o.Begin(); err != nil {
				return err
			}
		}
	}
	if err := t.calibrate(); err != nil {
		return err
	}
	if t.avg != nil {
		copyFrom(t.avg.values, t.params)
	}
	copyFrom(t.best, t.params)
	if t.o.Dir == "" {
		return nil
	}
	var err error
	if t.log, t.history, err = openMetrics(t.o.Dir, 0); err != nil {
		return err
	}
	return t.save()
}

// calibrate fits the scale of fresh weights to some training clips, the same for every number of workers.
func (t *trainer) calibrate() error {
	if t.o.Calibrate == 0 {
		return nil
	}
	shuffle(t.order, mix(t.o.Seed, streamCalibrate), 0)
	n := min(t.o.Calibrate, len(t.order))
	b := newBatch(n, t.train.bufs[0].slots[0].By)
	l := &loader{src: t.o.Train, size: n, loaders: t.o.Loaders, dog: t.train.dog}
	if err := l.fillNow(context.Background(), b, t.order[:n], Draw{Seed: t.o.Seed}); err != nil {
		return err
	}
	t.o.Model.Net.Calibrate(b.seqs)
	t.run.Refresh()
	return nil
}

func (t *trainer) resume() error {
	dir := t.o.Dir
	c, err := model.LoadCheckpoint(dir)
	if err != nil {
		return err
	}
	if err := sameConfig(c.Config, t.o.Model.Config); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if err := t.settings.differ(c.Settings); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	weights := like(t.params)
	for _, g := range t.groups(weights) {
		if err := c.Restore(t.params, g); err != nil {
			return err
		}
	}
	copyTo(t.params, weights)
	t.run.Refresh()
	t.at = c.Progress
	t.adam.step = c.Progress.Step
	if c.Damaged != nil {
		if err := t.setAside(c); err != nil {
			return err
		}
	}
	if t.log, t.history, err = openMetrics(dir, t.at.MetricsBytes); err != nil {
		return err
	}
	if t.log.size < t.at.MetricsBytes {
		t.progress.Note(fmt.Sprintf("%s lacks epochs that were run: the run goes on without them", filepath.Join(dir, MetricsFile)))
	}
	// The run may have ended between the checkpoint and the model file.
	if t.at.Best != nil {
		return t.saveModel()
	}
	return nil
}

// setAside renames a damaged checkpoint, so that the next one does not push out the good one before it.
func (t *trainer) setAside(c *model.Checkpoint) error {
	newest := filepath.Join(t.o.Dir, model.CheckpointFile)
	if _, err := os.Stat(newest); errors.Is(err, fs.ErrNotExist) {
		t.progress.Note(fmt.Sprintf("there is no %s: going on from %s, epoch %d", newest, c.Path, c.Progress.Epoch))
		return nil
	}
	aside := filepath.Join(t.o.Dir, damagedFile)
	if err := os.Rename(newest, aside); err != nil {
		return fmt.Errorf("cannot rename %s, which is damaged: %w", newest, err)
	}
	t.progress.Note(fmt.Sprintf("%v; going on from %s, epoch %d; the damaged file is now %s", c.Damaged, c.Path, c.Progress.Epoch, aside))
	return nil
}

// groups are the values in a checkpoint. weights stands in for the parameters.
func (t *trainer) groups(weights [][]float32) []model.Group {
	g := append([]model.Group{{Name: "weights", Values: weights}}, t.adam.groups()...)
	if t.avg != nil {
		g = append(g, model.Group{Name: "average", Values: t.avg.values})
	}
	return append(g, model.Group{Name: "best", Values: t.best})
}

// save writes the checkpoint of the epochs so far.
func (t *trainer) save() error {
	if t.o.Dir == "" {
		return nil
	}
	text, err := t.settings.text()
	if err != nil {
		return err
	}
	weights := make([][]float32, len(t.params))
	for i, p := range t.params {
		weights[i] = p.Data
	}
	t.at.MetricsBytes = t.log.bytes()
	c := &model.Checkpoint{Config: t.o.Model.Config, Progress: t.at, Settings: text}
	return model.SaveCheckpoint(t.o.Dir, c, t.params, t.groups(weights))
}

// saveModel writes the model file with the weights of the best epoch, and leaves the parameters as they are.
func (t *trainer) saveModel() error {
	if t.o.Dir == "" {
		return nil
	}
	weights := like(t.params)
	copyFrom(weights, t.params)
	copyTo(t.params, t.best)
	defer copyTo(t.params, weights)
	return t.o.Model.Save(filepath.Join(t.o.Dir, ModelFile))
}

// useBest leaves the model with the weights of the best epoch.
func (t *trainer) useBest() {
	if t.at.Best != nil {
		copyTo(t.params, t.best)
		t.run.Refresh()
	}
}

func (t *trainer) result() Result {
	return Result{History: t.history, Best: t.at.Best, Epochs: t.at.Epoch, Steps: t.at.Step, Early: t.at.Stopped}
}

// kept names the checkpoint for the text of an error.
func (t *trainer) kept() string {
	if t.o.Dir == "" {
		return ""
	}
	return filepath.Join(t.o.Dir, model.CheckpointFile)
}

func sameConfig(was, now model.Config) error {
	a, err := model.SettingsSum(was, nil)
	if err != nil {
		return err
	}
	b, err := model.SettingsSum(now, nil)
	if err != nil {
		return err
	}
	if a != b {
		return errors.New("the run's model has another configuration (structure, classes, frame or standardisation) than the one given now")
	}
	return nil
}

// silent is the Progress that tells nobody.
type silent struct{}

func (silent) Step(Step)   {}
func (silent) Epoch(Epoch) {}
func (silent) Note(string) {}

// cleanUp removes temporary files that an earlier process left in dir when it was killed.
func cleanUp(dir string) {
	for _, name := range []string{model.CheckpointFile, ModelFile, CurvesFile} {
		atomicfile.Clean(filepath.Join(dir, name))
	}
}
