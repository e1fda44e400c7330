package factor

import "github.com/fdht/fdht/internal/kernel"

// unit is a run of steps that pass over the data together. Several steps go by pieces of the innermost axis, which none of them
// touches, a row at a time: what lies between them then never leaves the first cache.
type unit struct {
	lo, hi int // steps
	piece  int // indices of the innermost axis at a time, when there are several steps
}

// pieceFloats bounds what lies between the steps of a unit. smallRow is how large that must be for a whole row to be worth cutting.
const (
	pieceFloats = 8 << 10
	smallRow    = 8 << 10
)

// unitsOf joins adjacent steps where that keeps large data out of the second cache.
func unitsOf(steps []step) []unit {
	var units []unit
	for i := range steps {
		if last := len(units) - 1; last >= 0 {
			u := &units[last]
			if piece := pieceOf(steps[u.lo : i+1]); piece > 0 {
				u.hi, u.piece = i+1, piece
				continue
			}
		}
		units = append(units, unit{lo: i, hi: i + 1})
	}
	return units
}

// pieceOf is how many indices of the innermost axis the steps take at a time when they are done as one unit; 0 when that is
// not possible or does not pay.
func pieceOf(steps []step) int {
	inner, between := steps[0].inner, 0 // floats between steps, for each index
	for i := range steps {
		s := &steps[i]
		if s.form != inside || s.inner != inner || i > 0 && s.before != nil {
			return 0
		}
		if i > 0 {
			between += s.in() / inner
		}
	}
	piece := min(inner, pieceFloats/between)
	if piece < inner {
		piece -= piece % 16
		if whole := piece - piece%48; whole > 0 { // three vectors of sixteen make the best tiles
			piece = whole
		}
	}
	if piece < 32 || between*inner < smallRow {
		return 0
	}
	return piece
}

// unitIn is the size of a row of what unit u multiplies.
func (p *program) unitIn(u int) int { return p.steps[p.units[u].lo].in() }

// between is the memory for what lies between the steps of units: [i] is what step i multiplies, for one piece or, when it is to be kept, for all
// pieces of all rows of a block, one after the other.
type between struct {
	data [][]float32
	keep bool
}

// of is what step i multiplies, [.., n], for the piece that begins with index at of the innermost axis, counted through all rows.
func (b between) of(p *program, i, at int) []float32 {
	if !b.keep {
		return b.data[i]
	}
	return b.data[i][at*(p.steps[i].in()/p.steps[i].inner):]
}

// forward runs unit u over rows of data: y (+)= its steps applied to x. Without y it stops before the last step.
func (p *program) forward(u int, y, x []float32, rows int, add bool, b between) {
	un := &p.units[u]
	first, last := &p.steps[un.lo], un.hi-1
	if un.lo == last {
		if y != nil {
			first.forward(y, x, p.weights[last], rows, first.whole(), add)
		}
		return
	}
	for r := range rows {
		for c := 0; c < first.inner; c += un.piece {
			n := min(un.piece, first.inner-c)
			from, row := x[r*first.in()+c:], first.inner
			for i := un.lo; i < last; i++ {
				to := b.of(p, i+1, r*first.inner+c)
				p.steps[i].forward(to, from, p.weights[i], 1, span{n, row, n}, false)
				from, row = to, n
			}
			if y != nil {
				p.steps[last].forward(y[r*p.steps[last].out()+c:], from, p.weights[last], 1, span{n, row, first.inner}, add)
			}
		}
	}
}

// run adds the program's result for a block of rows to y.
func (p *program) run(y, x []float32, rows int, s *Scratch) {
	cur, free := x, [2][]float32{s.pass[0], s.pass[1]}
	last := len(p.units) - 1
	for u := range p.units {
		if sh := p.steps[p.units[u].lo].before; sh != nil {
			to := free[0][:rows*p.unitIn(u)]
			gatherRows(to, cur, rows, sh)
			cur, free[0], free[1] = to, free[1], free[0]
		}
		if u == last {
			p.finish(y, cur, rows, free, s.once)
			return
		}
		p.forward(u, free[0], cur, rows, false, s.once)
		cur, free[0], free[1] = free[0], free[1], free[0]
	}
}

