package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/fdht/fdht/model"
)

// torchFlags say how a PyTorch state dict is read.
type torchFlags struct {
	Prefix  *string  `group:"torch" placeholder:"TEXT" help:"What stands before weight_ih_l0, such as encoder.lstm.; needed where there are several."`
	Cell    string   `group:"torch" placeholder:"KIND" help:"lstm, gru or rnn; left out: by the number of rows."`
	Head    string   `group:"torch" placeholder:"NAME" help:"The classifier's name, such as fc; left out: the only matrix that fits; none: there is none, it begins at zero."`
	Classes []string `group:"torch" placeholder:"LABEL" help:"The classes' labels, in the order of the classifier's rows; or a file with one a line (0, 1, ..)."`
	Pooling string   `group:"torch" placeholder:"WAY" help:"What the classifier reads: last hidden state, or mean over time (last)."`
}

// given reports whether one of the flags is there.
func (f *torchFlags) given() bool {
	return f.Prefix != nil || f.Cell != "" || f.Head != "" || len(f.Classes) > 0 || f.Pooling != ""
}

// load reads the state dict at path and says what in it was left out.
func (f *torchFlags) load(u *ui, path string) (*model.File, error) {
	how := model.PyTorch{Prefix: f.Prefix, Cell: f.Cell, Head: f.Head, Classes: f.Classes, Pooling: f.Pooling}
	switch f.Cell {
	case "", "lstm", "gru", "rnn":
	default:
		return nil, usage("", "--cell %s: want lstm, gru or rnn", f.Cell)
	}
	switch f.Pooling {
	case "", "last", "mean":
	default:
		return nil, usage("", "--pooling %s: want last or mean", f.Pooling)
	}
	if len(f.Classes) == 1 {
		lines, err := readLines(f.Classes[0])
		if err != nil {
			return nil, fmt.Errorf("--classes %s: %w", f.Classes[0], bare(err))
		}
		how.Classes = lines
	}
	m, ignored, err := model.FromPyTorch(path, how)
	if err != nil {
		return nil, hinted{err, torchHint(err)}
	}
	if len(ignored) > 0 {
		u.note("%d tensors are no part of the network and left out: %s", len(ignored), shortList(ignored, 6))
	}
	return m, nil
}

// torchHint names the flag that settles what the file leaves open.
func torchHint(err error) string {
	var open *model.TorchError
	if !errors.As(err, &open) {
		return ""
	}
	switch open.Field {
	case model.TorchPrefix:
		return "choose with --prefix, such as --prefix encoder."
	case model.TorchHead:
		return "choose with --head, such as --head fc, or --head none"
	case model.TorchClasses:
		return "name them with --classes"
	}
	return ""
}

// readLines reads a file with a label a line.
func readLines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// shortList joins the first names of a list.
func shortList(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", .."
	}
	return strings.Join(names, ", ")
}

// importCmd is fdht import.
type importCmd struct {
	Weights string `required:"" placeholder:"F" group:"torch" help:"PyTorch state dict in a safetensors file."`
	Out     string `required:"" placeholder:"M" group:"model" help:"Model file to write."`
	torchFlags
	jsonFlag
	common
}

// Help is the long help.
func (*importCmd) Help() string {
	return `Examples:

  fdht import --weights lstm.safetensors --out dense.safetensors
  fdht import --weights net.safetensors --prefix encoder.rnn. --head fc --classes labels.txt --pooling mean --out dense.safetensors

Takes nn.LSTM, nn.GRU and nn.RNN (tanh), layers and directions as they are, and a linear classifier; the model is dense. In PyTorch:
safetensors.torch.save_file(net.state_dict(), "lstm.safetensors"). What else the state dict holds is named and left out. With
--pooling last the classifier reads h_n, each direction's own last step.`
}

// Run imports.
func (c *importCmd) Run(u *ui) error {
	m, err := c.load(u, c.Weights)
	if err != nil {
		return err
	}
	if err := m.Save(c.Out); err != nil {
		return err
	}
	return c.report(u, m)
}

func (c *importCmd) report(u *ui, m *model.File) error {
	st, err := os.Stat(c.Out)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Out, bare(err))
	}
	d, err := describe(m, st.Size())
	if err != nil {
		return err
	}
	if c.JSON {
		return u.json(d)
	}
	if err := u.print("%s", d.text(c.Out)); err != nil {
		return err
	}
	u.note("next: %s compress --model %s --out small.safetensors --budget %d", self(), c.Out, max(d.Weights/10, 1))
	return nil
}
