package factor

import "fmt"

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
	var strided []shuffle
	for _, f := range net.factors {
		strided = append(strided, f.from)
	}
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

// NewScratch: buf[0] holds rows of x, zero outside the window for good; buf[1..2] pass data between steps, buf[3] holds
// reordered data, buf[4+i] the data of step i of the gradient program.
func (op *treeOp) NewScratch() *Scratch {
	pass := 0
	for _, p := range []*program{op.apply, op.back} {
		pass = max(pass, p.block(false)*p.widest)
	}
	pass = max(pass, op.grad.block(true)*op.grad.widest)
	s := &Scratch{}
	s.buf = append(s.buf, make([]float32, max(op.apply.block(false), op.grad.block(true))*op.box))
	for range 3 {
		s.buf = append(s.buf, make([]float32, pass))
	}
	for i := range op.grad.steps {
		var keep []float32
		if i > 0 || op.grad.steps[i].before != nil {
			keep = make([]float32, op.grad.block(true)*op.grad.steps[i].in())
		}
		s.buf = append(s.buf, keep)
	}
	return s
}

func (op *treeOp) NewGrad() *Grad {
	g := &Grad{}
	for _, w := range op.grad.ts {
		g.sum = append(g.sum, make([]float32, len(w)))
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
		op.apply.run(dst[r*m:(r+n)*m], op.load(s.buf[0], x, r, n), n, s)
	}
}

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
	tmp := s.buf[3][:rows*op.box]
	clear(tmp)
	op.back.run(tmp, dy, rows, s)
	for i := range rows {
		from := tmp[i*op.box+op.first:]
		for j, to := 0, dx[i*op.width:(i+1)*op.width]; j < len(to); j++ {
			to[j] += from[j]
		}
	}
}

// run adds the program's result for a block of rows to y.
func (p *program) run(y, x []float32, rows int, s *Scratch) {
	cur, free := x, [2][]float32{s.buf[1], s.buf[2]}
	for i := range p.steps {
		st := &p.steps[i]
		if st.before != nil {
			to := free[0][:rows*st.in()]
			shuffleRows(to, cur, rows, st.before)
			cur, free[0], free[1] = to, free[1], free[0]
		}
		if i == len(p.steps)-1 && p.after == nil {
			p.forward(i, y, cur, rows, true)
			return
		}
		to := free[0][:rows*st.out()]
		p.forward(i, to, cur, rows, false)
		cur, free[0], free[1] = to, free[1], free[0]
	}
	for r := range rows {
		p.after.gatherAdd(y[r*p.out:(r+1)*p.out], cur[r*p.out:(r+1)*p.out])
	}
}

// shuffleRows reorders the axes of each row.
func shuffleRows(to, from []float32, rows int, sh *shuffle) {
	n := sh.size
	for r := range rows {
		sh.gather(to[r*n:(r+1)*n], from[r*n:(r+1)*n])
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
		op.grad.reverse(g, dy[r*m:(r+n)*m], op.load(s.buf[0], x, r, n), n, s)
	}
}

// reverse adds the derivatives of the steps' operands for a block of rows to g: it runs the steps but the last, keeping what
// each was given, and then goes back.
func (p *program) reverse(g *Grad, dy, x []float32, rows int, s *Scratch) {
	last := len(p.steps) - 1
	keep := s.buf[4:]
	data := func(i int) []float32 { // what step i multiplies
		if i == 0 && p.steps[0].before == nil {
			return x
		}
		return keep[i][:rows*p.steps[i].in()]
	}
	for i := range p.steps {
		st := &p.steps[i]
		if st.before != nil {
			from := x
			if i > 0 {
				from = s.buf[1][:rows*st.in()]
			}
			shuffleRows(data(i), from, rows, st.before)
		}
		if i == last {
			break
		}
		to := s.buf[1]
		if p.steps[i+1].before == nil {
			to = data(i + 1)
		}
		p.forward(i, to[:rows*st.out()], data(i), rows, false)
	}
	d, free := dy, [2][]float32{s.buf[1], s.buf[2]}
	if p.after != nil {
		d = free[0][:rows*p.out]
		for r := range rows {
			p.after.scatter(d[r*p.out:(r+1)*p.out], dy[r*p.out:(r+1)*p.out])
		}
		free[0], free[1] = free[1], free[0]
	}
	for i := last; i >= 0; i-- {
		st := &p.steps[i]
		p.backOperand(i, g.sum[i], d, data(i), rows)
		if i == 0 {
			break
		}
		dx := free[0][:rows*st.in()]
		p.backData(i, dx, d, rows)
		d, free[0], free[1] = dx, free[1], free[0]
		if st.before != nil {
			dx := free[0][:rows*st.in()]
			for r := range rows {
				n := st.in()
				st.before.scatter(dx[r*n:(r+1)*n], d[r*n:(r+1)*n])
			}
			d, free[0], free[1] = dx, free[1], free[0]
		}
	}
}

func (op *treeOp) Collect(target [][]float32, g *Grad) { op.grad.collect(target, g.sum) }
