package rnn

import (
	"slices"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
)

// packing lays the steps of ragged clips out as rows: all clips' step 0, then all clips' step 1, and so on, clips sorted
// by falling length, so that the clips still running at any step are the first ones.
type packing struct {
	clips []int // place in the batch of each sorted clip
	lens  []int // of the sorted clips, falling
	off   []int // first row of each step; off[T] = R
}

// pack lays out clips with the given lengths, all at least 1. It reuses p's memory.
func (p *packing) pack(lens []int) {
	p.clips, p.lens, p.off = p.clips[:0], p.lens[:0], p.off[:0]
	for i := range lens {
		p.clips = append(p.clips, i)
	}
	slices.SortStableFunc(p.clips, func(a, b int) int { return lens[b] - lens[a] })
	for _, i := range p.clips {
		p.lens = append(p.lens, lens[i])
	}
	p.off = append(p.off, 0)
	for t, n := 0, len(lens); n > 0; t++ {
		for n > 0 && p.lens[n-1] <= t {
			n--
		}
		if n > 0 {
			p.off = append(p.off, p.off[t]+n)
		}
	}
}

func (p *packing) steps() int        { return len(p.off) - 1 }
func (p *packing) rows() int         { return p.off[len(p.off)-1] }
func (p *packing) active(t int) int  { return p.off[t+1] - p.off[t] }
func (p *packing) lastRow(c int) int { return p.off[p.lens[c]-1] + c }

// engine is one cell compiled: W is used in two windows of columns, the inputs and the hidden units.
type engine struct {
	cell
	hidden int
	inputs factor.Op // columns 0..in-1
	recur  factor.Op // columns in..in+H-1
}

// rowsPlanned is how many rows an engine expects to see between two changes of the weights.
const rowsPlanned = 256

func newEngine(c cell, hidden int) engine {
	return engine{c, hidden, c.w.Compile(0, c.in, rowsPlanned), c.w.Compile(c.in, c.in+hidden, rowsPlanned)}
}

func (e *engine) refresh() {
	e.inputs.Refresh()
	e.recur.Refresh()
}

// pass is one cell's way through a packed batch: what forward leaves for backward.
type pass struct {
	z, h, c, tc   []float32 // [R, 4H] activated gates, [R, H] hidden and cell states, tanh of cell states
	dz            []float32 // [R, 4H]
	dc            []float32 // [B, H]
	h0, c0        []float32 // [B, H] in sorted order, or nil for zero states
	zero          []float32 // [H]
	inputs, recur *factor.Scratch
	prev          previous
	out           hiddenRows // the hidden states as the input of the cell above
}

// hiddenRows gives the hidden states of a cell as rows.
type hiddenRows struct {
	h    []float32
	size int
}

func (v *hiddenRows) Load(dst []float32, r int) { copy(dst, v.h[r*v.size:(r+1)*v.size]) }

// previous gives, as input rows, the hidden state before each row of a packed batch.
type previous struct {
	p     *packing
	h, h0 []float32
	first int // the row that row 0 stands for
	size  int
	step  int // of the row asked for last: rows are mostly asked for in order
}

func (v *previous) Load(dst []float32, r int) {
	r += v.first
	if v.step >= v.p.steps() || v.p.off[v.step] > r {
		v.step = 0
	}
	for v.p.off[v.step+1] <= r {
		v.step++
	}
	from, c := v.h0, r-v.p.off[v.step]
	if v.step > 0 {
		from, c = v.h, v.p.off[v.step-1]+c
	}
	copy(dst, from[c*v.size:(c+1)*v.size])
}

// grow returns a slice of n elements, v itself when it is long enough.
func grow(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}

