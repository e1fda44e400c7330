package rnn

import (
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
)

// engine is one cell compiled: W is used in two windows of columns, the inputs and the hidden units.
type engine struct {
	cell
	inputs factor.Op // columns 0..in-1 of wx
	recur  factor.Op // columns at..at+H-1 of wh
}

// rowsPlanned is how many rows an engine expects to see between two changes of the weights.
const rowsPlanned = 256

func newEngine(c cell) engine {
	return engine{c, c.wx.Compile(0, c.in, rowsPlanned), c.wh.Compile(c.at, c.at+c.hidden, rowsPlanned)}
}

func (e *engine) refresh() {
	e.inputs.Refresh()
	e.recur.Refresh()
}

func (e *engine) rows() int { return e.kind.gates * e.hidden } // M

// pass is one cell's way through a packed batch: what forward leaves for backward.
type pass struct {
	z, u          []float32 // [R, M] activated gates; apart: [R, M] W_h h + its bias
	h, c, tc      []float32 // [R, H] hidden states; memory: cell states, their tanh
	dz, du        []float32 // [R, M]
	dc            []float32 // [B, H]
	h0, c0        []float32 // [B, H] in sorted order, or nil for zero states
	zero          []float32 // [H]
	inputs, recur *factor.Scratch
	prev          previous
	row           row
}

// forward runs the cell over x, a row a packed step: z_t = W_x x_t + W_h h_{t-1} + b. The products with all x_t are one
// contraction, those with h_{t-1} go step by step. train says that backward follows with the same x.
func (a *pass) forward(e *engine, p *packing, x factor.Rows, train bool) {
	H, M, R := e.hidden, e.rows(), p.rows()
	if a.inputs == nil {
		a.inputs, a.recur = e.inputs.NewScratch(), e.recur.NewScratch()
		a.zero = make([]float32, H)
	}
	a.z, a.h = grow(a.z, R*M), grow(a.h, R*H)
	if e.kind.memory {
		a.c, a.tc = grow(a.c, R*H), grow(a.tc, R*H)
	}
	repeat(a.z, e.bias)
	if train {
		e.inputs.Trace(a.z, R, x, a.inputs)
	} else {
		e.inputs.Apply(a.z, R, x, a.inputs)
	}
	hidden := a.z
	if e.kind.apart {
		a.u = grow(a.u, R*M)
		repeat(a.u, e.hiddenBias)
		hidden = a.u
	}
	a.prev = previous{p: p, h: a.h, h0: a.h0, size: H}
	for t := range p.steps() {
		lo, n := p.off[t], p.active(t)
		if t > 0 || a.h0 != nil {
			a.prev.first = lo
			e.recur.Apply(hidden[lo*M:], n, &a.prev, a.recur)
		}
		for i := range n {
			a.at(e, p, t, i)
			e.kind.forward(&a.row)
		}
	}
}

// repeat fills v with copies of row.
func repeat(v, row []float32) {
	for r := 0; r < len(v); r += len(row) {
		copy(v[r:], row)
	}
}

// at points a.row at clip i in step t.
func (a *pass) at(e *engine, p *packing, t, i int) {
	H, M, r := e.hidden, e.rows(), p.off[t]+i
	v := &a.row
	v.z, v.h, v.hPrev = a.z[r*M:][:M], a.h[r*H:][:H], a.before(a.h, a.h0, p, t, i, H)
	if e.kind.apart {
		v.u = a.u[r*M:][:M]
	}
	if e.kind.memory {
		v.c, v.tc, v.cPrev = a.c[r*H:][:H], a.tc[r*H:][:H], a.before(a.c, a.c0, p, t, i, H)
	}
}

// before is clip i's row [H] of v before step t: v0's at the start.
func (a *pass) before(v, v0 []float32, p *packing, t, i, H int) []float32 {
	switch {
	case t > 0:
		return v[(p.off[t-1]+i)*H:][:H]
	case v0 != nil:
		return v0[i*H:][:H]
	}
	return a.zero
}

// cellGrad is where a pass adds its gradients.
type cellGrad struct {
	inputs, recur    *factor.Grad
	bias, hiddenBias []float32 // [M]
}

func (e *engine) newGrad() cellGrad {
	return cellGrad{e.inputs.NewGrad(), e.recur.NewGrad(), make([]float32, len(e.bias)), make([]float32, len(e.hiddenBias))}
}

// backward takes dh [R, H], the derivative of every hidden state from above, back through time. dh is used up: after
// the call row r holds the whole derivative of h_r. Gradients are added to g; dx [R, in], when not nil, gets the
// derivative of the inputs added; dh0 [B, H], when not nil, that of the first hidden state; dc ends as that of the first cell state.
// dcLast [B, H], when not nil, is the derivative of each clip's last cell state.
func (a *pass) backward(e *engine, p *packing, x factor.Rows, g *cellGrad, dh, dx, dh0, dcLast []float32) {
	H, M, R, B := e.hidden, e.rows(), p.rows(), len(p.lens)
	a.dz = grow(a.dz, R*M)
	hidden := a.dz // derivative of W_h h
	if e.kind.apart {
		a.du = grow(a.du, R*M)
		hidden = a.du
	}
	if e.kind.memory {
		a.dc = grow(a.dc, B*H)
		clear(a.dc)
		copy(a.dc, dcLast)
	}
	for t := p.steps() - 1; t >= 0; t-- {
		lo, n := p.off[t], p.active(t)
		dhPrev := dh0
		if t > 0 {
			dhPrev = dh[p.off[t-1]*H:]
		}
		for i := range n {
			a.at(e, p, t, i)
			a.atBack(e, lo+i, i, dh, dhPrev)
			e.kind.backward(&a.row)
		}
		// dh_{t-1} += W_h^T du_t
		if dhPrev != nil {
			e.recur.ApplyT(dhPrev, n, hidden[lo*M:], a.recur)
		}
	}
	for r := range R {
		kernel.Axpy(g.bias, 1, a.dz[r*M:][:M])
	}
	if e.kind.apart {
		for r := range R {
			kernel.Axpy(g.hiddenBias, 1, a.du[r*M:][:M])
		}
	}
	// dW_x += dz x^T over all rows at once, dW_h += du_t h_{t-1}^T over all rows that have a step before them
	e.inputs.Gradient(g.inputs, R, a.dz, x, a.inputs)
	a.prev.first = 0
	if a.h0 == nil {
		a.prev.first = p.off[1]
	}
	if n := R - a.prev.first; n > 0 {
		e.recur.Gradient(g.recur, n, hidden[a.prev.first*M:], &a.prev, a.recur)
	}
	if dx != nil {
		e.inputs.ApplyT(dx, R, a.dz, a.inputs)
	}
}

// atBack points a.row at the derivatives of row r, which is clip i's.
func (a *pass) atBack(e *engine, r, i int, dh, dhPrev []float32) {
	H, M := e.hidden, e.rows()
	v := &a.row
	v.dz, v.dh, v.dhPrev = a.dz[r*M:][:M], dh[r*H:][:H], nil
	if dhPrev != nil {
		v.dhPrev = dhPrev[i*H:][:H]
	}
	if e.kind.apart {
		v.du = a.du[r*M:][:M]
	}
	if e.kind.memory {
		v.dc = a.dc[i*H:][:H]
	}
}
