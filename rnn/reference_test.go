package rnn

import (
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// reference is the network in float64 on dense weights, written from the equations alone.
type reference struct {
	cfg        Config
	cells      []referenceCell // as Model.cells
	head, last []float64
}

// referenceCell has the rows of W_x and W_h.
type referenceCell struct {
	wx, wh           [][]float64
	bias, hiddenBias []float64
}

func newReference(m *Model) *reference {
	r := &reference{cfg: m.cfg, head: wide(m.head), last: wide(m.bias)}
	for i := range m.cells {
		l, d := i/m.cfg.Directions(), i%m.cfg.Directions()
		in, H := m.cfg.Inputs(l), m.cfg.Hidden
		c := referenceCell{bias: wide(m.cells[i].bias), hiddenBias: wide(m.cells[i].hiddenBias)}
		c.wx = columns(m.Matrix(l, d), 0, in)
		if h := m.RecurrentMatrix(l, d); h != nil {
			c.wh = columns(h, 0, H)
		} else {
			c.wh = columns(m.Matrix(l, d), in, in+H)
		}
		r.cells = append(r.cells, c)
	}
	return r
}

// columns are the columns lo..hi-1 of the rows of w.
func columns(w *factor.Linear, lo, hi int) [][]float64 {
	all := w.Materialize()
	var rows [][]float64
	for i := range all.Shape[0] {
		rows = append(rows, wide(all.Data[i*all.Shape[1]:][lo:hi]))
	}
	return rows
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// times is W v + b.
func times(w [][]float64, v, b []float64) []float64 {
	out := make([]float64, len(w))
	copy(out, b)
	for i, row := range w {
		for j, e := range v {
			out[i] += row[j] * e
		}
	}
	return out
}

// step is h_t and c_t.
func (r *reference) step(c *referenceCell, x, h, mem []float64) (hNew, memNew []float64) {
	H := r.cfg.Hidden
	a, b := times(c.wx, x, c.bias), times(c.wh, h, c.hiddenBias)
	hNew, memNew = make([]float64, H), make([]float64, H)
	for u := range H {
		switch r.cfg.Cell {
		case LSTM:
			gate := func(k int) float64 { return a[k*H+u] + b[k*H+u] }
			memNew[u] = sigmoid(gate(1))*mem[u] + sigmoid(gate(0))*math.Tanh(gate(2))
			hNew[u] = sigmoid(gate(3)) * math.Tanh(memNew[u])
		case GRU:
			reset, update := sigmoid(a[u]+b[u]), sigmoid(a[H+u]+b[H+u])
			n := math.Tanh(a[2*H+u] + reset*b[2*H+u])
			hNew[u] = (1-update)*n + update*h[u]
		case RNN:
			hNew[u] = math.Tanh(a[u] + b[u])
		}
	}
	return hNew, memNew
}

// run is the hidden states of one direction in the order of xs.
func (r *reference) run(c *referenceCell, xs [][]float64, backward bool) [][]float64 {
	h, mem := make([]float64, r.cfg.Hidden), make([]float64, r.cfg.Hidden)
	out := make([][]float64, len(xs))
	for i := range xs {
		t := i
		if backward {
			t = len(xs) - 1 - i
		}
		h, mem = r.step(c, xs[t], h, mem)
		out[t] = h
	}
	return out
}

// pooled is what the classifier reads of one direction's hidden states.
func (r *reference) pooled(hs [][]float64, backward bool) []float64 {
	if r.cfg.Pooling == PoolLast {
		if backward {
			return hs[0]
		}
		return hs[len(hs)-1]
	}
	mean := make([]float64, r.cfg.Hidden)
	for _, h := range hs {
		for u, v := range h {
			mean[u] += v / float64(len(hs))
		}
	}
	return mean
}

func (r *reference) logits(clip Sequence) []float64 {
	var xs [][]float64
	for t := range clip.Len() {
		x := make([]float32, r.cfg.Input)
		clip.Load(x, t)
		xs = append(xs, wide(x))
	}
	var pooled []float64
	for l := range r.cfg.Layers {
		pooled = nil
		next := make([][]float64, len(xs))
		for d := range r.cfg.Directions() {
			hs := r.run(&r.cells[l*r.cfg.Directions()+d], xs, d == 1)
			for t, h := range hs {
				next[t] = append(next[t], h...)
			}
			pooled = append(pooled, r.pooled(hs, d == 1)...)
		}
		xs = next
	}
	y := slices.Clone(r.last)
	for c := range y {
		for u, v := range pooled {
			y[c] += r.head[c*len(pooled)+u] * v
		}
	}
	return y
}
