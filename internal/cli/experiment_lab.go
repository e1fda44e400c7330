package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/experiment"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/train"
)

// lab trains the jobs of an experiment with the recipe of fdht train.
type lab struct {
	u       *ui
	f       *experimentFile
	places  map[string]string // of keys, in place of the file's
	workers int               // of one job
	all     int               // for what is done alone

	mu     sync.Mutex
	opened map[string]*openedData
	chosen map[[2]int]*chosen // by row and point
}

// newLab is a lab that works alone on one processor. places are the paths of the command line, by the keys that they stand for.
func newLab(u *ui, f *experimentFile, places map[string]string) *lab {
	return &lab{u: u, f: f, places: places, workers: 1, all: 1, opened: map[string]*openedData{}, chosen: map[[2]int]*chosen{}}
}

// openedData is a data set that is open.
type openedData struct {
	data dataset.Dataset
	in   dataset.Input
}

// chosen are the settings of a row with a point of the grid, with all that is left to the program chosen.
type chosen struct {
	*openedData
	text     string // as config.toml has it, without the places of the data
	split    dataset.Split
	folds    [][]int
	settings *settings // with the places of the data
	network  model.Config
	sample   dataset.Sample // how clips are sampled, where they are measured in so many views
	views    int
}

// places are the keys that say where something is: they do not belong to a job's settings.
func places() []string { return []string{"data", "cache", "max-bad", "split-list"} }

func (l *lab) close() {
	for _, o := range l.opened {
		closeData(o.data)
	}
}

// choose settles the settings of a row and a point.
func (l *lab) choose(ctx context.Context, row, point int) (*chosen, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.chosen[[2]int{row, point}]; ok {
		return c, nil
	}
	c, err := l.settle(ctx, l.settings(row, point))
	if err != nil {
		return nil, err
	}
	l.chosen[[2]int{row, point}] = c
	return c, nil
}

// settings are those of the file for a row and a point.
func (l *lab) settings(row, point int) *settings {
	s := newSettings().over(l.f.rows[row])
	for _, c := range product(l.f.tune)[point] {
		s.values[c.key], s.lines[c.key] = c.value, c.line
	}
	for key, path := range l.places {
		if path == "" {
			continue
		}
		if abs, err := filepath.Abs(path); err == nil && !strings.HasPrefix(path, madeName) {
			path = abs
		}
		s.values[key] = path
	}
	s.values["val"] = int64(0)
	return s
}

// settle opens the data, divides it, and makes the choices that the settings leave open.
func (l *lab) settle(ctx context.Context, s *settings) (*chosen, error) {
	file := &config{path: l.f.path, dir: l.f.dir, values: s.values, lines: s.lines}
	r, flags, err := recipeOf(file)
	if err != nil {
		return nil, err
	}
	if err := r.trainingFlags.settings().Validate(); err != nil {
		return nil, usage("", "%s: %w", l.f.path, err)
	}
	c := &chosen{settings: s}
	if c.openedData, err = l.open(ctx, r); err != nil {
		return nil, err
	}
	if c.split, err = r.split(c.data); err != nil {
		return nil, err
	}
	// A list's own validation part is for training: nothing is chosen by it.
	c.split.Train = slices.Sorted(slices.Values(slices.Concat(c.split.Train, c.split.Val)))
	c.split.Val = nil
	if len(c.split.Test) == 0 {
		return nil, usage("say which with split-by, test-groups or split-list", "%s: no clips of %s are for test", l.f.path, c.data.Name())
	}
	if len(l.f.Points) > 1 {
		if c.folds, err = dataset.Folds(c.data, c.split.Train, l.f.CV.FoldOptions); err != nil {
			return nil, usage("[cv] by and folds say what is left out", "%s: %w", l.f.path, err)
		}
	}
	if err := r.fill(c); err != nil {
		return nil, err
	}
	text, err := writeConfig("", slices.DeleteFunc(slices.Clone(flags), func(f *kong.Flag) bool { return slices.Contains(places(), f.Name) }), "")
	c.text = string(text)
	return c, err
}

