package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/train"
	"github.com/fdht/fdht/train/plots"
	"github.com/fdht/fdht/video"
	"github.com/jedib0t/go-pretty/v6/table"
)

// demoRecipe is what the demo trains: flags of fdht train, as a configuration file has them. The data is at the paper's 160x120x3, so
// that the ratio is the real one.
func demoRecipe() map[string]any {
	return map[string]any{
		"data":  "made:train=1200,val=80,test=240,frames=8,seed=1",
		"input": "rgb", "frame": "120x160x3", "steps": int64(8),
		"hidden":    int64(256),
		"modes-in":  "9,15,10,48", // 120 rows = 8 x 15 and a ninth block of rows for the hidden units; 160 x 3 values a row = 10 x 48
		"modes-out": "4,16,4,4", "rank": int64(8), "pooling": "mean",
		"epochs": int64(10), "batch": int64(16), "lr": 5e-3, "schedule": "cosine", "warmup": int64(1), "clip": int64(1), "dropout": 0.0, "label-smoothing": 0.0,
		"shift-x": int64(16), "shift-y": int64(12),
	}
}

// demoFile marks a folder as a demo's, which another demo may write over; at the end it holds the results.
const demoFile = "demo.json"

// demoCmd is fdht demo.
type demoCmd struct {
	Out     string `default:"runs/demo" placeholder:"DIR" help:"Folder for the model, plots and sample clips (${default})."`
	Seed    uint64 `default:"1" placeholder:"N" help:"Of the clips and of the training (${default})."`
	Epochs  int    `placeholder:"N" help:"Times through the clips (as many as the demo needs)."`
	Workers int    `placeholder:"N" help:"Processors to use; results do not depend on it (all)."`
	jsonFlag
	common
}

// Help is the long help.
func (*demoCmd) Help() string {
	return `Examples:

  fdht demo
  fdht demo --out runs/again --seed 2 --json

The clips show textured shapes that move left, right, up, down or diagonally; a single frame says nothing about the class. They
are drawn from the seed at 160x120x3; nothing is downloaded.`
}

// demoResult is what demo --json prints.
type demoResult struct {
	Accuracy     float64  `json:"test_accuracy"`
	Clips        int      `json:"test_clips"`
	Weights      int64    `json:"weights"`
	Total        int64    `json:"total"`
	DenseWeights int64    `json:"dense_weights"`
	Ratio        float64  `json:"ratio"`
	Bytes        int64    `json:"bytes"`
	Epochs       int      `json:"epochs"`
	Seconds      float64  `json:"seconds"`
	Classes      []string `json:"classes"`
	Confusion    [][]int  `json:"confusion"`
	Out          string   `json:"out"`
}

// Run is the demo.
func (c *demoCmd) Run(ctx context.Context, u *ui) error {
	start := time.Now()
	if err := c.claim(); err != nil {
		return err
	}
	recipe, flags, err := c.recipe()
	if err != nil {
		return err
	}
	r, err := recipe.start(ctx, u, nil, c.Out, false, c.Workers, flags)
	if err != nil {
		return err
	}
	defer r.close()
	res, err := r.run(ctx, u)
	if err != nil {
		return err
	}
	test, err := train.NewClips(r.data, r.split.Test, r.model.Config.Classes, r.sample)
	if err != nil {
		return err
	}
	rep, err := train.Evaluate(ctx, r.model, test, train.EvalOptions{Workers: r.workers})
	if err != nil {
		return err
	}
	samples, err := c.samples(r)
	if err != nil {
		return err
	}
	result, err := c.keep(r, rep, res, start)
	if err != nil {
		return err
	}
	if c.JSON {
		return u.json(result)
	}
	return c.tell(u, result, samples)
}

// claim makes the folder a demo's. One that holds something else is left alone.
func (c *demoCmd) claim() error {
	marker := filepath.Join(c.Out, demoFile)
	if _, err := os.Stat(marker); err != nil {
		if _, err := newFolder(c.Out); err != nil {
			return err
		}
	}
	for _, name := range []string{model.CheckpointFile, model.PreviousFile, train.ModelFile, train.MetricsFile, train.CurvesFile, configName, "confusion.png"} {
		if err := os.Remove(filepath.Join(c.Out, name)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot remove %s: %w", filepath.Join(c.Out, name), bare(err))
		}
	}
	if err := os.MkdirAll(filepath.Join(c.Out, "clips"), 0o777); err != nil {
		return fmt.Errorf("cannot make --out %s: %w", c.Out, bare(err))
	}
	return writeJSON(marker, struct {
		Demo string `json:"demo"`
	}{"not finished"})
}

func writeJSON(path string, v any) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	})
}

