package onnx

import (
	"fmt"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// structure is a matrix of the kind with these rows and at least these columns. odd leaves a column unused.
func structure(kind factor.Kind, rows, columns int, odd bool) factor.Spec {
	out := map[int][]int{24: {3, 2, 4}, 18: {3, 2, 3}, 6: {3, 1, 2}}[rows]
	in := map[int][]int{6: {2, 3}, 10: {5, 2}, 12: {3, 4}, 16: {4, 4}, 18: {6, 3}}[columns]
	if odd {
		in[0]++
	}
	in = append(in, 1)
	switch kind {
	case factor.Dense:
		return factor.DenseSpec(rows, in[0]*in[1])
	case factor.TT:
		return factor.TTSpec(in, out, 2)
	case factor.TR:
		return factor.TRSpec(in, out, 2)
	case factor.BT:
		return factor.BTSpec(in, out, 2, 2)
	}
	return factor.HTSpec(in, out, 2, 2)
}

// configs is every kind in every scope and cell, one way and both, with one layer and two, both poolings, and padded columns in turn.
func configs() map[string]model.Config {
	all := map[string]model.Config{}
	n := 0
	for _, cell := range []string{rnn.LSTM, rnn.GRU, rnn.RNN} {
		for _, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
			for _, kind := range factor.Kinds {
				for _, both := range []bool{false, true} {
					c := model.Config{Cell: cell, Bidirectional: both, Input: 10, Hidden: 6, Classes: []string{"walk", "jog", "sit & <wait>"}}
					c.Layers = 1 + (n+n/2)%2
					c.Pooling = []string{rnn.PoolLast, rnn.PoolMean}[n/3%2]
					net := c.RNN()
					rows, odd := net.Gates()*c.Hidden, n%4 > 1
					make := func(columns int) factor.Spec {
						if scope == factor.Full {
							columns += c.Hidden
						}
						return structure(kind, rows, columns, odd).WithScope(scope)
					}
					c.Structure = make(c.Input)
					if c.Layers > 1 {
						upper := make(net.Outputs())
						c.Upper = &upper
					}
					if scope == factor.Split {
						s := structure(kind, rows, c.Hidden, odd)
						c.Recurrent = &s
					}
					if n%3 == 0 {
						c.Standardise = &model.Standardise{Mean: []float64{0.3}, Std: []float64{0.7}}
					}
					all[fmt.Sprintf("%s-%s-%s-both=%v-%d", cell, kind, scope, both, c.Layers)] = c
					n++
				}
			}
		}
	}
	in, out := []int{2, 1, 2, 2, 1, 2, 3, 2}, []int{2, 1, 2, 2, 3, 1, 2, 1}
	for _, s := range []factor.Spec{factor.HTSpec(in, out, 1, 1), factor.BTSpec(in, out, 2, 1), factor.TTSpec(in, out, 2), factor.TRSpec(in, out, 2)} {
		all[fmt.Sprintf("lstm-%s-of-8-modes", s.Kind)] = model.Config{
			Cell: rnn.LSTM, Input: 20, Hidden: 12, Layers: 1, Structure: s, Classes: []string{"a", "b"}, Pooling: rnn.PoolLast}
	}
	return all
}
