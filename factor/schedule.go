package factor

import "fmt"

// Schedule says how y = W x is computed for a window of columns of a matrix, as data for code generators: the order of
// contractions and the layouts that Compile finds for single rows. W is the sum of the matrices of the Terms.
//
// x has Width numbers. They stand in a vector of Box numbers from First on, the others being zero.
type Schedule struct {
	Box, First, Width int
	Terms             []Term
}

// Term is one tensor network. Labels are numbers from 1 on, each with a size: Dim[label]. Operands are the factors, then what Merges make.
type Term struct {
	Dim     []int
	In, Out []int // labels of x, [Box], and of y, first mode slowest
	Factors []Factor
	Merges  []Merge
	Steps   []Step
}

// Factor is an operand that comes from the factor Param of Linear.Params: element i of it is element Index[i] there. Axes are its labels in
// memory order.
type Factor struct {
	Param int
	Axes  []int
	Index []int
}

// Merge is the product of two operands, summed over the labels that both have. Axes are the labels of the result: those of A alone,
// then those of B alone.
type Merge struct {
	A, B int
	Axes []int
}

// Step is the product of the data with an operand, summed over the labels S: the data, brought into the order Data if it is not in it, in
// which S stand side by side, becomes Result, in which the operand's other labels T have come in. The last Result may be in another order than Out.
type Step struct {
	Operand            int
	Data, S, T, Result []int
}

// Schedule is that of the columns lo..hi-1. rows is how often it is used between two changes of the weights, as for Compile; a matrix that is
// only applied may give a large number, and Merges then costs nothing.
func (l *Linear) Schedule(lo, hi, rows int) Schedule {
	if lo < 0 || hi > l.spec.Cols() || lo >= hi || rows < 1 {
		panic(fmt.Sprintf("factor: columns %d..%d of %d for %d rows", lo, hi, l.spec.Cols(), rows))
	}
	box, base, width := boxOf(l.spec.In, lo, hi)
	s := Schedule{Box: width, First: lo - base, Width: hi - lo}
	nets := networks(l.spec, box, rows)
	o := outlineOf(nets[0], forward) // the terms have one shape and share one plan
	for _, net := range nets {
		t := Term{Dim: net.dim, In: net.in, Out: net.out}
		for _, f := range net.factors {
			t.Factors = append(t.Factors, Factor{f.param, f.axes, f.from.index()})
		}
		for k, m := range o.ahead {
			t.Merges = append(t.Merges, Merge{m.a, m.b, o.axes[len(net.factors)+k]})
		}
		for k, c := range o.chain {
			t.Steps = append(t.Steps, Step{o.links[k], c.data.labels(), c.s.labels(), c.t.labels(), c.axes.labels()})
		}
		s.Terms = append(s.Terms, t)
	}
	return s
}

// index lists where the elements of the dense tensor lie in the strided one.
func (s *shuffle) index() []int {
	out := make([]int, s.size)
	last := len(s.dims) - 1
	for p, off := range s.runs {
		for i := range s.dims[last] {
			out[p+i] = off + i*s.strides[last]
		}
	}
	return out
}
