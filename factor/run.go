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

// between is memory for what lies between the steps of units: [i] is what step i multiplies, or its derivative, for one piece. From step kept on it
// is for all pieces of all rows of a block, one after the other.
type between struct {
	data [][]float32
	kept int
}

// of is the part of step i, [.., n], for the piece that begins with index at of the innermost axis, counted through all rows.
func (b between) of(p *program, i, at int) []float32 {
	if i < b.kept {
		return b.data[i]
	}
	return b.data[i][at*(p.steps[i].in()/p.steps[i].inner):]
}

// piece is a part of a block of rows: n indices of the innermost axis of row r, from the index c on.
type piece struct{ r, c, n int }

// at is the index of the innermost axis that the piece begins with, counted through all rows.
func (q piece) at(inner int) int { return q.r*inner + q.c }

// pieces yields those of a unit of several steps in rows of data.
func (p *program) pieces(u, rows int) func(yield func(piece) bool) {
	inner, most := p.steps[p.units[u].lo].inner, p.units[u].piece
	return func(yield func(piece) bool) {
		for r := range rows {
			for c := 0; c < inner; c += most {
				if !yield(piece{r, c, min(most, inner-c)}) {
					return
				}
			}
		}
	}
}

// forward runs unit u over rows of data: y (+)= its steps applied to x.
func (p *program) forward(u int, y, x []float32, rows int, add bool, s *Scratch) {
	if lo := p.units[u].lo; lo+1 == p.units[u].hi {
		p.steps[lo].forward(y, x, p.weights[lo], rows, p.steps[lo].whole(), add)
		return
	}
	for q := range p.pieces(u, rows) {
		p.forwardPiece(u, y, x, q, add, s)
	}
}

// forwardPiece does a piece of forward. Without y it stops before the last step.
func (p *program) forwardPiece(u int, y, x []float32, q piece, add bool, s *Scratch) {
	un := &p.units[u]
	first, last := &p.steps[un.lo], un.hi-1
	from, row := x[q.r*first.in()+q.c:], first.inner
	for i := un.lo; i < last; i++ {
		to := s.passing.of(p, i+1, q.at(first.inner))
		p.steps[i].forward(to, from, p.weights[i], 1, span{q.n, row, q.n}, false)
		from, row = to, q.n
	}
	if y != nil {
		p.steps[last].forward(y[q.r*p.steps[last].out()+q.c:], from, p.weights[last], 1, span{q.n, row, first.inner}, add)
	}
}

// run adds the program's result for a block of rows to y. What is to be handed over goes to its place there, at: see
// handed.
func (p *program) run(y, x []float32, rows, at int, s *Scratch) {
	cur, free := x, [2][]float32{s.pass[0], s.pass[1]}
	last := len(p.units) - 1
	for u := range p.units {
		if sh := p.steps[p.units[u].lo].before; sh != nil {
			to := free[0][:rows*p.unitIn(u)]
			gatherRows(to, cur, rows, sh)
			cur, free[0], free[1] = to, free[1], free[0]
		}
		if u == last {
			p.finish(y, cur, rows, free, s)
			return
		}
		if to := p.handed(u+1, at, rows, s); to != nil {
			p.forward(u, to, cur, rows, false, s)
			cur = to
			continue
		}
		p.forward(u, free[0], cur, rows, false, s)
		cur, free[0], free[1] = free[0], free[1], free[0]
	}
}

// finish adds the result of the last unit to y; free is memory for it, of which the second may be what x lies in.
func (p *program) finish(y, x []float32, rows int, free [2][]float32, s *Scratch) {
	last := len(p.units) - 1
	if p.after == nil {
		p.forward(last, y, x, rows, true, s)
		return
	}
	n := rows * p.out
	p.forward(last, free[0], x, rows, false, s)
	gatherRows(free[1][:n], free[0][:n], rows, p.after)
	kernel.Axpy(y[:n], 1, free[1])
}

// The gradient of a block of rows takes two ways. The derivatives of the data do not depend on x, so they come first, from y back to the first unit
// (reverse). Then the data goes forward, and what each operand is multiplied by is met by the derivative of its result while both are near
// (advance).

