package factor

import (
	"reflect"
	"slices"
)

// A training step applies W to rows and soon wants the gradients for the same rows. Both ways begin with the same products of the data. All but the
// last of their results are wanted while the piece of x that they come from is near, so the gradient makes them again; what its last unit
// multiplies it would make for that unit alone, and Trace hands it over.

// traceSum is the fewest multiply-adds a number must have cost for it to be worth its way to memory and back, and traceFloats the most
// numbers that are handed over: more do not stay in a cache.
const (
	traceSum    = 32
	traceFloats = 1 << 20
)

// tracedUnit is the unit, the last of grad, before which the data of both programs is the same, bit for bit, and worth to be handed over; 0: there is
// none.
func tracedUnit(apply, grad *program) int {
	u := len(grad.units) - 1
	steps := grad.units[u].lo
	if u == 0 || u >= len(apply.units) || apply.units[u].lo != steps || apply.block(false) != grad.block(true) {
		return 0
	}
	if !slices.Equal(apply.units[:u], grad.units[:u]) || grad.steps[steps-1].s < traceSum {
		return 0
	}
	same := func(a, b merge) bool { return a.a == b.a && a.b == b.b } // so the numbers of operands mean the same
	if !slices.EqualFunc(apply.ahead, grad.ahead, same) || !reflect.DeepEqual(apply.steps[:steps], grad.steps[:steps]) {
		return 0
	}
	return u
}

// traceRow is how many numbers of a row are handed over.
func (p *program) traceRow() int { return p.steps[p.units[p.traced].lo-1].out() }

func (op *treeOp) Trace(dst []float32, rows int, x Rows, s *Scratch) {
	one := op.terms[0].apply
	s.traced = 0
	if one.traced > 0 {
		if n := len(op.terms) * rows * one.traceRow(); n <= traceFloats {
			s.trace = slices.Grow(s.trace[:0], n)[:n]
			s.traced = rows
		}
	}
	op.apply(dst, rows, x, s)
}

// traceOf is where the rows r..r+n-1 of term i are handed over, or nil.
func (op *treeOp) traceOf(i, r, n int, s *Scratch) []float32 {
	if s.traced == 0 {
		return nil
	}
	row := op.terms[0].apply.traceRow()
	return s.trace[(i*s.traced+r)*row:][:n*row]
}
