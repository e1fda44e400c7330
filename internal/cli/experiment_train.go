package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/experiment"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/train"
)

// job makes the run of a job: its model is fresh, its data has the clips of the job and no others.
func (l *lab) job(ctx context.Context, j experiment.Job, dir string) (r *run, held []int, err error) {
	c, err := l.choose(ctx, j.Row, j.Point)
	if err != nil {
		return nil, nil, err
	}
	values, err := parseConfig(l.f.path, []byte(c.text))
	if err != nil {
		return nil, nil, err
	}
	values.dir = l.f.dir
	values.values["seed"] = int64(j.Seed)
	for _, k := range places() {
		if v, ok := c.settings.values[k]; ok {
			values.values[k] = v
		}
	}
	rec, flags, err := recipeOf(values)
	if err != nil {
		return nil, nil, err
	}
	trains, held := c.clips(j)
	r = &run{dir: dir, workers: l.workers, data: only(c.openedData, trains, held), split: dataset.Split{Train: trains}}
	r.resume = dir != "" && experiment.Store{Dir: filepath.Dir(dir)}.Begun(filepath.Base(dir))
	if err := rec.prepare(ctx, r, c.in); err != nil {
		return nil, nil, err
	}
	if j.Start != "" {
		r.train.Calibrate = 0 // the weights are not fresh
		if dir != "" && !r.resume {
			if err := l.begin(ctx, j, r.model, filepath.Join(filepath.Dir(dir), j.Start)); err != nil {
				return nil, nil, err
			}
		}
	}
	if j.Final() { // where eval finds the data
		r.train.Begin = func() error { return rec.write(dir, flags) }
	}
	return r, held, nil
}

// begin gives m the weights of the network that the start of j left in its folder, compressed to the structure of m.
func (l *lab) begin(ctx context.Context, j experiment.Job, m *model.File, dir string) error {
	from, err := model.Load(filepath.Join(dir, train.ModelFile))
	if errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("the network of run %s, which this one begins with, is not kept", j.Start), "remove " + dir + ", and it is trained again"}
	}
	if err != nil {
		return err
	}
	if err := l.follows(j.Row, from.Config, m.Config); err != nil { // the settings chosen for it may be others than this row's
		return err
	}
	if sameStructure("", from.Config, m.Config) != nil {
		how := model.Compression{Structure: []factor.Spec{m.Config.Structure}}
		if m.Config.Upper != nil {
			how.Upper = []factor.Spec{*m.Config.Upper}
		}
		if m.Config.Recurrent != nil {
			how.Recurrent = []factor.Spec{*m.Config.Recurrent}
		}
		if from, _, err = model.Compress(ctx, from, how); err != nil {
			return fmt.Errorf("the network of run %s cannot be compressed to this row's structure: %w", j.Start, err)
		}
	}
	copyWeights(m.Net, from.Net)
	return nil
}

// Train is for experiment.Trainer.
func (l *lab) Train(ctx context.Context, j experiment.Job, dir string, progress func(done, total int)) (experiment.Result, error) {
	var res experiment.Result
	r, held, err := l.job(ctx, j, dir)
	if err != nil {
		return res, err
	}
	res.Clips = len(r.split.Train)
	r.train.Progress = &jobProgress{l.u, r.train.Epochs, progress}
	r.train.NoCurves = true
	out, err := train.Run(ctx, r.train)
	var diverged *train.DivergedError
	if errors.As(err, &diverged) {
		res.Diverged = diverged.Error()
		return res, nil
	}
	if err != nil {
		return res, err
	}
	res.Epochs = out.Epochs
	for _, e := range out.History {
		res.Curve = append(res.Curve, experiment.Epoch{Loss: e.TrainLoss, Accuracy: e.TrainAccuracy})
		res.Seconds += e.Seconds
	}
	if j.Final() {
		return res, nil
	}
	c, err := l.choose(ctx, j.Row, j.Point)
	if err != nil {
		return res, err
	}
	s, err := l.score(ctx, c, r.data, r.model, held, r.workers)
	if err != nil {
		return res, err
	}
	s.Labels, s.Confusion = nil, nil // of no use to anybody
	res.Held = &s
	return res, nil
}

