package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/train"
	"github.com/fdht/fdht/train/plots"
	"github.com/jedib0t/go-pretty/v6/table"
)

// runModel is the flag --model where data is needed too: a model file or the folder of a run. The run's settings beside it
// say where its data is and how it was divided, unless the command line does.
type runModel string

// BeforeResolve reads the settings beside the model, if there are any.
func (runModel) BeforeResolve(ctx *kong.Context, at *kong.Path) error {
	path := modelPath(string(ctx.FlagValue(at.Flag).(runModel)))
	if path == "" {
		return nil
	}
	file := filepath.Join(filepath.Dir(path), configName)
	if _, err := os.Stat(file); err != nil {
		return nil
	}
	c, err := readConfig(file)
	if err != nil {
		return err
	}
	c.ignore = true           // it has settings of training too
	delete(c.values, "steps") // the model says it
	return addConfig(ctx, c)
}

// modelPath is the model file that a user names, by itself or by the folder of its run.
func modelPath(path string) string {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return filepath.Join(path, train.ModelFile)
	}
	return path
}

// evalCmd is fdht eval.
type evalCmd struct {
	Model runModel `required:"" placeholder:"M" group:"model" config:"-" help:"Model file, or the folder of a run."`
	Split string   `default:"test" placeholder:"PART" config:"-" group:"split" help:"test, train, val or all (${default})."`
	sourceFlags
	splitFlags
	sampleFlags
	viewsFlag
	Plots   string `placeholder:"DIR" config:"-" group:"common" help:"Write confusion and class plots there, as PNG and SVG."`
	Batch   int    `default:"32" placeholder:"B" config:"-" group:"common" help:"Clips at a time (${default})."`
	Workers int    `placeholder:"N" config:"-" group:"common" help:"Processors to use (all)."`
	jsonFlag
	common
}

// Help is the long help.
func (*evalCmd) Help() string {
	return `Examples:

  fdht eval --model runs/first --split test
  fdht eval --model runs/first --split test --plots runs/first/plots --json
  fdht eval --model m.safetensors --data clips --split all
  fdht eval --model runs/first --views 5

Where the data is and how it is divided is taken from config.toml beside the model, as far as the flags do not say it.`
}

// evaluated is what eval --json prints.
type evaluated struct {
	Model string `json:"model"`
	Data  string `json:"data"`
	Split string `json:"split"`
	*train.Report
	Labels []string `json:"labels"`
}

// Run evaluates.
func (c *evalCmd) Run(ctx context.Context, u *ui) error {
	if c.Batch < 1 || c.Batch > 1e6 {
		return usage("", "--batch %d: want 1 to 1000000", c.Batch)
	}
	path := modelPath(string(c.Model))
	m, q, err := quant.Open(path)
	if err != nil {
		return err
	}
	if q != nil {
		m = &model.File{Config: q.Config}
	}
	in, err := frames.Input(m.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ds, err := c.open(ctx, u, in, c.Workers)
	if err != nil {
		return err
	}
	defer closeData(ds)
	clips, err := partOf(ds, c.Split, &c.sourceFlags, &c.splitFlags, "")
	if err != nil {
		return err
	}
	sample, err := c.sample(m.Config.Steps)
	if err != nil {
		return err
	}
	if err := c.viewsFlag.check(sample); err != nil {
		return err
	}
	if err := enough(ds, clips, sample); err != nil {
		return err
	}
	src, err := train.NewClips(ds, clips, m.Config.Classes, sample)
	if err != nil {
		return err
	}
	b := u.bar("evaluating")
	o := train.EvalOptions{Views: c.Views, Batch: c.Batch, Workers: orAll(c.Workers), Watchdog: c.Watchdog, Progress: b.count}
	var rep *train.Report
	if q != nil {
		rep, err = train.EvaluateNetwork(ctx, q.NewRunner(o.Workers), q.Config, src, o)
	} else {
		rep, err = train.Evaluate(ctx, m, src, o)
	}
	b.done()
	if err != nil {
		return err
	}
	if c.Plots != "" {
		title := fmt.Sprintf("%s, %s: %s of %d clips", ds.Name(), c.Split, percent(rep.Top1), rep.Clips)
		if err := drawReport(u, c.Plots, title, m.Config.Classes, rep); err != nil {
			return err
		}
	}
	if c.JSON {
		return u.json(evaluated{path, c.Data, c.Split, rep, m.Config.Classes})
	}
	return c.report(u, m, ds, rep)
}

// partOf are the clips of one part of a data set; nil is all of them. more is what else --split takes, for the error.
func partOf(ds dataset.Dataset, part string, src *sourceFlags, f *splitFlags, more string) ([]int, error) {
	if part == "all" {
		return nil, nil
	}
	s, err := f.split(ds)
	if err != nil {
		return nil, err
	}
	clips, ok := map[string][]int{"test": s.Test, "train": s.Train, "val": s.Val}[part]
	if !ok {
		return nil, usage("", "--split %s: want test, train, val or all%s", part, more)
	}
	if len(clips) == 0 {
		return nil, usage("--split all takes every clip", "--split %s: there are no such clips in %s", part, src.Data)
	}
	return clips, nil
}

func (c *evalCmd) report(u *ui, m *model.File, ds dataset.Dataset, rep *train.Report) error {
	if err := u.print("%s, %s: %d clips, top-1 %s, top-5 %s, mean recall %s, loss %.3f\n\n", ds.Name(), c.Split, rep.Clips,
		percent(rep.Top1), percent(rep.Top5), percent(rep.MeanRecall), rep.Loss); err != nil {
		return err
	}
	return u.print("%s", classTable(m.Config.Classes, rep))
}

// classTable lists the classes with what each is most often taken for.
func classTable(labels []string, rep *train.Report) string {
	t := newTable()
	t.AppendHeader(table.Row{"class", "clips", "recall", "precision", "most often taken for"})
	for k, c := range rep.Classes {
		if c.Clips == 0 {
			continue
		}
		t.AppendRow(table.Row{c.Label, c.Clips, share(c.Recall), share(c.Precision), confusedWith(labels, rep.Confusion[k], k)})
	}
	rightAlign(t, 2, 3, 4)
	return render(t)
}

// confusedWith names the classes that clips of class k are wrongly taken for, the two most frequent.
func confusedWith(labels []string, row []int, k int) string {
	var parts []string
	used := map[int]bool{k: true}
	for range 2 {
		best := -1
		for j, n := range row {
			if n > 0 && !used[j] && (best < 0 || n > row[best]) {
				best = j
			}
		}
		if best < 0 {
			break
		}
		used[best] = true
		parts = append(parts, fmt.Sprintf("%s (%d)", labels[best], row[best]))
	}
	return strings.Join(parts, ", ")
}

func share(x *float64) string {
	if x == nil {
		return "-"
	}
	return percent(*x)
}

// drawReport writes confusion and class plots to dir.
func drawReport(u *ui, dir, title string, labels []string, rep *train.Report) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot make %s: %w", dir, bare(err))
	}
	bars := make([]plots.Bar, len(rep.Classes))
	for i, c := range rep.Classes {
		bars[i] = plots.Bar{Label: c.Label, Clips: c.Clips, Recall: c.Recall, Precision: c.Precision}
	}
	for _, ext := range []string{".png", ".svg"} {
		if err := plots.Confusion(filepath.Join(dir, "confusion"+ext), title, labels, rep.Confusion); err != nil {
			return err
		}
		if err := plots.ClassBars(filepath.Join(dir, "classes"+ext), title, bars); err != nil {
			return err
		}
	}
	u.note("plots are in %s", dir)
	return nil
}