// fill makes the choices that a recipe leaves open, from the data alone.
func (c *recipe) fill(d *chosen) error {
	frames := isVideo(d.data)
	if !frames {
		c.frameFlags.clear()
	}
	r := &run{data: d.data, split: d.split}
	if err := c.sampling(r, frames); err != nil {
		return err
	}
	if err := enough(d.data, d.split.Test, r.sample); err != nil {
		return err
	}
	cfg := c.config(d.data.Width(), d.data.Classes())
	var err error
	if cfg.Structure, cfg.Upper, cfg.Recurrent, err = c.modelFlags.resolve(d.data.Width(), c.Frame); err != nil {
		return err
	}
	if err := cfg.RNN().Validate(); err != nil {
		return &usageError{err: err}
	}
	d.network, d.sample, d.views = cfg, r.sample, c.Views
	return c.standardising(frames)
}

// open opens the data of a recipe, once for all rows that want it so.
func (l *lab) open(ctx context.Context, r *recipe) (*openedData, error) {
	in, err := r.frameFlags.resolve()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%+v %+v", r.sourceFlags, in)
	if o := l.opened[key]; o != nil {
		return o, nil
	}
	ds, err := r.open(ctx, l.u, in, l.all)
	if err != nil {
		return nil, err
	}
	o := &openedData{ds, in}
	l.opened[key] = o
	return o, nil
}

// Folds is for experiment.Trainer.
func (l *lab) Folds(ctx context.Context, row int) (int, error) {
	c, err := l.choose(ctx, row, 0)
	if err != nil {
		return 0, err
	}
	return len(c.folds), nil
}

// Structure is for experiment.Trainer.
func (l *lab) Structure(ctx context.Context, row, point int) (experiment.Structure, error) {
	c, err := l.choose(ctx, row, point)
	if err != nil {
		return experiment.Structure{}, err
	}
	s := experiment.Structure{Text: networkText(c.network), Dense: c.network.RNN().DenseWeights()}
	s.Weights, s.Biases, s.Head, err = c.network.RNN().Count()
	return s, err
}

// clips are those that train and those that are left out.
func (c *chosen) clips(j experiment.Job) (trains, held []int) {
	if j.Final() {
		return c.split.Train, nil
	}
	held = c.folds[j.Fold]
	for _, i := range c.split.Train {
		if _, out := slices.BinarySearch(held, i); !out {
			trains = append(trains, i)
		}
	}
	return trains, held
}

// ID is for experiment.Trainer: the settings, the clips and the seed.
func (l *lab) ID(ctx context.Context, j experiment.Job) (string, error) {
	c, err := l.choose(ctx, j.Row, j.Point)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\nseed %d\n%s\n", c.text, j.Seed, c.data.Name())
	trains, held := c.clips(j)
	if err := dataset.WriteSplit(h, c.data, dataset.Split{Train: trains, Val: held}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

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
	if j.Final() && !r.resume && dir != "" { // where eval finds the data
		return r, held, rec.write(dir, flags)
	}
	return r, held, nil
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

// Finish is for experiment.Trainer: the checkpoints go, and with them the model of a cross-validation.
func (l *lab) Finish(j experiment.Job, dir string) error {
	names := []string{model.CheckpointFile, model.PreviousFile}
	if !j.Final() {
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

// networkText writes a network's structures on one line.
func networkText(c model.Config) string {
	text := structureText(c.Structure)
	if c.Upper != nil {
		text += "; upper layers " + structureText(*c.Upper)
	}
	if c.Recurrent != nil {
		text += "; hidden half " + structureText(*c.Recurrent)
	}
	return text
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

// only is a data set that gives some of its clips and refuses the others: a job cannot see what it is not meant to see, whatever goes wrong.
func only(o *openedData, clips ...[]int) dataset.Dataset {
	g := guarded{Dataset: o.data, may: make([]bool, o.data.Len())}
	for _, list := range clips {
		for _, i := range list {
			g.may[i] = true
		}
	}
	if isVideo(o.data) {
		return guardedVideo{g, o.in}
	}
	return g
}

// guarded is a data set of which some clips are not given.
type guarded struct {
	dataset.Dataset
	may []bool
}

// Clip gives clip i if it may.
func (g guarded) Clip(dst *dataset.Clip, i int, s dataset.Sample) error {
	if !g.may[i] {
		return fmt.Errorf("clip %s was asked for by a run that it is not for", g.ID(i))
	}
	return g.Dataset.Clip(dst, i, s)
}

// guardedVideo is guarded whose rows are frames.
type guardedVideo struct {
	guarded
	in dataset.Input
}

// Input is what the rows are.
func (g guardedVideo) Input() dataset.Input { return g.in }
