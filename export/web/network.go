package web

import (
	"github.com/fdht/fdht/rnn"
)

// cell is one layer's places in the memory.
type cell struct {
	bias, hiddenBias int // [M]; the second where the kind of cell has one
	wx, wh           *matrix
	z, u, h, c       int // [M] pre-activations, [M] the GRU's hidden half, [H] states
}

// network emits all layers. The input half of the first is a part of its own: it does not depend on the frames before.
func (b *builder) network(h *head, net *rnn.Model, params []int) {
	cfg := net.Config()
	below := 0 // the hidden state of the layer below
	for l := range cfg.Layers {
		var c cell
		c, params = b.cell(net, l, params)
		part := &b.input
		if l > 0 {
			part = &b.step
			part.copyRun(c.wx.x, below, cfg.Hidden)
		} else {
			h.X, h.Z = uint32(c.wx.x), uint32(c.z)
		}
		part.copyRun(c.z, c.bias, cfg.Gates()*cfg.Hidden)
		c.wx.apply(part, c.z)
		b.recurrent(cfg, c)
		below = c.h
	}
	h.Logits = uint32(b.classifier(cfg, below, params[0], params[1]))
}

// cell makes room for layer l, whose parameters come first in params, and returns the others.
func (b *builder) cell(net *rnn.Model, l int, params []int) (c cell, others []int) {
	cfg := net.Config()
	M, H, in := cfg.Gates()*cfg.Hidden, cfg.Hidden, cfg.Inputs(l)
	W := net.Matrix(l, 0)
	take := func(n int) []int {
		list := params[:n]
		params = params[n:]
		return list
	}
	factors := take(W.Factors())
	c.wx = b.newMatrix(W, factors, 0, in)
	if R := net.RecurrentMatrix(l, 0); R != nil {
		c.wh = b.newMatrix(R, take(R.Factors()), 0, H)
	} else {
		c.wh = b.newMatrix(W, factors, in, in+H)
	}
	c.h = c.wh.x
	c.bias, c.z = take(1)[0], b.room(M)
	switch cfg.Cell {
	case rnn.GRU:
		c.hiddenBias, c.u = take(1)[0], b.room(M)
	case rnn.LSTM:
		c.c = b.room(H)
	}
	return c, params
}

// recurrent emits the hidden half of a cell, its gates, and its first states.
func (b *builder) recurrent(cfg rnn.Config, c cell) {
	H := cfg.Hidden
	b.reset.emit(opClear, c.h, H)
	switch cfg.Cell {
	case rnn.GRU:
		b.step.copyRun(c.u, c.hiddenBias, cfg.Gates()*H)
		c.wh.apply(&b.step, c.u)
		b.step.emit(opGRU, c.z, c.u, c.h, H)
	case rnn.LSTM:
		c.wh.apply(&b.step, c.z)
		b.step.emit(opLSTM, c.z, c.c, c.h, H)
		b.reset.emit(opClear, c.c, H)
	default:
		c.wh.apply(&b.step, c.z)
		b.step.emit(opRNN, c.z, c.h, H)
	}
}

// classifier emits logits[c] = sum_h head[c,h] pooled[h] + bias[c] and returns their place.
func (b *builder) classifier(cfg rnn.Config, state, weight, bias int) (logits int) {
	H, C := cfg.Hidden, cfg.Classes
	pooled := state
	if cfg.Pooling == rnn.PoolMean {
		sum := b.room(H)
		pooled = b.room(H)
		b.step.emit(opMean, pooled, sum, state, H)
		b.reset.emit(opClear, sum, H)
	}
	logits = b.room(C)
	dim := []int{C, H}
	turned := b.ordered(dense(weight, dim, []int{0, 1}), dim, []int{1, 0})
	b.step.copyRun(logits, bias, C)
	b.step.emit(opMul, logits, pooled, turned.at, 1, 1, C, H, 0, 0, 1, C, 0)
	return logits
}
