package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
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
	Both         bool         `json:"bidirectional"`
	Input        int          `json:"input"`
	Hidden       int          `json:"hidden"`
	Layers       int          `json:"layers"`
	Structure    factor.Spec  `json:"structure"`
	Upper        *factor.Spec `json:"upper,omitempty"`
	Recurrent    *factor.Spec `json:"recurrent,omitempty"`
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
	Bits         int          `json:"bits,omitempty"` // of a model in integers
	HeadRank     int          `json:"head_rank,omitempty"`
}

// describe gathers what there is to say of a model.
func describe(m *model.File, bytes int64) (described, error) {
	w, b, h := m.Net.Count()
	return describeConfig(m.Config, w, b, h, bytes)
}

func describeConfig(c model.Config, w, b, h, bytes int64) (described, error) {
	d := described{
		Kind: string(c.Structure.Kind), Cell: c.Cell, Both: c.Bidirectional, Input: c.Input, Hidden: c.Hidden, Layers: c.Layers,
		Structure: c.Structure, Upper: c.Upper, Recurrent: c.Recurrent, Pooling: c.Pooling, Classes: c.Classes, Frame: c.Frame, Steps: c.Steps,
		Weights: w, Bias: b, Head: h, Total: w + b + h, DenseWeights: c.RNN().DenseWeights(), Bytes: bytes,
	}
	d.Ratio = float64(d.DenseWeights) / float64(w)
	var err error
	if d.MAC, err = c.RNN().MAC(); err != nil {
		return d, err
	}
	return d, nil
}

// Run describes.
func (c *infoCmd) Run(u *ui) error {
	path := modelPath(c.Model)
	m, q, err := quant.Open(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, bare(err))
	}
	var d described
	if q != nil {
		w, b, h := q.Count()
		d, err = describeConfig(q.Config, int64(w), int64(b), int64(h), st.Size())
		d.Bits, d.HeadRank = q.Bits, q.Rank
	} else {
		d, err = describe(m, st.Size())
	}
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
	if d.Bits > 0 {
		row("numbers", "integers: weights of %d bits, activations of 16", d.Bits)
	}
	ways := ""
	if d.Both {
		ways = " each way"
	}
	row("network", "%s, %d layer%s, %s inputs, %s hidden units%s, pooling %s", d.Cell, d.Layers, plural(d.Layers), thousands(int64(d.Input)), thousands(int64(d.Hidden)), ways, d.Pooling)
	if f := d.Frame; f != nil {
		from := f.Input
		if f.Lag.Len() > 0 {
			from = fmt.Sprintf("%s, %s frames apart, times %g", f.Input, strings.ReplaceAll(f.Lag.String(), ",", " and "), f.Gain)
		}
		row("frames", "%d of %dx%dx%d (height, width, channels) a clip: %s", d.Steps, f.Height, f.Width, f.Channels, from)
	}
	row("structure", "%s", structureText(d.Structure))
	if d.Upper != nil {
		row("upper layers", "%s", structureText(*d.Upper))
	}
	if d.Recurrent != nil {
		row("hidden half", "%s", structureText(*d.Recurrent))
	}
	row("classes", "%d: %s", len(d.Classes), strings.Join(d.Classes, ", "))
	row("weights", "%s recurrent (dense: %s, ratio %s)", thousands(d.Weights), thousands(d.DenseWeights), thousands(int64(d.Ratio)))
	row("", "%s biases, %s head, %s in all", thousands(d.Bias), thousands(d.Head), thousands(d.Total))
	row("cost", "%s multiply-adds a frame (dense: %s)", thousands(d.MAC), thousands(d.DenseWeights))
	return render(t)
}

// structureText writes a structure on one line.
func structureText(s factor.Spec) string {
	half := map[factor.Scope]string{factor.Partial: " (the input half; the hidden half is dense)", factor.Split: " (the input half)"}[s.Scope]
	if s.Kind == factor.Dense {
		return fmt.Sprintf("dense, %d x %d%s", s.Rows(), s.Cols(), half)
	}
	text := fmt.Sprintf("%s, modes in %s, out %s, ", s.Kind, joinInts(s.In), joinInts(s.Out))
	switch s.Kind {
	case factor.HT:
		text += fmt.Sprintf("tree %v, ranks %v", spelled(s).Tree, ranksOf(s))
	case factor.BT:
		text += fmt.Sprintf("%d block%s of rank %d", s.Blocks, plural(s.Blocks), s.BlockRank)
	default:
		text += fmt.Sprintf("ranks %v", ranksOf(s))
	}
	return text + half
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
