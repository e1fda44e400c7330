package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/experiment"
	"github.com/fdht/fdht/model"
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
	if from := l.f.From(row); from >= 0 { // it stands above, so it is looked at first
		if before := l.chosen[[2]int{from, point}]; before != nil {
			if err := l.follows(row, before.network, c.network); err != nil {
				return nil, err
			}
		}
	}
	l.chosen[[2]int{row, point}] = c
	return c, nil
}

// follows checks that a row's network can begin with that of the row that it names.
func (l *lab) follows(row int, before, now model.Config) error {
	d := shapeDifferences(before, now)
	if len(d) == 0 {
		return nil
	}
	return usage("one network can begin with another if they differ in their structures alone", "%s: %s begins with %s: %s", l.f.path, l.f.Rows[row].Name, l.f.Rows[row].From,
		strings.Join(d, "; "))
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

// ID is for experiment.Trainer: the settings, the clips, with the test clips where they are measured, and the seed.
func (l *lab) ID(ctx context.Context, j experiment.Job) (string, error) {
	c, err := l.choose(ctx, j.Row, j.Point)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\nseed %d\n%s\n", c.text, j.Seed, c.data.Name())
	if j.Start != "" {
		fmt.Fprintf(h, "begins with %s\n", j.Start)
	}
	trains, held := c.clips(j)
	split := dataset.Split{Train: trains, Val: held}
	if j.Final() {
		split.Test = c.split.Test
	}
	if err := dataset.WriteSplit(h, c.data, split); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
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
