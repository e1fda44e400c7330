package model

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/factor"
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

// findTorch sorts the tensors by layer and direction.
func findTorch(st *safetensors.File, prefix *string) (*torchNet, error) {
	var prefixes []string
	for _, t := range st.Tensors {
		if m := torchName.FindStringSubmatch(t.Name); m != nil && m[2] == "weight_ih" && !slices.Contains(prefixes, m[1]) {
			prefixes = append(prefixes, m[1])
		}
	}
	slices.Sort(prefixes)
	net := &torchNet{cells: map[[2]int]*torchCell{}}
	switch {
	case len(prefixes) == 0:
		return nil, errors.New("no recurrent network: there is no tensor named weight_ih_l0, with or without a prefix")
	case prefix != nil && !slices.Contains(prefixes, *prefix):
		return nil, TorchPrefix.open("no tensor %sweight_ih_l0: the prefixes here are %s", *prefix, quoted(prefixes))
	case prefix == nil && len(prefixes) > 1:
		return nil, TorchPrefix.open("%d recurrent networks, with the prefixes %s: choose one", len(prefixes), quoted(prefixes))
	case prefix != nil:
		net.prefix = *prefix
	default:
		net.prefix = prefixes[0]
	}
	for _, t := range st.Tensors {
		m := torchName.FindStringSubmatch(t.Name)
		if m == nil || m[1] != net.prefix {
			net.ignored = append(net.ignored, t.Name)
			continue
		}
		layer, _ := strconv.Atoi(m[3])
		at := [2]int{layer, 0}
		if m[4] != "" {
			at[1], net.both = 1, true
		}
		c := net.cells[at]
		if c == nil {
			c = &torchCell{}
			net.cells[at] = c
		}
		net.layers = max(net.layers, layer+1)
		switch m[2] {
		case "weight_ih":
			c.wih = t
		case "weight_hh":
			c.whh = t
		case "bias_ih":
			c.bih = t
		case "bias_hh":
			c.bhh = t
		default:
			return nil, fmt.Errorf("tensor %s: an LSTM with projections (proj_size) is not supported", t.Name)
		}
	}
	return net, nil
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, ", ")
}

// directions is 2 for a bidirectional network.
func (n *torchNet) directions() int {
	if n.both {
		return 2
	}
	return 1
}

// name is the name of a tensor.
func (n *torchNet) name(what string, layer, direction int) string {
	name := fmt.Sprintf("%s%s_l%d", n.prefix, what, layer)
	if direction == 1 {
		name += "_reverse"
	}
	return name
}

// shapes finds input, hidden units and cell and holds all shapes against them.
func (n *torchNet) shapes(cell string) error {
	if n.layers > maxLayers {
		return fmt.Errorf("%d layers: at most %d are read", n.layers, maxLayers)
	}
	for l := range n.layers {
		for d := range n.directions() {
			c := n.cells[[2]int{l, d}]
			if c == nil {
				c = &torchCell{}
			}
			for _, t := range []struct {
				what string
				safetensors.Tensor
			}{{"weight_ih", c.wih}, {"weight_hh", c.whh}} {
				if t.Name == "" {
					return fmt.Errorf("tensor %s is missing", n.name(t.what, l, d))
				}
				if len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] < 1 {
					return fmt.Errorf("tensor %s has shape %s, want a matrix", t.Name, shapeText(t.Shape))
				}
			}
			if l == 0 && d == 0 {
				if err := n.kind(c.whh, cell); err != nil {
					return err
				}
				n.input = c.wih.Shape[1]
			}
			if err := n.check(c, l, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// kind tells the cells apart by the rows of weight_hh_l0 [G H, H].
func (n *torchNet) kind(whh safetensors.Tensor, cell string) error {
	n.hidden = whh.Shape[1]
	for _, kind := range []string{rnn.LSTM, rnn.GRU, rnn.RNN} {
		if gates := (rnn.Config{Cell: kind}).Gates(); whh.Shape[0] == gates*n.hidden {
			n.cell = kind
		}
	}
	switch {
	case n.cell == "":
		return fmt.Errorf("tensor %s has shape %s: want 4 (LSTM), 3 (GRU) or 1 (RNN) times as many rows as columns", whh.Name, shapeText(whh.Shape))
	case cell != "" && cell != n.cell:
		return fmt.Errorf("tensor %s has shape %s, which is that of %s, not of %s", whh.Name, shapeText(whh.Shape), n.cell, cell)
	}
	return nil
}

// check holds a cell's shapes against the network's.
func (n *torchNet) check(c *torchCell, l, d int) error {
	rows := (rnn.Config{Cell: n.cell}).Gates() * n.hidden
	in := n.input
	if l > 0 {
		in = n.directions() * n.hidden
	}
	for _, t := range []struct {
		safetensors.Tensor
		want []int
	}{{c.wih, []int{rows, in}}, {c.whh, []int{rows, n.hidden}}, {c.bih, []int{rows}}, {c.bhh, []int{rows}}} {
		if t.Name != "" && !slices.Equal(t.Shape, t.want) {
			return fmt.Errorf("tensor %s has shape %s, want %s: %s, %d inputs, %d hidden units", t.Name, shapeText(t.Shape), shapeText(t.want), n.cell, in, n.hidden)
		}
	}
	if (c.bih.Name == "") != (c.bhh.Name == "") {
		return fmt.Errorf("one of the tensors %s and %s is missing", n.name("bias_ih", l, d), n.name("bias_hh", l, d))
	}
	return nil
}

// findHead finds the classifier: a matrix with as many columns as the top layer has outputs.
func (n *torchNet) findHead(st *safetensors.File, head string) error {
	if head == noHead {
		return nil
	}
	outputs := n.directions() * n.hidden
	var fit []string
	for _, t := range st.Tensors { // those of the recurrent network have other endings
		if name, ok := strings.CutSuffix(t.Name, ".weight"); ok && len(t.Shape) == 2 && t.Shape[1] == outputs && t.Shape[0] > 0 {
			fit = append(fit, name)
		}
	}
	switch {
	case head != "" && !slices.Contains(fit, head):
		t, ok := st.Find(head + ".weight")
		if !ok {
			return TorchHead.open("no tensor %s.weight for the classifier: the matrices with %d columns are %s", head, outputs, listed(fit))
		}
		return TorchHead.open("tensor %s.weight has shape %s: the classifier's has %d columns", head, shapeText(t.Shape), outputs)
	case head == "" && len(fit) != 1:
		return TorchHead.open("which tensors are the classifier: the matrices with %d columns are %s: name one, or %q", outputs, listed(fit), noHead)
	case head == "":
		head = fit[0]
	}
	n.head, _ = st.Find(head + ".weight")
	n.headBias, _ = st.Find(head + ".bias")
	if b := n.headBias; b.Name != "" && !slices.Equal(b.Shape, n.head.Shape[:1]) {
		return fmt.Errorf("tensor %s has shape %s, the classifier has %d rows", b.Name, shapeText(b.Shape), n.head.Shape[0])
	}
	n.ignored = slices.DeleteFunc(n.ignored, func(name string) bool { return name == n.head.Name || name == n.headBias.Name })
	return nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return quoted(names)
}

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
