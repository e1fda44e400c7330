package serve

import (
	"fmt"

	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
)

// card describes a model in full.
func card(name string, c model.Config, bytes int64) (client.Card, error) {
	net := c.RNN()
	d := client.Card{
		Name: name, Cell: c.Cell, Kind: string(c.Structure.Kind), Scope: string(c.Structure.Scope), Bidirectional: c.Bidirectional,
		Input: c.Input, Hidden: c.Hidden, Layers: c.Layers, Pooling: c.Pooling, Steps: c.Steps, Labels: c.Classes,
		Video: c.Frame != nil, Stream: !c.Bidirectional, Bytes: bytes, DenseWeights: net.DenseWeights(),
	}
	if f := c.Frame; f != nil {
		d.Frame = &client.Frame{Height: f.Height, Width: f.Width, Channels: f.Channels, Input: f.Input, Lag: f.Lag, Gain: f.Gain}
	}
	var err error
	if d.Weights, d.Biases, d.Head, err = net.Count(); err != nil {
		return d, err
	}
	d.Total = d.Weights + d.Biases + d.Head
	d.Ratio = float64(d.DenseWeights) / float64(d.Weights)
	if d.MAC, err = net.MAC(); err != nil {
		return d, err
	}
	for l := range c.Layers {
		for dir := range net.Directions() {
			prefix := fmt.Sprintf("cell.%d", l)
			if dir == 1 {
				prefix += ".reverse"
			}
			part, inputs := "all", net.Inputs(l)+c.Hidden
			h, apart := net.RecurrentSpec(l)
			if apart {
				part, inputs = "input", net.Inputs(l)
			}
			rows := int64(net.Gates()) * int64(c.Hidden)
			d.Matrices = append(d.Matrices, matrix(prefix, part, net.Spec(l), rows*int64(inputs)))
			if apart {
				d.Matrices = append(d.Matrices, matrix(prefix+".recurrent", "hidden", h, rows*int64(c.Hidden)))
			}
		}
	}
	return d, nil
}

// matrix describes a matrix that stands for one of dense weights.
func matrix(name, part string, s factor.Spec, dense int64) client.Matrix {
	m := client.Matrix{Name: name, Kind: string(s.Kind), Part: part, Rows: s.Rows(), Columns: s.Cols(), In: s.In, Out: s.Out, DenseWeights: dense}
	for _, p := range s.Factors() {
		f := client.Factor{Name: p.Name, Shape: p.Shape, Weights: 1}
		for _, n := range p.Shape {
			f.Weights *= int64(n)
		}
		m.Weights += f.Weights
		m.Factors = append(m.Factors, f)
	}
	if s.Kind == factor.HT {
		m.Tree = tree(s, m.Factors)
	}
	return m
}

// tree is the dimension tree of an HT matrix.
func tree(s factor.Spec, factors []client.Factor) *client.Node {
	named := map[string]client.Factor{}
	for _, f := range factors {
		named[f.Name] = f
	}
	nodes := map[factor.Range]*client.Node{}
	t := s.DimensionTree()
	var root *client.Node
	for _, r := range t.Nodes() { // children before parents
		n := &client.Node{Name: r.String(), Rank: s.Rank(r), Factor: "transfer." + r.String()}
		for k := r.Lo; k < r.Hi; k++ {
			n.Modes = append(n.Modes, k)
		}
		if r.Len() == 1 {
			n.Factor, n.In, n.Out = "leaf."+r.String(), s.In[r.Lo], s.Out[r.Lo]
		}
		n.Shape, n.Weights = named[n.Factor].Shape, named[n.Factor].Weights
		nodes[r], root = n, n
	}
	inner, children := t.Inner()
	for i, r := range inner {
		nodes[r].Children = []*client.Node{nodes[children[i][0]], nodes[children[i][1]]}
	}
	return root
}
