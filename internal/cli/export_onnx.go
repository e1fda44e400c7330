package cli

import (
	"errors"

	"github.com/fdht/fdht/export/onnx"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// exportOnnxCmd is fdht export onnx.
type exportOnnxCmd struct {
	Model   string `required:"" placeholder:"M" group:"model" help:"Model file, or the folder of a run."`
	Out     string `required:"" placeholder:"F" help:"ONNX file to write."`
	Stream  bool   `help:"One step at a time: a frame and the state go in, logits and the next state come out."`
	Lengths bool   `help:"Sequences of a batch may have different lengths, which are one more input."`
	Rows    bool   `help:"A model of video frames takes rows of floats and not the frames' bytes."`
	common
}

// Help is the long help.
func (*exportOnnxCmd) Help() string {
	return `Examples:

  fdht export onnx --model runs/first --out first.onnx
  fdht export onnx --model runs/first --stream --out first-stream.onnx

Without --stream the file takes whole sequences [batch, time, ...] and gives logits [batch, classes]; batch and time are free. Frames go
in as bytes, rows of features as floats; both are standardised inside. The file's metadata says what each input is, and has the
labels. docs/guide-onnx.md runs such files in Python and JavaScript.`
}

// Run exports.
func (c *exportOnnxCmd) Run(u *ui) error {
	if c.Stream && c.Lengths {
		return usage("leave one of them away", "--stream with --lengths: a step has no length")
	}
	m, err := model.Load(modelPath(c.Model))
	if err != nil {
		return err
	}
	if c.Rows && m.Config.Frame == nil {
		return usage("leave --rows away", "--rows with --model %s: it takes rows already", c.Model)
	}
	err = onnx.Save(c.Out, m, onnx.Options{Stream: c.Stream, Lengths: c.Lengths, Rows: c.Rows})
	if errors.Is(err, rnn.ErrBidirectional) {
		return usage("leave --stream away", "--stream with --model %s: %w", c.Model, rnn.ErrBidirectional)
	}
	if err != nil {
		return err
	}
	u.note("%s is written", c.Out)
	return nil
}
