package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// ModelFile and CurvesFile are the files in a run's folder that hold the best model so far and the plot of its epochs.
const (
	ModelFile  = "model.safetensors"
	CurvesFile = "curves.png"
)

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
	t.train.team, t.train.noise = team, o.Noise
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
