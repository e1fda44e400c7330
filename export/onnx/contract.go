package onnx

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
)

// matrix is a window of columns [M, Width] of a structured matrix, made ready for use: constants and the order of products.
type matrix struct {
	box, first, width int     // as in factor.Schedule
	rows              int     // M
	cost              float64 // estimate of a product with one row, ns
	terms             []term
}

// term is one of the networks whose results are added up. Labels of size 1 are left out.
type term struct {
	dim      []int
	in, out  []int
	products []product
	operands []string // of the products: matrices [S, T] or, within, [T, S]
}

// operand is a value with labelled axes. The shape of the array may have neighbours joined.
type operand struct {
	array
	axes []int
}

// everyRow tells the planner that a matrix is used so often that what is done once ahead costs nothing.
const everyRow = 1 << 20

// matrix makes the columns lo..hi-1 of l ready, to be used with so many rows at a time. name tells what a factor is called.
func (b builder) matrix(l *factor.Linear, lo, hi int, rows float64, name func(factor.Param) string) matrix {
	if l.Spec().Kind == factor.Dense {
		return b.dense(l, lo, hi, rows, name)
	}
	s, params := l.Schedule(lo, hi, everyRow), l.Params()
	m := matrix{box: s.Box, first: s.First, width: s.Width, rows: l.Spec().Rows()}
	t, chain, cost := lay(s.Terms[0], rows) // the terms have one shape and share one plan
	for _, st := range s.Terms {
		t.operands = nil
		for i, link := range chain {
			w := b.value(t.dim, link, func(f int) array {
				p := params[st.Factors[f].Param]
				return b.part(name(p), p.Shape, p.Data, st.Factors[f].Index)
			})
			if p := t.products[i]; p.form == within {
				t.operands = append(t.operands, b.flat(t.dim, w, p.t, p.s))
			} else {
				t.operands = append(t.operands, b.flat(t.dim, w, p.s, p.t))
			}
		}
		m.terms = append(m.terms, t)
		m.cost += cost
	}
	return m
}

// dense is the one product of a matrix without structure.
func (b builder) dense(l *factor.Linear, lo, hi int, rows float64, name func(factor.Param) string) matrix {
	const in, out = 1, 2
	p, width := l.Params()[0], hi-lo
	M, N := p.Shape[0], p.Shape[1]
	w := array{b.weights(name(p), p.Shape, p.Data), 0, []int{M, width}}
	if width < N {
		w.name = b.op("Slice", []string{w.name, b.integers(lo), b.integers(hi), b.integers(1)})
	}
	t := term{dim: []int{1, width, M}, in: []int{in}, out: []int{out}, products: []product{{s: []int{in}, t: []int{out}}}}
	t.operands = []string{b.permute(w.name, 1, 0)}
	return matrix{width, 0, width, M, t.products[0].cost(t.dim, rows), []term{t}}
}

// merged is the matrix as one constant [Width, M], or nothing where its factors are estimated to be faster.
func (b builder) merged(m matrix) string {
	if t := m.terms[0]; len(m.terms) == 1 && len(t.products) == 1 && m.box == m.width && slices.Equal(t.products[0].t, t.out) {
		return t.operands[0]
	}
	if nodeCost+weightCost*float64(m.rows)*float64(m.width) > m.cost {
		return ""
	}
	zero := b.op("ConstantOfShape", []string{b.integers(m.width, m.width)})
	return b.apply(m, array{b.op("EyeLike", []string{zero}), 1, []int{m.width}}).name
}

// link is what the data is multiplied with: a factor or a product of two links that the graph makes of constants.
type link struct {
	axes   []int
	factor int // when a is nil
	a, b   *link
}

// join is the product of a and b, summed over the labels of both.
func join(a, b *link) *link {
	i, _, j := factor.Divide(a.axes, b.axes)
	return &link{axes: slices.Concat(i, j), a: a, b: b}
}

// maxJoined is the most numbers of an operand that lay makes.
const maxJoined = 1 << 18

