package factor

import (
	"fmt"

	"github.com/fdht/fdht/internal/kernel"
)

// treeOp is the Op of a factored matrix. Most are one tensor network; one that is a sum of several, of the same shape and with
// factors of their own, has a term for each, and they share one plan and all memory of those who use the Op.
type treeOp struct {
	params []Param // the factors
	terms  []term
	width  int // columns of the window
	first  int // the window's first column within the box
	box    int // columns of the box, see boxOf
}

// term is a network compiled: one program for W, one for W^T and one for the gradients of the factors.
type term struct {
	apply, back, grad *program
}

// blockFloats bounds the floats that a block of rows may occupy, so that what passes between steps stays in a core's
// second-level cache.
const blockFloats = 160 << 10

// newTreeOp compiles the networks of a matrix: params are its factors, the box has `box` columns, of which the window takes width from
// the column first on.
func newTreeOp(nets []network, params []Param, first, width, box int) *treeOp {
	op := &treeOp{params: params, width: width, first: first, box: box}
	one := term{newProgram(nets[0], forward), newProgram(nets[0].transposed(), forward), newProgram(nets[0], gradient)}
	op.terms = append(op.terms, one)
	for _, net := range nets[1:] {
		op.terms = append(op.terms, term{one.apply.twin(net), one.back.twin(net), one.grad.twin(net)})
	}
	return op
}

func (op *treeOp) Exclusive() bool { return false }

func (op *treeOp) Aim(*Grad, [][]float32) {}

func (op *treeOp) Refresh() {
	for _, t := range op.terms {
		t.apply.refresh(op.params)
		t.back.refresh(op.params)
		t.grad.refresh(op.params)
	}
}

// block is how many rows of p are taken at a time.
func (p *program) block(keepAll bool) int {
	floats := p.in + 2*p.widest
	if keepAll {
		for i := range p.steps {
			floats += p.steps[i].in()
		}
	}
	return min(max(blockFloats/floats, 1), 64)
}

// growPieces makes memory for what lies between the steps of units, from step kept on for a number of rows.
func (p *program) growPieces(v [][]float32, kept, rows int) [][]float32 {
	for len(v) < len(p.steps) {
		v = append(v, nil)
	}
	for _, u := range p.units {
		for i := u.lo + 1; i < u.hi; i++ {
			st := &p.steps[i]
			n := st.in() / st.inner * u.piece
			if i >= kept {
				n = rows * st.in()
			}
			if len(v[i]) < n {
				v[i] = make([]float32, n)
			}
		}
	}
	return v
}

func (op *treeOp) NewScratch() *Scratch {
	apply, back, grad := op.terms[0].apply, op.terms[0].back, op.terms[0].grad
	pass := grad.block(true) * grad.widest
	for _, p := range []*program{apply, back} {
		pass = max(pass, p.block(false)*p.widest)
	}
	s := &Scratch{rows: make([]float32, max(apply.block(false), grad.block(true))*op.box)}
	for i := range s.pass {
		s.pass[i] = make([]float32, pass)
	}
	if op.width < op.box {
		s.cut = make([]float32, back.block(false)*op.box)
	}
	s.passing.kept = max(len(apply.steps), len(back.steps), len(grad.steps))
	for _, p := range []*program{apply, back, grad} {
		s.passing.data = p.growPieces(s.passing.data, s.passing.kept, 0)
	}
	s.slopes.kept = grad.units[0].hi
	s.slopes.data = grad.growPieces(nil, s.slopes.kept, grad.block(true))
	for u, un := range grad.units {
		var block []float32
		if u < len(grad.units)-1 || grad.after != nil {
			block = make([]float32, grad.block(true)*grad.steps[un.hi-1].out())
		}
		s.block = append(s.block, block)
	}
	s.slope = make([][]float32, len(s.block))
	s.trace = make([][]float32, alikeUnits(apply, grad)+1)
	return s
}

func (op *treeOp) NewGrad() *Grad {
	g := &Grad{}
	for _, t := range op.terms {
		for i := range t.grad.steps {
			g.sum = append(g.sum, make([]float32, t.grad.steps[i].t()*t.grad.steps[i].s))
		}
	}
	return g
}

// sums are the part of g that belongs to term i.
func (op *treeOp) sums(g *Grad, i int) [][]float32 {
	n := len(op.terms[0].grad.steps)
	return g.sum[i*n : (i+1)*n]
}

// load brings rows r..r+n-1 of x into the box, where all other columns are and stay zero.
func (op *treeOp) load(buf []float32, x Rows, r, n int) []float32 {
	for i := range n {
		at := i*op.box + op.first
		x.Load(buf[at:at+op.width], r+i)
	}
	return buf[:n*op.box]
}

func (op *treeOp) Apply(dst []float32, rows int, x Rows, s *Scratch) {
	s.traced = 0
	op.apply(dst, rows, x, s)
}

func (op *treeOp) apply(dst []float32, rows int, x Rows, s *Scratch) {
	m := op.terms[0].apply.out
	if len(dst) < rows*m {
		panic(fmt.Sprintf("factor: dst has %d elements for [%d, %d]", len(dst), rows, m))
	}
	size := op.terms[0].apply.block(false)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		in := op.load(s.rows, x, r, n)
		for i, t := range op.terms {
			t.apply.run(dst[r*m:(r+n)*m], in, n, s.traceRow(i, r), s)
		}
	}
}

func (op *treeOp) Gradient(g *Grad, rows int, dy []float32, x Rows, s *Scratch) {
	grad := op.terms[0].grad
	m := grad.out
	if len(dy) < rows*m {
		panic(fmt.Sprintf("factor: dy has %d elements for [%d, %d]", len(dy), rows, m))
	}
	if s.traced != rows {
		s.traced = 0
	}
	size := grad.block(true)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		in := op.load(s.rows, x, r, n)
		copy(s.slope, s.block)
		for i, t := range op.terms {
			t.grad.reverse(s.slope, dy[r*m:(r+n)*m], n, s)
			t.grad.advance(op.sums(g, i), in, s.slope, n, s.traceRow(i, r), s)
		}
	}
	s.traced = 0
}

func (op *treeOp) Collect(target [][]float32, g *Grad) {
	for i, t := range op.terms {
		t.grad.collect(target, op.sums(g, i))
	}
}

func (op *treeOp) ApplyT(dx []float32, rows int, dy []float32, s *Scratch) {
	m := op.terms[0].back.in
	if len(dx) < rows*op.width || len(dy) < rows*m {
		panic(fmt.Sprintf("factor: dx has %d and dy %d elements for [%d, %d] and [%d, %d]", len(dx), len(dy), rows, op.width, rows, m))
	}
	size := op.terms[0].back.block(false)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		to := dx[r*op.width : (r+n)*op.width]
		if op.width < op.box { // whole rows of the box first
			to = s.cut[:n*op.box]
			clear(to)
		}
		for _, t := range op.terms {
			t.back.run(to, dy[r*m:(r+n)*m], n, -1, s)
		}
		if op.width < op.box {
			for i := range n {
				kernel.Axpy(dx[(r+i)*op.width:][:op.width], 1, to[i*op.box+op.first:][:op.width])
			}
		}
	}
}