// score measures a model on some clips, those left out or those for test, the same way.
func (l *lab) score(ctx context.Context, c *chosen, ds dataset.Dataset, m *model.File, clips []int, workers int) (experiment.Score, error) {
	src, err := train.NewClips(ds, clips, m.Config.Classes, c.sample)
	if err != nil {
		return experiment.Score{}, err
	}
	rep, err := train.Evaluate(ctx, m, src, train.EvalOptions{Views: c.views, Workers: workers})
	if err != nil {
		return experiment.Score{}, err
	}
	return experiment.Score{Clips: rep.Clips, Top1: rep.Top1, Top5: rep.Top5, MeanRecall: rep.MeanRecall, Loss: rep.Loss,
		Labels: m.Config.Classes, Confusion: rep.Confusion}, nil
}

// Finish is for experiment.Trainer: the checkpoints go, and with them the model of a cross-validation that no other row begins with.
func (l *lab) Finish(j experiment.Job, dir string) error {
	names := []string{model.CheckpointFile, model.PreviousFile}
	row := l.f.Rows[j.Row].Name
	if !j.Final() && !slices.ContainsFunc(l.f.Rows, func(r experiment.Row) bool { return r.From == row }) {
		names = append(names, train.ModelFile)
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot remove %s: %w", filepath.Join(dir, name), bare(err))
		}
	}
	return nil
}

// Test is for experiment.Trainer.
func (l *lab) Test(ctx context.Context, j experiment.Job, dir string) (experiment.Score, error) {
	c, err := l.choose(ctx, j.Row, j.Point)
	if err != nil {
		return experiment.Score{}, err
	}
	m, err := model.Load(filepath.Join(dir, train.ModelFile))
	if err != nil {
		return experiment.Score{}, err
	}
	score, err := l.score(ctx, c, c.data, m, c.split.Test, l.all)
	if err != nil {
		return score, err
	}
	score.Bytes, err = l.memory(ctx, j)
	return score, err
}

// sizer finds what memory a step of training takes.
type sizer struct{ before, bytes int64 }

// Step measures while everything that a step needs is there.
func (s *sizer) Step(train.Step) { s.bytes = max(s.bytes, heap()-s.before) }

// Epoch does nothing.
func (*sizer) Epoch(train.Epoch) {}

// Note does nothing.
func (*sizer) Note(string) {}

// heap is what is in use of Go's memory.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// memory takes one step of a job and returns the bytes that its network, its training and its clips take; data that is mapped or kept for all
// jobs is not counted.
func (l *lab) memory(ctx context.Context, j experiment.Job) (int64, error) {
	s := &sizer{before: heap()}
	r, _, err := l.job(ctx, j, "")
	if err != nil {
		return 0, err
	}
	n := min(r.train.Batch, len(r.split.Train))
	src, err := train.NewClips(r.data, r.split.Train[:n], r.model.Config.Classes, r.sample)
	if err != nil {
		return 0, err
	}
	r.train.Train, r.train.Dir, r.train.Epochs, r.train.Warmup, r.train.Workers, r.train.Progress = src, "", 1, 0, 1, s
	_, err = train.Run(ctx, r.train)
	return s.bytes, err
}

// jobProgress passes on the epochs of a job.
type jobProgress struct {
	u      *ui
	epochs int
	f      func(done, total int)
}

// Step does nothing.
func (*jobProgress) Step(train.Step) {}

// Epoch tells how far the job is.
func (p *jobProgress) Epoch(e train.Epoch) { p.f(e.Epoch, p.epochs) }

// Note passes on what the user should know.
func (p *jobProgress) Note(text string) { p.u.note("%s", text) }
