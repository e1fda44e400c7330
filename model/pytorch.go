package model

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// PyTorch says how a PyTorch state dict is taken, or written, where its names do not.
type PyTorch struct {
	Prefix  *string  // of weight_ih_l0 and the like, such as "encoder.lstm."; nil: the only one there is
	Cell    string   // lstm, gru or rnn; "": by the number of rows
	Head    string   // of the classifier's weight and bias, such as "fc"; "": the only matrix that fits; "none": a classifier of zeros
	Classes []string // labels; nil: those that fdht left in the file, else 0, 1, ..
	Pooling string   // last or mean; "": what fdht left in the file, else last
}

// noHead is the Head that says there is none.
const noHead = "none"

// TorchError says that a state dict leaves open, or contradicts, what a field of PyTorch settles.
type TorchError struct {
	Field TorchField
	Err   error
}

// TorchField is a field of PyTorch.
type TorchField string

// The fields that a TorchError may ask for.
const (
	TorchPrefix  TorchField = "prefix"
	TorchHead    TorchField = "head"
	TorchClasses TorchField = "classes"
)

func (e *TorchError) Error() string { return e.Err.Error() }

// Unwrap gives what is wrong.
func (e *TorchError) Unwrap() error { return e.Err }

// open makes a TorchError.
func (f TorchField) open(format string, args ...any) error {
	return &TorchError{f, fmt.Errorf(format, args...)}
}

// torchName matches the tensors of nn.LSTM, nn.GRU and nn.RNN.
var torchName = regexp.MustCompile(`^(|.*\.)(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)_l(0|[1-9]\d{0,3})(_reverse)?$`)

// torchCell are the tensors of one direction of one layer.
type torchCell struct {
	wih, whh, bih, bhh safetensors.Tensor // biases without a name: nn.LSTM(bias=False)
}

// torchNet is what a state dict holds.
type torchNet struct {
	prefix   string
	cells    map[[2]int]*torchCell // by layer and direction
	layers   int
	both     bool
	hidden   int
	input    int
	cell     string
	head     safetensors.Tensor
	headBias safetensors.Tensor
	ignored  []string
}

// FromPyTorch reads the state dict of a model with nn.LSTM, nn.GRU or nn.RNN and a linear classifier from a safetensors file as a dense
// model. The biases of LSTM and RNN are added up, a GRU keeps both. Tensors that are no part of it are listed in ignored.
// A state dict does not say how the classifier reads the states, nor which nonlinearity an nn.RNN has: tanh is taken.
func FromPyTorch(path string, how PyTorch) (f *File, ignored []string, err error) {
	st, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	f, ignored, err = fromPyTorch(st, how)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, ignored, nil
}

func fromPyTorch(st *safetensors.File, how PyTorch) (*File, []string, error) {
	if _, ok := st.Metadata[keyFormat]; ok {
		return nil, nil, errors.New("an fdht model, not a PyTorch state dict: it can be used as it is")
	}
	net, err := findTorch(st, how.Prefix)
	if err != nil {
		return nil, nil, err
	}
	if err := net.shapes(how.Cell); err != nil {
		return nil, nil, err
	}
	if err := net.findHead(st, how.Head); err != nil {
		return nil, nil, err
	}
	cfg, err := net.config(st, how)
	if err != nil {
		return nil, nil, err
	}
	f := &File{Config: cfg}
	if f.Net, err = rnn.Zero(cfg.RNN()); err != nil {
		return nil, nil, err
	}
	if err := net.fill(f.Net); err != nil {
		return nil, nil, err
	}
	return f, net.ignored, nil
}
