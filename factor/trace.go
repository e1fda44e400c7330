package factor

import (
	"reflect"
	"slices"
)

// A training step applies W to rows and soon wants the gradients for the same rows, which begin with the same products of the data. Trace hands
// over what units multiply, where both programs make it by the same steps, so that the gradient need not make it once more. What lies within a
// unit is not handed over: it is large, and made from a piece of x that the gradient needs at that moment anyway.

// traceSum is the fewest multiply-adds a number must have cost for it to be worth its way to memory and back, and traceFloats the most
// numbers that are handed over: more do not stay in a cache.
const (
	traceSum    = 32
	traceFloats = 2 << 20
)

// alikeUnits is the last unit before which both programs have the same data, bit for bit; 0: there is none but x.
func alikeUnits(apply, grad *program) int {
	same := func(a, b merge) bool { return a.a == b.a && a.b == b.b } // so the numbers of operands mean the same
	if apply.block(false) != grad.block(true) || !slices.EqualFunc(apply.ahead, grad.ahead, same) {
		return 0
	}
	for u, un := range grad.units {
		if u+1 == len(grad.units) || u+1 == len(apply.units) || apply.units[u] != un ||
			!reflect.DeepEqual(apply.steps[un.lo:un.hi], grad.steps[un.lo:un.hi]) {
			return u
		}
	}
	return 0
}

func (op *treeOp) Trace(dst []float32, rows int, x Rows, s *Scratch) {
	s.traced = rows
	p, room := op.terms[0].apply, traceFloats
	for u := len(s.trace) - 1; u > 0; u-- { // numbers that cost most first
		made := &p.steps[p.units[u].lo-1]
		n := len(op.terms) * rows * made.out()
		if made.s < traceSum || n > room {
			n = 0
		}
		room -= n
		s.trace[u] = slices.Grow(s.trace[u][:0], n)[:n]
	}
	op.apply(dst, rows, x, s)
}

// traceRow is the place of row r of term i in what is handed over, -1 when nothing is.
func (s *Scratch) traceRow(i, r int) int {
	if s.traced == 0 {
		return -1
	}
	return i*s.traced + r
}

// handed is where what unit u multiplies is handed over for rows from the place at on, as the step before left it; nil: it is not.
func (p *program) handed(u, at, rows int, s *Scratch) []float32 {
	if at < 0 || u >= len(s.trace) || len(s.trace[u]) == 0 {
		return nil
	}
	row := p.steps[p.units[u].lo-1].out()
	return s.trace[u][at*row:][:rows*row]
}
