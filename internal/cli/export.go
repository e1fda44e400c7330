package cli

import (
	"strings"

	"github.com/fdht/fdht/model"
)

// exportCmd is fdht export.
type exportCmd struct {
	Safetensors exportTorchCmd `cmd:"" help:"Write a PyTorch state dict, its matrices dense."`
	Onnx        exportOnnxCmd  `cmd:"" help:"Write an ONNX file, for ONNX Runtime and others."`
	C           exportCCmd     `cmd:"" help:"Write a folder with C99 that runs the model: no allocation, no library."`
	Web         exportWebCmd   `cmd:"" help:"Write a folder with a page that runs the model in the browser."`
}

// exportTorchCmd is fdht export safetensors.
type exportTorchCmd struct {
	Model  string `required:"" placeholder:"M" group:"model" help:"Model file, or the folder of a run."`
	Out    string `required:"" placeholder:"F" group:"torch" help:"Safetensors file to write."`
	Prefix string `group:"torch" placeholder:"TEXT" help:"What stands before weight_ih_l0, with the dot at its end (nothing)."`
	Head   string `group:"torch" default:"fc" placeholder:"NAME" help:"The classifier's name (${default})."`
	common
}

// Help is the long help.
func (*exportTorchCmd) Help() string {
	return `Examples:

  fdht export safetensors --model runs/first --out lstm.safetensors
  fdht export safetensors --model small.safetensors --prefix lstm. --head classifier --out back.safetensors

For load_state_dict of a module with nn.LSTM, nn.GRU or nn.RNN and a linear classifier. The matrices are written dense, so the file
is as large as the dense network; docs/file-format.md has a reader in NumPy for the factors themselves. Where fdht standardises the inputs the
weights expect them so in PyTorch too: (x - mean) / std, with the numbers under fdht.config in the file's metadata.`
}

// Run exports.
func (c *exportTorchCmd) Run(u *ui) error {
	if c.Prefix != "" && !strings.HasSuffix(c.Prefix, ".") {
		return usage("such as --prefix "+c.Prefix+".", "--prefix %s: no module has such a tensor: a prefix ends in a dot", c.Prefix)
	}
	m, err := model.Load(modelPath(c.Model))
	if err != nil {
		return err
	}
	if err := m.SavePyTorch(c.Out, model.PyTorch{Prefix: &c.Prefix, Head: c.Head}); err != nil {
		return err
	}
	u.note("%s is written", c.Out)
	if m.Config.Standardise != nil {
		u.note("the weights expect standardised inputs, (x - mean) / std: both are under fdht.config in the file's metadata")
	}
	return nil
}
