package onnx

import (
	"fmt"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// cell is one direction of one layer with its matrices ready for use.
type cell struct {
	kind       string
	prefix     string // of the names of its parameters
	hidden     int    // H
	inputs     matrix // W_x
	recur      matrix // W_h
	merged     string // W_h^T [H, M] as one constant; "": it stays in factors
	bias       string // [M]
	hiddenBias string // [M], of a GRU
}

// cell makes direction d of layer l, whose inputs come so many rows at a time.
func (b builder) cell(m *rnn.Model, l, d int, rows float64, params map[string]rnn.Param) cell {
	cfg := m.Config()
	c := cell{kind: cfg.Cell, prefix: fmt.Sprintf("cell.%d.", l), hidden: cfg.Hidden}
	if d == 1 {
		c.prefix += "reverse."
	}
	b = b.named(c.prefix)
	in, wx := cfg.Inputs(l), m.Matrix(l, d)
	name := func(p factor.Param) string { return c.prefix + p.Name }
	recurrent, at, hiddenName := wx, in, name
	if wh := m.RecurrentMatrix(l, d); wh != nil {
		recurrent, at = wh, 0
		hiddenName = func(p factor.Param) string { return c.prefix + "recurrent." + p.Name }
	}
	c.inputs = b.matrix(wx, 0, in, rows, name)
	c.recur = b.matrix(recurrent, at, at+c.hidden, 1, hiddenName)
	c.merged = b.merged(c.recur)
	c.bias = b.parameter(params[c.prefix+"bias"])
	if p, ok := params[c.prefix+"recurrent_bias"]; ok {
		c.hiddenBias = b.parameter(p)
	}
	return c
}

func (b builder) parameter(p rnn.Param) string { return b.weights(p.Name, p.Shape, p.Data) }

// memory reports whether the cell has a cell state c beside h.
func (c cell) memory() bool { return c.kind == rnn.LSTM }

// state names what is handed from step to step, all [B, H].
type state struct{ h, c string }

// times is W_h h + z for h [B, H]; z is [B, M] or [M].
func (c cell) times(b builder, h, z string) string {
	if c.merged != "" {
		return b.op("Gemm", []string{h, c.merged, z})
	}
	y := b.apply(c.recur, array{h, 1, []int{c.hidden}})
	return b.op("Add", []string{y.name, z})
}

// step is the state after a step; z is [B, M] = W_x x + bias.
func (c cell) step(b builder, z string, s state) state {
	sigmoid := func(x string) string { return b.op("Sigmoid", []string{x}) }
	tanh := func(x string) string { return b.op("Tanh", []string{x}) }
	binary := func(op, x, y string) string { return b.op(op, []string{x, y}) }
	last := attribute{name: "axis", i: 1}
	switch c.kind {
	case rnn.LSTM: // c = f c + i g, h = o tanh(c)
		v := b.ops("Split", 4, []string{c.times(b, s.h, z)}, last)
		i, f, g, o := sigmoid(v[0]), sigmoid(v[1]), tanh(v[2]), sigmoid(v[3])
		s.c = binary("Add", binary("Mul", f, s.c), binary("Mul", i, g))
		s.h = binary("Mul", o, tanh(s.c))
	case rnn.GRU: // r, z: sigmoid(a + u); n = tanh(a_n + r u_n); h = n + z (h - n)
		sizes := b.integers(2*c.hidden, c.hidden)
		a := b.ops("Split", 2, []string{z, sizes}, last)
		u := b.ops("Split", 2, []string{c.times(b, s.h, c.hiddenBias), sizes}, last)
		gates := b.ops("Split", 2, []string{sigmoid(binary("Add", a[0], u[0]))}, last)
		n := tanh(binary("Add", a[1], binary("Mul", gates[0], u[1])))
		s.h = binary("Add", n, binary("Mul", gates[1], binary("Sub", s.h, n)))
	default:
		s.h = tanh(c.times(b, s.h, z))
	}
	return s
}

// project is z = W_x x + bias.
func (c cell) project(b builder, x array) array {
	z := b.apply(c.inputs, x)
	z.name = b.op("Add", []string{z.name, c.bias})
	return z
}
