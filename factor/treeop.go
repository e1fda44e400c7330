package factor

import (
	"fmt"

	"github.com/fdht/fdht/internal/kernel"
)

// treeOp is the Op of a factored matrix: one program for W, one for W^T and one for the gradients of the factors.
type treeOp struct {
	params      []Param // the factors
	width       int     // columns of the window
	first       int     // the window's first column within the box
	box         int     // columns of the box, see boxOf
	apply, back *program
	grad        *program
}

// blockFloats bounds the floats that a block of rows may occupy, so that what passes between steps stays in a core's
// second-level cache.
const blockFloats = 160 << 10

// newTreeOp compiles net, which is one of the networks of a matrix: params are its factors, the box has `box` columns, of which the
// window takes width from the column first on.
func newTreeOp(net network, params []Param, first, width, box int) *treeOp {
	strided := net.strided()
	return &treeOp{
		params: params, width: width, first: first, box: box,
		apply: newProgram(net, strided, forward),
		back:  newProgram(net.transposed(), strided, forward),
		grad:  newProgram(net, strided, gradient),
	}
}

func (op *treeOp) Exclusive() bool { return false }

func (op *treeOp) Aim(*Grad, [][]float32) {}

func (op *treeOp) Refresh() {
	op.apply.refresh(op.params)
	op.back.refresh(op.params)
	op.grad.refresh(op.params)
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

// growPieces makes memory for what lies between the steps of units, for a number of whole rows or, if that is 0, for one piece.
func (p *program) growPieces(v [][]float32, rows int) [][]float32 {
	for len(v) < len(p.steps) {
		v = append(v, nil)
	}
	for _, u := range p.units {
		for i := u.lo + 1; i < u.hi; i++ {
			st := &p.steps[i]
			n := rows * st.in()
			if rows == 0 {
				n = st.in() / st.inner * u.piece
			}
			if len(v[i]) < n {
				v[i] = make([]float32, n)
			}
		}
	}
	return v
}

func (op *treeOp) NewScratch() *Scratch {
	pass := op.grad.block(true) * op.grad.widest
	for _, p := range []*program{op.apply, op.back} {
		pass = max(pass, p.block(false)*p.widest)
	}
	s := &Scratch{rows: make([]float32, max(op.apply.block(false), op.grad.block(true))*op.box)}
	for i := range s.pass {
		s.pass[i] = make([]float32, pass)
	}
	if op.width < op.box {
		s.cut = make([]float32, op.back.block(false)*op.box)
	}
	for _, p := range []*program{op.apply, op.back} {
		s.once.data = p.growPieces(s.once.data, 0)
	}
	s.kept = between{op.grad.growPieces(nil, op.grad.block(true)), true}
	s.slopes = op.grad.growPieces(nil, 0)
	for u := range op.grad.units {
		var block []float32
		if u > 0 || op.grad.steps[0].before != nil {
			block = make([]float32, op.grad.block(true)*op.grad.unitIn(u))
		}
		s.block = append(s.block, block)
	}
	s.data = make([][]float32, len(s.block))
	return s
}

func (op *treeOp) NewGrad() *Grad {
	g := &Grad{}
	for _, w := range op.grad.weights {
		g.sum = append(g.sum, make([]float32, len(w.ts)))
	}
	return g
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
	m := op.apply.out
	if len(dst) < rows*m {
		panic(fmt.Sprintf("factor: dst has %d elements for [%d, %d]", len(dst), rows, m))
	}
	size := op.apply.block(false)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		op.apply.run(dst[r*m:(r+n)*m], op.load(s.rows, x, r, n), n, s)
	}
}

func (op *treeOp) Gradient(g *Grad, rows int, dy []float32, x Rows, s *Scratch) {
	m := op.grad.out
	if len(dy) < rows*m {
		panic(fmt.Sprintf("factor: dy has %d elements for [%d, %d]", len(dy), rows, m))
	}
	size := op.grad.block(true)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		for u := range s.data {
			s.data[u] = s.block[u][:min(n*op.grad.unitIn(u), len(s.block[u]))]
		}
		op.grad.advance(s.data, op.load(s.rows, x, r, n), n, s)
		op.grad.reverse(g.sum, dy[r*m:(r+n)*m], s.data, n, s)
	}
}

func (op *treeOp) Collect(target [][]float32, g *Grad) { op.grad.collect(target, g.sum) }

func (op *treeOp) ApplyT(dx []float32, rows int, dy []float32, s *Scratch) {
	m := op.back.in
	if len(dx) < rows*op.width || len(dy) < rows*m {
		panic(fmt.Sprintf("factor: dx has %d and dy %d elements for [%d, %d] and [%d, %d]", len(dx), len(dy), rows, op.width, rows, m))
	}
	size := op.back.block(false)
	for r := 0; r < rows; r += size {
		n := min(size, rows-r)
		in := dy[r*m : (r+n)*m]
		if op.width == op.box {
			op.back.run(dx[r*op.width:(r+n)*op.width], in, n, s)
			continue
		}
		op.runCut(dx[r*op.width:], in, n, s)
	}
}

// runCut computes whole rows of the box and adds the window's part of them to dx.
func (op *treeOp) runCut(dx, dy []float32, rows int, s *Scratch) {
	tmp := s.cut[:rows*op.box]
	clear(tmp)
	op.back.run(tmp, dy, rows, s)
	for i := range rows {
		kernel.Axpy(dx[i*op.width:(i+1)*op.width], 1, tmp[i*op.box+op.first:][:op.width])
	}
}
