package factor

import "slices"

// sumOp is the Op of a matrix that is a sum of networks, each with factors of its own.
type sumOp struct {
	terms []*treeOp
	first []int // number of each term's first factor in the Linear
}

// newSumOp compiles nets, which have the same shape: params are the factors of all, and the box has `box` columns, of which the
// window takes width from the column first on. The terms share one plan.
func newSumOp(nets []network, params []Param, first, width, box int) *sumOp {
	sum := &sumOp{}
	for i, net := range nets {
		at := i * len(net.factors) % len(params) // the terms of a trace all use the same factor
		term := newTreeOp
		if i > 0 {
			term = sum.terms[0].twin
		}
		sum.first = append(sum.first, at)
		sum.terms = append(sum.terms, term(net, params[at:], first, width, box))
	}
	return sum
}

// twin is what newTreeOp makes of a network of the same shape, without searching again.
func (op *treeOp) twin(net network, params []Param, first, width, box int) *treeOp {
	twin := *op
	twin.params, twin.first, twin.width, twin.box = params, first, width, box
	for _, p := range []**program{&twin.apply, &twin.back, &twin.grad} {
		*p = (*p).twin(net)
	}
	return &twin
}

// twin is p with memory of its own, for the factors of net.
func (p *program) twin(net network) *program {
	twin := *p
	twin.factors = net.strided()
	twin.value, twin.slope = emptyLike(p.value), emptyLike(p.slope)
	twin.ahead = slices.Clone(p.ahead)
	for i := range twin.ahead {
		m := &twin.ahead[i]
		m.pa, m.pb, m.tmp = make([]float32, len(m.pa)), make([]float32, len(m.pb)), make([]float32, len(m.tmp))
	}
	twin.weights = slices.Clone(p.weights)
	for i, w := range twin.weights {
		twin.weights[i] = packed{make([]float32, len(w.ts)), make([]float32, len(w.st))}
	}
	return &twin
}

// emptyLike is zeros in the sizes of v.
func emptyLike(v [][]float32) [][]float32 {
	out := make([][]float32, len(v))
	for i := range v {
		out[i] = make([]float32, len(v[i]))
	}
	return out
}

func (op *sumOp) Exclusive() bool { return false }

func (op *sumOp) Aim(*Grad, [][]float32) {}

func (op *sumOp) Refresh() {
	for _, t := range op.terms {
		t.Refresh()
	}
}

func (op *sumOp) NewScratch() *Scratch {
	s := &Scratch{}
	for _, t := range op.terms {
		s.parts = append(s.parts, t.NewScratch())
	}
	return s
}

func (op *sumOp) Apply(dst []float32, rows int, x Rows, s *Scratch) {
	for i, t := range op.terms {
		t.Apply(dst, rows, x, s.parts[i])
	}
}

func (op *sumOp) ApplyT(dx []float32, rows int, dy []float32, s *Scratch) {
	for i, t := range op.terms {
		t.ApplyT(dx, rows, dy, s.parts[i])
	}
}

func (op *sumOp) NewGrad() *Grad {
	g := &Grad{}
	for _, t := range op.terms {
		part := t.NewGrad()
		g.parts = append(g.parts, part)
		g.sum = append(g.sum, part.sum...)
	}
	return g
}

func (op *sumOp) Gradient(g *Grad, rows int, dy []float32, x Rows, s *Scratch) {
	for i, t := range op.terms {
		t.Gradient(g.parts[i], rows, dy, x, s.parts[i])
	}
}

func (op *sumOp) Collect(target [][]float32, g *Grad) {
	for i, t := range op.terms {
		t.Collect(target[op.first[i]:], g.parts[i])
	}
}