// finish adds the result of the last unit to y; free is memory for it, of which the second may be what x lies in.
func (p *program) finish(y, x []float32, rows int, free [2][]float32, b between) {
	last := len(p.units) - 1
	if p.after == nil {
		p.forward(last, y, x, rows, true, b)
		return
	}
	n := rows * p.out
	p.forward(last, free[0], x, rows, false, b)
	gatherRows(free[1][:n], free[0][:n], rows, p.after)
	kernel.Axpy(y[:n], 1, free[1])
}

// advance runs all steps but the last for a block of rows of x. data[u] becomes what unit u multiplies; data[0] is x itself unless that must be
// reordered first.
func (p *program) advance(data [][]float32, x []float32, rows int, s *Scratch) {
	if p.steps[0].before == nil {
		data[0] = x
	}
	for u := range p.units {
		if sh := p.steps[p.units[u].lo].before; sh != nil {
			from := x
			if u > 0 {
				from = s.pass[0]
			}
			gatherRows(data[u], from, rows, sh)
		}
		to := s.pass[0]
		switch {
		case u == len(p.units)-1:
			to = nil
		case p.steps[p.units[u+1].lo].before == nil:
			to = data[u+1]
		}
		p.forward(u, to, data[u], rows, false, s.kept)
	}
}

// reverse adds the derivatives of the steps' operands for a block of rows to sum; data is what advance left.
func (p *program) reverse(sum [][]float32, dy []float32, data [][]float32, rows int, s *Scratch) {
	d, free := dy, [2][]float32{s.pass[0], s.pass[1]}
	if p.after != nil {
		d = free[0][:rows*p.out]
		scatterRows(d, dy, rows, p.after)
		free[0], free[1] = free[1], free[0]
	}
	for u := len(p.units) - 1; u >= 0; u-- {
		dx := free[0][:rows*p.unitIn(u)]
		if u == 0 {
			dx = nil
		}
		p.backward(u, sum, dx, d, data[u], rows, s)
		if u == 0 {
			return
		}
		d, free[0], free[1] = dx, free[1], free[0]
		if sh := p.steps[p.units[u].lo].before; sh != nil {
			dx := free[0][:rows*p.unitIn(u)]
			scatterRows(dx, d, rows, sh)
			d, free[0], free[1] = dx, free[1], free[0]
		}
	}
}

// backward is forward's way back: it adds the derivatives of the operands to sum, one slice a step, and gives that of the data, dx, unless
// it is nil.
func (p *program) backward(u int, sum [][]float32, dx, dy, x []float32, rows int, s *Scratch) {
	un := &p.units[u]
	first := &p.steps[un.lo]
	if un.hi == un.lo+1 {
		first.backOperand(sum[un.lo], dy, x, rows, first.whole())
		if dx != nil {
			first.backData(dx, dy, p.weights[un.lo], rows, first.whole())
		}
		return
	}
	in, out := first.in(), p.steps[un.hi-1].out()
	for r := range rows {
		for c := 0; c < first.inner; c += un.piece {
			n := min(un.piece, first.inner-c)
			d, row := dy[r*out+c:], first.inner
			for i := un.hi - 1; i > un.lo; i-- {
				p.steps[i].backOperand(sum[i], d, s.kept.of(p, i, r*first.inner+c), 1, span{n, n, row})
				p.steps[i].backData(s.slopes[i], d, p.weights[i], 1, span{n, n, row})
				d, row = s.slopes[i], n
			}
			at := span{n, first.inner, n}
			first.backOperand(sum[un.lo], d, x[r*in+c:], 1, at)
			if dx != nil {
				first.backData(dx[r*in+c:], d, p.weights[un.lo], 1, at)
			}
		}
	}
}

// gatherRows reorders the axes of each row as sh says, scatterRows does the opposite.
func gatherRows(to, from []float32, rows int, sh *shuffle) {
	for r := range rows {
		sh.gather(to[r*sh.size:(r+1)*sh.size], from[r*sh.size:(r+1)*sh.size])
	}
}

func scatterRows(to, from []float32, rows int, sh *shuffle) {
	for r := range rows {
		sh.scatter(to[r*sh.size:(r+1)*sh.size], from[r*sh.size:(r+1)*sh.size])
	}
}
