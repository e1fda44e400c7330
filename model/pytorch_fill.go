package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// config is the dense model's; what fdht left in the file's metadata fills in what the tensors do not say.
func (n *torchNet) config(st *safetensors.File, how PyTorch) (Config, error) {
	var left Config
	if text, ok := st.Metadata[keyConfig]; ok {
		var err error
		if left, err = ParseConfig([]byte(text)); err != nil {
			return left, fmt.Errorf("%s: %w", keyConfig, err)
		}
	}
	cfg := Config{Cell: n.cell, Bidirectional: n.both, Input: n.input, Hidden: n.hidden, Layers: n.layers, Classes: how.Classes, Pooling: how.Pooling}
	rows := cfg.RNN().Gates() * n.hidden
	cfg.Structure = factor.DenseSpec(rows, n.input+n.hidden)
	if n.layers > 1 {
		s := factor.DenseSpec(rows, cfg.RNN().Outputs()+n.hidden)
		cfg.Upper = &s
	}
	if left.Input == n.input {
		cfg.Frame, cfg.Steps, cfg.Standardise = left.Frame, left.Steps, left.Standardise
	}
	if cfg.Pooling == "" {
		if cfg.Pooling = left.Pooling; cfg.Pooling == "" {
			cfg.Pooling = rnn.PoolLast
		}
	}
	classes := len(cfg.Classes)
	if n.head.Name != "" {
		classes = n.head.Shape[0]
	}
	if cfg.Classes == nil && len(left.Classes) == classes {
		cfg.Classes = left.Classes
	}
	if cfg.Classes == nil {
		if classes == 0 {
			return cfg, TorchClasses.open("no classifier and no classes: name the classes")
		}
		for k := range classes {
			cfg.Classes = append(cfg.Classes, strconv.Itoa(k))
		}
	}
	if len(cfg.Classes) != classes {
		return cfg, TorchClasses.open("%d classes are named, the classifier has %d", len(cfg.Classes), classes)
	}
	return cfg, cfg.Validate()
}

// fill copies the weights.
func (n *torchNet) fill(m *rnn.Model) error {
	for l := range n.layers {
		for d := range n.directions() {
			c := n.cells[[2]int{l, d}]
			params := cellParams(m, l, d)
			w := params["weight"]
			in := c.wih.Shape[1]
			if err := copyRows(w.Data, 0, w.Shape[1], c.wih); err != nil {
				return err
			}
			if err := copyRows(w.Data, in, w.Shape[1], c.whh); err != nil {
				return err
			}
			if c.bih.Name == "" {
				continue
			}
			bias, second := params["bias"].Data, params["recurrent_bias"].Data
			if second != nil { // a GRU keeps the two apart
				if err := errors.Join(numbers(bias, c.bih), numbers(second, c.bhh)); err != nil {
					return err
				}
				continue
			}
			other := make([]float32, len(bias))
			if err := errors.Join(numbers(bias, c.bih), numbers(other, c.bhh)); err != nil {
				return err
			}
			for i, v := range other {
				bias[i] += v
			}
			if i := slices.IndexFunc(bias, notFinite); i >= 0 {
				return fmt.Errorf("tensors %s and %s add up to %v at place %d: one bias is made of the two", c.bih.Name, c.bhh.Name, bias[i], i)
			}
		}
	}
	for _, p := range m.Params() {
		t := n.head
		if p.Name == "head.bias" {
			t = n.headBias
		}
		if p.Group == rnn.Head && t.Name != "" {
			if err := numbers(p.Data, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// cellParams are the parameters of one direction of one layer, by the last part of their names.
func cellParams(m *rnn.Model, l, d int) map[string]rnn.Param {
	prefix := fmt.Sprintf("cell.%d.", l)
	if d == 1 {
		prefix += "reverse."
	}
	out := map[string]rnn.Param{}
	for _, p := range m.Params() {
		if rest, ok := strings.CutPrefix(p.Name, prefix); ok && !(d == 0 && strings.HasPrefix(rest, "reverse.")) {
			out[rest] = p
		}
	}
	return out
}

// numbers is Floats, and an error for what is not a number.
func numbers(dst []float32, t safetensors.Tensor) error {
	if err := t.Floats(dst); err != nil {
		return err
	}
	if i := slices.IndexFunc(dst, notFinite); i >= 0 {
		return fmt.Errorf("tensor %s holds %v at place %d", t.Name, dst[i], i)
	}
	return nil
}

// copyRows writes the matrix t to columns at.. of a matrix with so many columns.
func copyRows(dst []float32, at, cols int, t safetensors.Tensor) error {
	width := t.Shape[1]
	size := t.DType.Size() * width
	for i := range t.Shape[0] {
		row := safetensors.Tensor{Name: t.Name, DType: t.DType, Shape: []int{width}, Data: t.Data[i*size : (i+1)*size]}
		if err := numbers(dst[i*cols+at:][:width], row); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}
