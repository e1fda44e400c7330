package factor

// sumOp is the Op of a matrix that is a sum of networks, each with factors of its own.
type sumOp struct {
	terms []*treeOp
	first []int // number of each term's first factor in the Linear
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