// reverse takes dy, the derivative of the result, back through the units: slope[u] becomes the derivative of unit u's result. The last of them is dy
// itself unless that must be reordered first.
func (p *program) reverse(slope [][]float32, dy []float32, rows int, s *Scratch) {
	u := len(p.units) - 1
	if p.after == nil {
		slope[u] = dy
	} else {
		scatterRows(slope[u], dy, rows, p.after)
	}
	for ; u > 0; u-- {
		sh := p.steps[p.units[u].lo].before
		dx := slope[u-1]
		if sh != nil {
			dx = s.pass[0]
		}
		p.backward(u, dx, slope[u], rows, s)
		if sh != nil {
			scatterRows(slope[u-1], dx, rows, sh)
		}
	}
}

// advance runs the steps over a block of rows of x and adds the derivatives of their operands to sum; slope is what reverse left. What run
// has handed over is at its place at.
func (p *program) advance(sum [][]float32, x []float32, slope [][]float32, rows, at int, s *Scratch) {
	cur, free := x, [2][]float32{s.pass[0], s.pass[1]}
	for u := range p.units {
		if sh := p.steps[p.units[u].lo].before; sh != nil {
			to := free[0][:rows*p.unitIn(u)]
			gatherRows(to, cur, rows, sh)
			cur, free[0], free[1] = to, free[1], free[0]
		}
		if from := p.handed(u+1, at, rows, s); from != nil {
			p.learn(u, sum, nil, cur, slope[u], rows, s)
			cur = from
			continue
		}
		var y []float32
		if u < len(p.units)-1 {
			y = free[0]
		}
		p.learn(u, sum, y, cur, slope[u], rows, s)
		cur, free[0], free[1] = free[0], free[1], free[0]
	}
}

// backward is forward's way back: it gives the derivative of unit u's data from that of its result, and keeps what lies between its steps.
func (p *program) backward(u int, dx, dy []float32, rows int, s *Scratch) {
	if lo := p.units[u].lo; lo+1 == p.units[u].hi {
		p.steps[lo].backData(dx, dy, p.weights[lo], rows, p.steps[lo].whole())
		return
	}
	for q := range p.pieces(u, rows) {
		p.backwardPiece(u, dx, dy, q, s)
	}
}

// backwardPiece does a piece of backward. Without dx it stops before the first step.
func (p *program) backwardPiece(u int, dx, dy []float32, q piece, s *Scratch) {
	un := &p.units[u]
	first := &p.steps[un.lo]
	d, row := dy[q.r*p.steps[un.hi-1].out()+q.c:], first.inner
	for i := un.hi - 1; i > un.lo; i-- {
		to := s.slopes.of(p, i, q.at(first.inner))
		p.steps[i].backData(to, d, p.weights[i], 1, span{q.n, q.n, row})
		d, row = to, q.n
	}
	if dx != nil {
		first.backData(dx[q.r*first.in()+q.c:], d, p.weights[un.lo], 1, span{q.n, first.inner, q.n})
	}
}

// learn adds the derivatives of the operands of unit u to sum, one slice a step, and runs the unit: y = its steps applied to x, unless y is nil.
// Nothing wants the derivative of the first unit's data, so backward did not pass over it, and what lies between its steps is made here.
func (p *program) learn(u int, sum [][]float32, y, x, dy []float32, rows int, s *Scratch) {
	un := &p.units[u]
	first, last := &p.steps[un.lo], un.hi-1
	if un.lo == last {
		first.backOperand(sum[last], dy, x, rows, first.whole())
		if y != nil {
			first.forward(y, x, p.weights[last], rows, first.whole(), false)
		}
		return
	}
	for q := range p.pieces(u, rows) {
		p.forwardPiece(u, y, x, q, false, s)
		if u == 0 {
			p.backwardPiece(u, nil, dy, q, s)
		}
		at := q.at(first.inner)
		for i := un.lo; i <= last; i++ {
			from, d, sizes := x[q.r*first.in()+q.c:], dy[q.r*p.steps[last].out()+q.c:], span{q.n, first.inner, first.inner}
			if i > un.lo {
				from, sizes.x = s.passing.of(p, i, at), q.n
			}
			if i < last {
				d, sizes.y = s.slopes.of(p, i+1, at), q.n
			}
			p.steps[i].backOperand(sum[i], d, from, 1, sizes)
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