// lay chooses the products of a term. Neighbours in its chain are joined as long as that is estimated to be faster: ONNX Runtime pays
// more for another operator, and for products of small matrices, than the order of contractions counts.
func lay(st factor.Term, rows float64) (t term, chain []*link, cost float64) {
	t = term{dim: st.Dim, in: long(st.Dim, st.In), out: long(st.Dim, st.Out)}
	var links []*link
	for i, f := range st.Factors {
		links = append(links, &link{axes: long(t.dim, f.Axes), factor: i})
	}
	for _, k := range st.Merges {
		links = append(links, join(links[k.A], links[k.B]))
	}
	for _, k := range st.Steps {
		chain = append(chain, links[k.Operand])
	}
	try := func(chain []*link) ([]product, float64) {
		var labels [][]int
		for _, l := range chain {
			labels = append(labels, l.axes)
		}
		return route(t.dim, t.in, t.out, labels, rows)
	}
	t.products, cost = try(chain)
	for {
		best := -1
		for i := range len(chain) - 1 {
			joined := t.joined(chain, i)
			if joined == nil {
				continue
			}
			if p, c := try(joined); c < cost {
				t.products, cost, best = p, c, i
			}
		}
		if best < 0 {
			return t, chain, cost
		}
		chain = t.joined(chain, best)
	}
}

// joined is the chain with links i and i+1 as one, or nil if they have no label in common or make too large an operand.
func (t *term) joined(chain []*link, i int) []*link {
	_, k, _ := factor.Divide(chain[i].axes, chain[i+1].axes)
	l := join(chain[i], chain[i+1])
	if k == nil || sizeOf(t.dim, l.axes) > maxJoined {
		return nil
	}
	return slices.Concat(chain[:i], []*link{l}, chain[i+2:])
}

// value makes a link. part makes a factor by its number.
func (b builder) value(dim []int, l *link, part func(int) array) operand {
	if l.a == nil {
		return operand{part(l.factor), l.axes}
	}
	x, y := b.value(dim, l.a, part), b.value(dim, l.b, part)
	i, k, j := factor.Divide(x.axes, y.axes)
	z := b.op("MatMul", []string{b.flat(dim, x, i, k), b.flat(dim, y, k, j)})
	return operand{array{z, 0, []int{sizeOf(dim, i), sizeOf(dim, j)}}, l.axes}
}

// part is the elements index of a parameter.
func (b builder) part(name string, shape []int, data []float32, index []int) array {
	x := array{name: b.weights(name, shape, data)}
	from, to := region(shape, index)
	var starts, ends, axes []int
	for i, n := range shape {
		x.shape = append(x.shape, to[i]-from[i])
		if to[i]-from[i] < n {
			starts, ends, axes = append(starts, from[i]), append(ends, to[i]), append(axes, i)
		}
	}
	if axes != nil {
		x.name = b.op("Slice", []string{name, b.integers(starts...), b.integers(ends...), b.integers(axes...)})
	}
	return x
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

// long are the labels with more than one index.
func long(dim, labels []int) []int {
	return slices.DeleteFunc(slices.Clone(labels), func(l int) bool { return dim[l] == 1 })
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
	for i, p := range t.products {
		data = b.order(t.dim, data, p.data())
		outer, s, inner, free := sizeOf(t.dim, p.left), sizeOf(t.dim, p.s), sizeOf(t.dim, p.right), sizeOf(t.dim, p.t)
		var y array
		switch p.form {
		case within:
			y = b.reshape(data.array, outer, s, inner)
			y = array{b.op("MatMul", []string{t.operands[i], y.name}), y.lead, []int{outer, free, inner}}
		case turned: // the runtime's product reads it turned
			y = b.transpose(data.array, []int{outer, s, inner}, []int{0, 2, 1})
			y = b.reshape(y, outer, inner, s)
			y = array{b.op("MatMul", []string{y.name, t.operands[i]}), y.lead, []int{outer, inner, free}}
		default:
			y = b.reshape(data.array, outer, s)
			y = array{b.op("MatMul", []string{y.name, t.operands[i]}), y.lead, []int{outer, free}}
		}
		data = operand{y, p.result()}
	}
	return b.reshape(b.order(t.dim, data, t.out).array, sizeOf(t.dim, t.out))
}
