package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
	"github.com/jedib0t/go-pretty/v6/table"
)

// quantizeCmd is fdht quantize.
type quantizeCmd struct {
	Model       runModel `required:"" placeholder:"M" group:"model" config:"-" help:"Model file, or the folder of a run."`
	Out         string   `required:"" placeholder:"M2" group:"model" config:"-" help:"Model file to write."`
	Bits        int      `default:"8" placeholder:"N" group:"model" config:"-" help:"Of a weight: 8 or 16 (${default})."`
	HeadRank    int      `placeholder:"R" group:"model" config:"-" help:"The classifier as two matrices with R numbers between them; 0: one matrix (0)."`
	Memory      int      `default:"65536" placeholder:"BYTES" group:"model" config:"-" help:"Memory that the blocks of an input may take, where it can be done with so little (${default}); 0: as fast as it goes."`
	Calibration int      `default:"16" placeholder:"N" group:"model" config:"-" help:"Training clips that show how large activations get (${default})."`
	Split       string   `default:"test" placeholder:"PART" config:"-" group:"split" help:"What accuracy is measured on before and after: test, train, val or all (${default}); none: nothing."`
	sourceFlags
	splitFlags
	sampleFlags
	Workers int `placeholder:"N" config:"-" group:"common" help:"Processors to use (all)."`
	jsonFlag
	common
}

// Help is the long help.
func (*quantizeCmd) Help() string {
	return `Examples:

  fdht quantize --model runs/first --out small.safetensors
  fdht quantize --model runs/first --bits 16 --out small.safetensors --json
  fdht quantize --model m.safetensors --data clips --calibration 4 --split none --out small.safetensors
  fdht eval --model small.safetensors --data clips
  fdht export c --model small.safetensors --out c

Weights become int8 or int16, activations int16; docs/file-format-quantised.md describes the file. Where the data is and how it is divided is taken
from config.toml beside the model, as far as the flags do not say it.`
}

// quantised is what quantize --json prints.
type quantised struct {
	Model   string        `json:"model"`
	Bits    int           `json:"bits"`
	Weights int           `json:"weights"`
	Bias    int           `json:"bias"`
	Head    int           `json:"head"`
	Bytes   int64         `json:"bytes"`
	Float   int64         `json:"float_bytes"`
	Split   string        `json:"split,omitempty"`
	Before  *train.Report `json:"before,omitempty"`
	After   *train.Report `json:"after,omitempty"`
}

// Run quantises.
func (c *quantizeCmd) Run(ctx context.Context, u *ui) error {
	switch {
	case c.Bits != 8 && c.Bits != 16:
		return usage("", "--bits %d: choose 8 or 16", c.Bits)
	case c.Calibration < 1:
		return usage("", "--calibration %d: want 1 clip or more", c.Calibration)
	case c.HeadRank < 0 || c.Memory < 0:
		return usage("", "--head-rank %d, --memory %d: want 0 or more", c.HeadRank, c.Memory)
	}
	path := modelPath(string(c.Model))
	f, err := model.Load(path)
	if err != nil {
		return err
	}
	in, err := frames.Input(f.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ds, err := c.open(ctx, u, in, c.Workers)
	if err != nil {
		return err
	}
	defer closeData(ds)
	sample, err := c.sample(f.Config.Steps)
	if err != nil {
		return err
	}
	clips, err := c.calibration(ds, f, sample)
	if err != nil {
		return err
	}
	var part train.Source
	if c.Split != noSplit {
		if part, err = c.part(ds, f, sample); err != nil {
			return err
		}
	}
	m, err := quant.Quantise(f, clips, quant.Options{Bits: c.Bits, HeadRank: c.HeadRank, Memory: c.Memory})
	if err != nil {
		return err
	}
	r := quantised{Model: c.Out, Bits: m.Bits}
	if part != nil {
		if err := c.compare(ctx, u, &r, part, f, m); err != nil {
			return err
		}
	}
	if err := m.Save(c.Out); err != nil {
		return err
	}
	r.Weights, r.Bias, r.Head = m.Count()
	if r.Bytes, err = fileSize(c.Out); err != nil {
		return err
	}
	if r.Float, err = fileSize(path); err != nil {
		return err
	}
	if c.JSON {
		return u.json(r)
	}
	return c.report(u, r)
}

func fileSize(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, bare(err))
	}
	return st.Size(), nil
}

// calibration are the clips of the training part that activations are measured on, evenly through it.
func (c *quantizeCmd) calibration(ds dataset.Dataset, f *model.File, sample dataset.Sample) ([]rnn.Sequence, error) {
	s, err := c.split(ds)
	if err != nil {
		return nil, err
	}
	n := min(c.Calibration, len(s.Train))
	if n == 0 {
		return nil, usage("", "%s has no training clips to calibrate with", c.Data)
	}
	var index []int
	for i := range n {
		index = append(index, s.Train[i*len(s.Train)/n])
	}
	if err := enough(ds, index, sample); err != nil {
		return nil, err
	}
	src, err := train.NewClips(ds, index, f.Config.Classes, sample)
	if err != nil {
		return nil, err
	}
	if err := train.CheckWidth(f.Config, src); err != nil {
		return nil, err
	}
	var clips []rnn.Sequence
	for i := range n {
		clip, err := src.Clip(nil, i, train.Draw{})
		if err != nil {
			return nil, err
		}
		clips = append(clips, clip)
	}
	return clips, nil
}

// noSplit is --split where nothing is measured.
const noSplit = "none"

// part are the clips that accuracy is measured on.
func (c *quantizeCmd) part(ds dataset.Dataset, f *model.File, sample dataset.Sample) (train.Source, error) {
	clips, err := partOf(ds, c.Split, &c.sourceFlags, &c.splitFlags, "; none measures nothing")
	if err != nil {
		return nil, err
	}
	if err := enough(ds, clips, sample); err != nil {
		return nil, err
	}
	return train.NewClips(ds, clips, f.Config.Classes, sample)
}

// compare measures accuracy before and after.
func (c *quantizeCmd) compare(ctx context.Context, u *ui, r *quantised, src train.Source, f *model.File, m *quant.Model) error {
	r.Split = c.Split
	var err error
	b := u.bar("evaluating, floats")
	r.Before, err = train.Evaluate(ctx, f, src, train.EvalOptions{Workers: orAll(c.Workers), Progress: b.count})
	b.done()
	if err != nil {
		return err
	}
	b = u.bar("evaluating, integers")
	r.After, err = train.EvaluateNetwork(ctx, m.NewRunner(orAll(c.Workers)), m.Config, src, train.EvalOptions{Workers: orAll(c.Workers), Progress: b.count})
	b.done()
	return err
}

func (c *quantizeCmd) report(u *ui, r quantised) error {
	t := newTable()
	t.AppendHeader(table.Row{"", "file", "top-1", "top-5", "loss"})
	row := func(name string, bytes int64, rep *train.Report) {
		if rep == nil {
			t.AppendRow(table.Row{name, thousands(bytes), "", "", ""})
			return
		}
		t.AppendRow(table.Row{name, thousands(bytes), percent(rep.Top1), percent(rep.Top5), fmt.Sprintf("%.3f", rep.Loss)})
	}
	row("float", r.Float, r.Before)
	row(fmt.Sprintf("int%d", r.Bits), r.Bytes, r.After)
	rightAlign(t, 2, 3, 4, 5)
	if err := u.print("%s", render(t)); err != nil {
		return err
	}
	u.note("next: %s export c --model %s --out c", self(), c.Out)
	return nil
}
