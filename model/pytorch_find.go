package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

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