// recipe is demoRecipe with the demo's own flags, gone through the flags of train.
func (c *demoCmd) recipe() (*recipe, []*kong.Flag, error) {
	values := demoRecipe()
	if c.Epochs != 0 {
		values["epochs"] = int64(c.Epochs)
		if c.Epochs == 1 {
			delete(values, "warmup") // one epoch has no room for it
		}
	}
	data, _ := values["data"].(string)
	o, err := madeOptions(data, dataset.Input{})
	if err != nil {
		return nil, nil, err
	}
	o.Seed = c.Seed
	values["data"], values["seed"] = madeText(o), int64(c.Seed)
	return recipeOf(&config{path: "demo", values: values})
}

// samples writes a few test clips as files, to try predict on.
func (c *demoCmd) samples(r *run) ([]string, error) {
	made, ok := r.data.(*dataset.Made)
	if !ok {
		return nil, errors.New("the demo's data is not made")
	}
	in := made.Input()
	var out []string
	seen := map[int]bool{}
	for _, i := range r.split.Test {
		if len(out) == 3 {
			break
		}
		if k := made.Label(i); seen[k] || k%3 != 0 {
			continue
		}
		seen[made.Label(i)] = true
		path := filepath.Join(c.Out, "clips", strings.ReplaceAll(made.Classes()[made.Label(i)], " ", "-")+".y4m")
		pix := made.Pixels(i)
		n := in.Height * in.Width * in.SourceChannels()
		err := atomicfile.Write(path, func(w io.Writer) error {
			y := video.NewY4MWriter(w, 12)
			for ; len(pix) > 0; pix = pix[n:] {
				if err := y.Write(video.Frame{Height: in.Height, Width: in.Width, Channels: in.SourceChannels(), Pix: pix[:n]}); err != nil {
					return err
				}
			}
			return y.Flush()
		})
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	return out, nil
}

// keep writes the confusion picture and the results.
func (c *demoCmd) keep(r *run, rep *train.Report, res train.Result, start time.Time) (demoResult, error) {
	path := filepath.Join(c.Out, train.ModelFile)
	st, err := os.Stat(path)
	if err != nil {
		return demoResult{}, fmt.Errorf("%s: %w", path, bare(err))
	}
	d, err := describe(r.model, st.Size())
	if err != nil {
		return demoResult{}, err
	}
	title := fmt.Sprintf("made motion clips: %s of %d test clips", percent(rep.Top1), rep.Clips)
	if err := plots.Confusion(filepath.Join(c.Out, "confusion.png"), title, d.Classes, rep.Confusion); err != nil {
		return demoResult{}, err
	}
	out := demoResult{rep.Top1, rep.Clips, d.Weights, d.Total, d.DenseWeights, d.Ratio, d.Bytes, res.Epochs, time.Since(start).Seconds(), d.Classes, rep.Confusion, c.Out}
	return out, writeJSON(filepath.Join(c.Out, demoFile), out)
}

// tell prints the results for people, and what to do next.
func (c *demoCmd) tell(u *ui, d demoResult, samples []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "test accuracy %s on %d clips of %d motions, after %d epochs in %.0f s\n\n", percent(d.Accuracy), d.Clips, len(d.Classes), d.Epochs, d.Seconds)
	t := newTable()
	t.AppendHeader(table.Row{"", "recurrent weights", "bytes (float32)"})
	t.AppendRow(table.Row{"dense LSTM of this shape", thousands(d.DenseWeights), thousands(4 * d.DenseWeights)})
	t.AppendRow(table.Row{"this FDHT-LSTM", thousands(d.Weights), thousands(4 * d.Weights)})
	t.AppendRow(table.Row{"times fewer", thousands(int64(d.Ratio)), ""})
	rightAlign(t, 2, 3)
	b.WriteString(render(t) + "\nwhat each motion was taken for (rows: what it is):\n\n")
	b.WriteString(confusionTable(d.Classes, d.Confusion))
	fmt.Fprintf(&b, "\n%s has the model (%s), curves.png, confusion.png and sample clips\n\nnext:\n", c.Out, size(d.Bytes))
	me := self()
	fmt.Fprintf(&b, "  %s predict --model %s %s\n", me, c.Out, samples[len(samples)-1])
	fmt.Fprintf(&b, "  %s predict --model %s --stream %s\n", me, c.Out, samples[0])
	fmt.Fprintf(&b, "  %s plan --input 57600 --hidden 256 --frame 120x160x3 --budget 5000\n", me)
	return u.print("%s", b.String())
}

// confusionTable is a confusion matrix in words; zeros are dots.
func confusionTable(labels []string, counts [][]int) string {
	t := newTable()
	head := table.Row{""}
	for i := range labels {
		head = append(head, letter(i))
	}
	t.AppendHeader(head)
	var columns []int
	for i, row := range counts {
		r := table.Row{letter(i) + "  " + labels[i]}
		for _, n := range row {
			if n == 0 {
				r = append(r, ".")
			} else {
				r = append(r, n)
			}
		}
		t.AppendRow(r)
		columns = append(columns, i+2)
	}
	rightAlign(t, columns...)
	return render(t)
}

// letter numbers a column: a to z, then aa.
func letter(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letter(i/26-1) + letter(i%26)
}
