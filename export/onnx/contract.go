package onnx

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
)

// matrix is a window of columns [M, Width] of a structured matrix, made ready for use: constants and the order of products.
type matrix struct {
	box, first, width int // as in factor.Schedule
	rows              int // M
	terms             []term
}

// term is one of the networks whose results are added up.
type term struct {
	dim      []int
	in, out  []int
	products []product
}

// product is a factor.Step with its operand as a matrix: [S, T], or [T, S] where T takes the place of S between others.
type product struct {
	factor.Step
	weights string
	within  bool
}

// operand is a value with labelled axes. The shape of the array may have neighbours joined.
type operand struct {
	array
	axes []int
}

// everyRow tells the planner that a matrix is used so often that what is done once ahead costs nothing.
const everyRow = 1 << 20

// matrix makes the columns lo..hi-1 of l ready. name tells what the factors are called, by their number.
func (b builder) matrix(l *factor.Linear, lo, hi int, name func(factor.Param) string) matrix {
	s := l.Schedule(lo, hi, everyRow)
	m := matrix{box: s.Box, first: s.First, width: s.Width, rows: l.Spec().Rows()}
	params := l.Params()
	for _, st := range s.Terms {
		t := term{dim: st.Dim, in: st.In, out: st.Out}
		var operands []operand
		for _, f := range st.Factors {
			p := params[f.Param]
			operands = append(operands, b.factor(st.Dim, f, p, name(p)))
		}
		for _, k := range st.Merges {
			operands = append(operands, b.merge(st.Dim, operands[k.A], operands[k.B], k.Axes))
		}
		for _, k := range st.Steps {
			p := product{Step: k}
			_, right := around(k)
			p.within = sizeOf(st.Dim, right) > 1 && !turned(k)
			if p.within {
				p.weights = b.flat(st.Dim, operands[k.Operand], k.T, k.S)
			} else {
				p.weights = b.flat(st.Dim, operands[k.Operand], k.S, k.T)
			}
			t.products = append(t.products, p)
		}
		m.terms = append(m.terms, t)
	}
	return m
}

// around are the labels of the data before and after S.
func around(s factor.Step) (left, right []int) {
	at := slices.Index(s.Data, s.S[0])
	return s.Data[:at], s.Data[at+len(s.S):]
}

// turned reports whether T goes behind all others though S does not stand there.
func turned(s factor.Step) bool {
	left, right := around(s)
	return slices.Equal(s.Result, slices.Concat(left, right, s.T))
}

// factor is the part of a parameter that f asks for.
func (b builder) factor(dim []int, f factor.Factor, p factor.Param, name string) operand {
	x := array{name: b.weights(name, p.Shape, p.Data), shape: p.Shape}
	from, to := region(p.Shape, f.Index)
	var starts, ends, axes []int
	x.shape = nil
	for i, n := range p.Shape {
		x.shape = append(x.shape, to[i]-from[i])
		if to[i]-from[i] < n {
			starts, ends, axes = append(starts, from[i]), append(ends, to[i]), append(axes, i)
		}
	}
	if axes != nil {
		x.name = b.op("Slice", []string{name, b.integers(starts...), b.integers(ends...), b.integers(axes...)})
	}
	return operand{x, f.Axes}
}

// region finds the ranges from[i]..to[i]-1 of the axes of a shape that index, the places of some elements in order, covers.
func region(shape, index []int) (from, to []int) {
	unravel := func(at int) []int {
		v := make([]int, len(shape))
		for i := len(shape) - 1; i >= 0; i-- {
			v[i], at = at%shape[i], at/shape[i]
		}
		return v
	}
	from, to = unravel(index[0]), unravel(index[len(index)-1])
	n := 1
	for i := range to {
		to[i]++
		n *= to[i] - from[i]
	}
	if n != len(index) {
		panic(fmt.Sprintf("onnx: %d elements of a factor of shape %v, but %v..%v are %d", len(index), shape, from, to, n))
	}
	return from, to
}

// merge is the product of two operands, summed over the labels of both.
func (b builder) merge(dim []int, x, y operand, axes []int) operand {
	var i, k, j []int
	for _, l := range x.axes {
		if slices.Contains(y.axes, l) {
			k = append(k, l)
		} else {
			i = append(i, l)
		}
	}
	for _, l := range y.axes {
		if !slices.Contains(k, l) {
			j = append(j, l)
		}
	}
	z := array{b.op("MatMul", []string{b.flat(dim, x, i, k), b.flat(dim, y, k, j)}), 0, []int{sizeOf(dim, i), sizeOf(dim, j)}}
	return operand{z, axes}
}

// flat is an operand as a matrix with the labels of its rows and columns.
func (b builder) flat(dim []int, x operand, rows, columns []int) string {
	y := b.order(dim, x, slices.Concat(rows, columns))
	return b.reshape(y.array, sizeOf(dim, rows), sizeOf(dim, columns)).name
}

// order brings the axes into another order.
func (b builder) order(dim []int, x operand, axes []int) operand {
	perm := make([]int, len(axes))
	for i, l := range axes {
		perm[i] = slices.Index(x.axes, l)
	}
	return operand{b.transpose(x.array, sizes(dim, x.axes), perm), axes}
}

func sizes(dim, labels []int) []int {
	v := make([]int, len(labels))
	for i, l := range labels {
		v[i] = dim[l]
	}
	return v
}

func sizeOf(dim, labels []int) int {
	n := 1
	for _, l := range labels {
		n *= dim[l]
	}
	return n
}

// apply multiplies rows x [.., Width] with the matrix: [.., M].
func (b builder) apply(m matrix, x array) array {
	x = b.pad(x, m.first, m.box-m.first-m.width)
	var sum array
	for i, t := range m.terms {
		y := b.applyTerm(t, x)
		if i > 0 {
			y.name = b.op("Add", []string{sum.name, y.name})
		}
		sum = y
	}
	return sum
}

// pad puts zeros before and behind the known axis of x.
func (b builder) pad(x array, before, behind int) array {
	if before+behind == 0 {
		return x
	}
	keep := make([]int, x.lead)
	pads := slices.Concat(keep, []int{before}, keep, []int{behind})
	return array{b.op("Pad", []string{x.name, b.integers(pads...)}), x.lead, []int{before + x.shape[0] + behind}}
}

func (b builder) applyTerm(t term, x array) array {
	data := operand{x, t.in}
	for _, p := range t.products {
		data = b.order(t.dim, data, p.Data)
		left, right := around(p.Step)
		outer, s, inner, free := sizeOf(t.dim, left), sizeOf(t.dim, p.S), sizeOf(t.dim, right), sizeOf(t.dim, p.T)
		var y array
		switch {
		case p.within:
			y = b.reshape(data.array, outer, s, inner)
			y = array{b.op("MatMul", []string{p.weights, y.name}), y.lead, []int{outer, free, inner}}
			data.axes = slices.Concat(left, p.T, right)
		case inner > 1:
			y = b.transpose(data.array, []int{outer, s, inner}, []int{0, 2, 1})
			y = b.reshape(y, outer, inner, s)
			y = array{b.op("MatMul", []string{y.name, p.weights}), y.lead, []int{outer, inner, free}}
			data.axes = slices.Concat(left, right, p.T)
		default:
			y = b.reshape(data.array, outer, s)
			y = array{b.op("MatMul", []string{y.name, p.weights}), y.lead, []int{outer, free}}
			data.axes = slices.Concat(left, p.T, right)
		}
		data.array = y
	}
	out := b.order(t.dim, data, t.out)
	return b.reshape(out.array, sizeOf(t.dim, t.out))
}
