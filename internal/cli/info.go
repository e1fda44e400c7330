package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/jedib0t/go-pretty/v6/table"
)

// infoCmd is fdht info.
type infoCmd struct {
	Model string `arg:"" placeholder:"M" help:"Model file, or the folder of a run."`
	jsonFlag
	common
}

// Help is the long help.
func (*infoCmd) Help() string {
	return `Examples:

  fdht info runs/first
  fdht info runs/first/model.safetensors --json

Weights are the recurrent ones, which the ratio to the dense cell of the same shape is about; biases and the classifier's head are counted apart.`
}

// described is what info --json prints.
type described struct {
	Kind         string       `json:"kind"`
	Cell         string       `json:"cell"`
	Input        int          `json:"input"`
	Hidden       int          `json:"hidden"`
	Layers       int          `json:"layers"`
	Structure    factor.Spec  `json:"structure"`
	Upper        *factor.Spec `json:"upper,omitempty"`
	Pooling      string       `json:"pooling"`
	Classes      []string     `json:"classes"`
	Frame        *model.Frame `json:"frame,omitempty"`
	Steps        int          `json:"steps,omitempty"`
	Weights      int64        `json:"weights"`
	Bias         int64        `json:"bias"`
	Head         int64        `json:"head"`
	Total        int64        `json:"total"`
	DenseWeights int64        `json:"dense_weights"`
	Ratio        float64      `json:"ratio"`
	Bytes        int64        `json:"bytes"`
	MAC          int64        `json:"mac_per_frame"`
}

// describe gathers what there is to say of a model.
func describe(m *model.File, bytes int64) (described, error) {
	c := m.Config
	w, b, h := m.Net.Count()
	d := described{
		Kind: string(c.Structure.Kind), Cell: c.Cell, Input: c.Input, Hidden: c.Hidden, Layers: c.Layers, Structure: c.Structure, Upper: c.Upper,
		Pooling: c.Pooling, Classes: c.Classes, Frame: c.Frame, Steps: c.Steps,
		Weights: w, Bias: b, Head: h, Total: w + b + h, DenseWeights: c.RNN().DenseWeights(), Bytes: bytes,
	}
	d.Ratio = float64(d.DenseWeights) / float64(w)
	for l := range c.Layers {
		cost, err := c.RNN().Spec(l).Cost(1)
		if err != nil {
			return d, err
		}
		d.MAC += cost.MAC
	}
	return d, nil
}

// Run describes.
func (c *infoCmd) Run(u *ui) error {
	path := modelPath(c.Model)
	m, err := model.Load(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, bare(err))
	}
	d, err := describe(m, st.Size())
	if err != nil {
		return err
	}
	if c.JSON {
		return u.json(d)
	}
	return u.print("%s", d.text(path))
}

// text is for people.
func (d described) text(path string) string {
	t := newTable()
	row := func(name, format string, args ...any) { t.AppendRow(table.Row{name, fmt.Sprintf(format, args...)}) }
	row("file", "%s, %s", path, size(d.Bytes))
	row("network", "%s, %d layer%s, %s inputs, %s hidden units, pooling %s", d.Cell, d.Layers, plural(d.Layers), thousands(int64(d.Input)), thousands(int64(d.Hidden)), d.Pooling)
	if f := d.Frame; f != nil {
		from := f.Input
		if f.Lag > 0 {
			from = fmt.Sprintf("%s, %d frames apart, times %g", f.Input, f.Lag, f.Gain)
		}
		row("frames", "%d of %dx%dx%d (height, width, channels) a clip: %s", d.Steps, f.Height, f.Width, f.Channels, from)
	}
	row("structure", "%s", structureText(d.Structure))
	if d.Upper != nil {
		row("upper layers", "%s", structureText(*d.Upper))
	}
	row("classes", "%d: %s", len(d.Classes), strings.Join(d.Classes, ", "))
	row("weights", "%s recurrent (dense: %s, ratio %s)", thousands(d.Weights), thousands(d.DenseWeights), thousands(int64(d.Ratio)))
	row("", "%s biases, %s head, %s in all", thousands(d.Bias), thousands(d.Head), thousands(d.Total))
	row("cost", "%s multiply-adds a frame (dense: %s)", thousands(d.MAC), thousands(d.DenseWeights))
	return render(t)
}

// structureText writes a structure on one line.
func structureText(s factor.Spec) string {
	if s.Kind == factor.Dense {
		return fmt.Sprintf("dense, %d x %d", s.Rows(), s.Cols())
	}
	ranks, _ := ranksFlag(s.Ranks).MarshalText()
	tree := s.Tree
	if tree.IsZero() {
		tree = factor.Balanced(len(s.In))
	}
	return fmt.Sprintf("%s, modes in %s, out %s, tree %v, ranks %s", s.Kind, joinInts(s.In), joinInts(s.Out), tree, ranks)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