// forward runs the cell over x, a row a packed step. Sources: z_t = W [x_t; h_{t-1}] + b in gate blocks i, f, g, o;
// the products with all x_t are one contraction, those with h_{t-1} go step by step.
func (a *pass) forward(e *engine, p *packing, x factor.Rows) {
	H, R := e.hidden, p.rows()
	if a.inputs == nil {
		a.inputs, a.recur = e.inputs.NewScratch(), e.recur.NewScratch()
		a.zero = make([]float32, H)
	}
	a.z, a.h, a.c, a.tc = grow(a.z, R*4*H), grow(a.h, R*H), grow(a.c, R*H), grow(a.tc, R*H)
	for r := range R {
		copy(a.z[r*4*H:(r+1)*4*H], e.bias)
	}
	e.inputs.Apply(a.z, R, x, a.inputs)
	a.out = hiddenRows{a.h, H}
	a.prev = previous{p: p, h: a.h, h0: a.h0, size: H}
	for t := range p.steps() {
		lo, n := p.off[t], p.active(t)
		if t > 0 || a.h0 != nil {
			a.prev.first = lo
			e.recur.Apply(a.z[lo*4*H:], n, &a.prev, a.recur)
		}
		for i := range n {
			r, c := lo+i, a.cellBefore(p, t, i, H)
			kernel.LSTM(a.z[r*4*H:][:4*H], a.c[r*H:][:H], a.tc[r*H:][:H], a.h[r*H:][:H], c)
		}
	}
}

// cellBefore is clip i's cell state [H] before step t.
func (a *pass) cellBefore(p *packing, t, i, H int) []float32 {
	switch {
	case t > 0:
		return a.c[(p.off[t-1]+i)*H:][:H]
	case a.c0 != nil:
		return a.c0[i*H:][:H]
	}
	return a.zero
}

// cellGrad is where a pass adds its gradients.
type cellGrad struct {
	inputs, recur *factor.Grad
	bias          []float32 // [4H]
}

// backward takes dh [R, H], the derivative of every hidden state from above, back through time. dh is used up: after
// the call row r holds the whole derivative of h_r. Gradients are added to g; dx [R, in], when not nil, gets the
// derivative of the inputs added; dh0 [B, H], when not nil, that of the first hidden state; dc ends as that of the first cell state.
// dcLast [B, H], when not nil, is the derivative of each clip's last cell state.
func (a *pass) backward(e *engine, p *packing, x factor.Rows, g *cellGrad, dh, dx, dh0, dcLast []float32) {
	H, R, B := e.hidden, p.rows(), len(p.lens)
	a.dz, a.dc = grow(a.dz, R*4*H), grow(a.dc, B*H)
	clear(a.dc)
	copy(a.dc, dcLast)
	for t := p.steps() - 1; t >= 0; t-- {
		lo, n := p.off[t], p.active(t)
		for i := range n {
			r, c := lo+i, a.cellBefore(p, t, i, H)
			kernel.LSTMBackward(a.dz[r*4*H:][:4*H], a.dc[i*H:][:H], dh[r*H:][:H], a.z[r*4*H:][:4*H], a.tc[r*H:][:H], c)
		}
		// dh_{t-1} += W_h^T dz_t
		if t > 0 {
			e.recur.ApplyT(dh[p.off[t-1]*H:], n, a.dz[lo*4*H:], a.recur)
		} else if dh0 != nil {
			e.recur.ApplyT(dh0, n, a.dz, a.recur)
		}
	}
	for r := range R {
		kernel.Axpy(g.bias, 1, a.dz[r*4*H:][:4*H])
	}
	// dW_x += dz x^T over all rows at once, dW_h += dz_t h_{t-1}^T over all rows that have a step before them
	e.inputs.Gradient(g.inputs, R, a.dz, x, a.inputs)
	a.prev.first = 0
	if a.h0 == nil {
		a.prev.first = p.off[1]
	}
	if n := R - a.prev.first; n > 0 {
		e.recur.Gradient(g.recur, n, a.dz[a.prev.first*4*H:], &a.prev, a.recur)
	}
	if dx != nil {
		e.inputs.ApplyT(dx, R, a.dz, a.inputs)
	}
}
