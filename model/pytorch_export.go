package model

import (
	"fmt"
	"io"
	"slices"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// MaxDense is the most numbers that SavePyTorch writes.
const MaxDense = 1 << 28

// SavePyTorch writes the model as a PyTorch state dict: weight_ih_l0 and the like behind how.Prefix, the classifier as how.Head ("fc" if
// it is empty). The matrices are written dense, whatever their structure; LSTM and RNN have their one bias in bias_ih and zeros in
// bias_hh. The configuration stays in the metadata, so that FromPyTorch gets back what a state dict does not say.
func (f *File) SavePyTorch(path string, how PyTorch) error {
	text, err := f.Config.text()
	if err != nil {
		return err
	}
	tensors, err := f.torchTensors(how)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		return safetensors.Encode(w, map[string]string{"format": "pt", keyConfig: text}, tensors)
	})
}

// torchTensors are the tensors of the state dict.
func (f *File) torchTensors(how PyTorch) ([]safetensors.Tensor, error) {
	cfg := f.Config.RNN()
	total := float64(cfg.DenseWeights()) + float64(cfg.Classes)*float64(cfg.Outputs()+1)
	if total > MaxDense {
		return nil, fmt.Errorf("a dense network of this shape has %.3g numbers: at most %d are written; docs/file-format.md has a reader of the factors in NumPy", total, MaxDense)
	}
	net := torchNet{}
	if how.Prefix != nil {
		net.prefix = *how.Prefix
	}
	var tensors []safetensors.Tensor
	add := func(name string, shape []int, data []float32) {
		tensors = append(tensors, safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: shape, Float32: data})
	}
	for l := range cfg.Layers {
		for d := range cfg.Directions() {
			wx, wh, err := sources(f.Net, l, d)
			if err != nil {
				return nil, err
			}
			rows := cfg.Gates() * cfg.Hidden
			params := cellParams(f.Net, l, d)
			second := params["recurrent_bias"].Data
			if second == nil {
				second = make([]float32, rows)
			}
			add(net.name("weight_ih", l, d), []int{rows, cfg.Inputs(l)}, wx.all())
			add(net.name("weight_hh", l, d), []int{rows, cfg.Hidden}, wh.all())
			add(net.name("bias_ih", l, d), []int{rows}, params["bias"].Data)
			add(net.name("bias_hh", l, d), []int{rows}, second)
		}
	}
	head := how.Head
	if head == "" {
		head = "fc"
	}
	for _, p := range f.Net.Params() {
		if p.Group == rnn.Head {
			add(head+p.Name[len("head"):], p.Shape, p.Data)
		}
	}
	for _, t := range tensors {
		if i := slices.IndexFunc(t.Float32, notFinite); i >= 0 {
			return nil, fmt.Errorf("%s is %v at place %d: a state dict is written only when all its weights are numbers", t.Name, t.Float32[i], i)
		}
	}
	return tensors, nil
}
