package web

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
)

// rowsPlanned is how many frames the order of contractions is chosen for: the weights never change, so that what is made of
// them ahead costs next to nothing.
const rowsPlanned = 1000

// matrix is a window of columns of a matrix, ready to be applied.
type matrix struct {
	b        *builder
	schedule factor.Schedule
	params   []int // where the factors are
	box      int   // zeros, but for x
	x        int   // where the numbers are that it is applied to
	work     [3]int
}

// newMatrix makes room for the columns lo..hi-1 of a matrix whose factors are at the places params.
func (b *builder) newMatrix(l *factor.Linear, params []int, lo, hi int) *matrix {
	m := &matrix{b: b, schedule: l.Schedule(lo, hi, rowsPlanned), params: params}
	m.box = b.room(m.schedule.Box)
	m.x = m.box + m.schedule.First
	most := 1
	for _, t := range m.schedule.Terms {
		for _, st := range t.Steps {
			most = max(most, sizeOf(t.Dim, st.Data), sizeOf(t.Dim, st.Result))
		}
	}
	m.work = [3]int{b.room(most), b.room(most), b.room(most)}
	return m
}

// apply emits y += W x into part; what is made of the factors ahead goes into setup.
func (m *matrix) apply(part *code, y int) {
	for _, t := range m.schedule.Terms {
		m.term(part, t, y)
	}
}

func (m *matrix) term(part *code, t factor.Term, y int) {
	operands := m.b.operands(t, m.params)
	data := dense(m.box, t.Dim, t.In)
	next := 0
	free := func() int {
		next = (next + 1) % len(m.work)
		return m.work[next]
	}
	out := longer(t.Dim, t.Out)
	for i, st := range t.Steps {
		order := longer(t.Dim, st.Data)
		if !slices.Equal(order, data.axes) {
			at := free()
			part.copyTo(at, data, t.Dim, order, false)
			data = dense(at, t.Dim, order)
		}
		result := longer(t.Dim, st.Result)
		if i == len(t.Steps)-1 && slices.Equal(result, out) {
			m.b.product(part, dense(y, t.Dim, out), data, operands[st.Operand], t.Dim, longer(t.Dim, st.S), true)
			return
		}
		c := dense(free(), t.Dim, result)
		m.b.product(part, c, data, operands[st.Operand], t.Dim, longer(t.Dim, st.S), false)
		data = c
	}
	part.copyTo(y, data, t.Dim, out, true)
}

// operands are the factors of a term and what is made of them.
func (b *builder) operands(t factor.Term, params []int) []tensor {
	var ops []tensor
	for _, f := range t.Factors {
		ops = append(ops, stridedFactor(f, t.Dim, params[f.Param]))
	}
	for _, m := range t.Merges {
		p, q := ops[m.A], ops[m.B]
		var sum []int
		for _, l := range p.axes {
			if slices.Contains(q.axes, l) {
				sum = append(sum, l)
			}
		}
		rows, columns := without(p.axes, sum), without(q.axes, sum)
		c := dense(b.room(sizeOf(t.Dim, m.Axes)), t.Dim, m.Axes)
		M, N, K := sizeOf(t.Dim, rows), sizeOf(t.Dim, columns), sizeOf(t.Dim, sum)
		u := b.ordered(p, t.Dim, slices.Concat(rows, sum))
		v := b.ordered(q, t.Dim, slices.Concat(sum, columns))
		b.setup.emit(opMul, c.at, u.at, v.at, 0, M, N, K, N, K, 1, N, 0)
		ops = append(ops, c)
	}
	return ops
}

func without(axes, some []int) []int {
	out := []int{}
	for _, l := range axes {
		if !slices.Contains(some, l) {
			out = append(out, l)
		}
	}
	return out
}

// stridedFactor finds the strides of a factor's elements in the parameter they come from.
func stridedFactor(f factor.Factor, dim []int, at int) tensor {
	t := dense(at+f.Index[0], dim, f.Axes)
	for i, s := range t.strides {
		t.strides[i] = f.Index[s] - f.Index[0]
	}
	// The elements are a box of the parameter: the strides say where all of them are.
	place := f.Index[0]
	for i, s := range t.strides {
		place += (dim[t.axes[i]] - 1) * s
	}
	if last := f.Index[len(f.Index)-1]; place != last {
		panic(fmt.Sprintf("web: the last element of parameter %d is at %d, strides %v lead to %d", f.Param, last, t.strides, place))
	}
	return t
}

// ordered is t with its axes dense in the given order: itself if they are, else a copy made ahead.
func (b *builder) ordered(t tensor, dim, order []int) tensor {
	d := dense(t.at, dim, order)
	same := true
	for i, l := range d.axes {
		same = same && d.strides[i] == t.stride(l)
	}
	if same {
		return d
	}
	d.at = b.room(sizeOf(dim, order))
	b.setup.copyTo(d.at, t, dim, order, false)
	return d
}

// product emits c = data x operand, summed over the labels sum, which stand side by side in data; add: c += it. c and data are dense.
func (b *builder) product(part *code, c, data, operand tensor, dim, sum []int, add bool) {
	K, step := sizeOf(dim, sum), 1
	if len(sum) > 0 {
		step = data.stride(sum[len(sum)-1])
	}
	// The columns N of the product are the last axes of c: those that the operand brings, or those at the end of the data.
	cut := len(c.axes)
	for cut > 0 && data.stride(c.axes[cut-1]) == 0 {
		cut--
	}
	fromOperand := cut < len(c.axes)
	if !fromOperand {
		for cut > 0 && data.stride(c.axes[cut-1]) == c.strides[cut-1] {
			cut--
		}
	}
	columns := c.axes[cut:]
	N := sizeOf(dim, columns)
	free := without(c.axes[:cut], data.axes) // of the operand, beside its columns
	var left, right tensor                   // a and b of the product
	var words [3]int                         // a_row comes later; a_col, b_row
	if fromOperand || N == 1 {
		order := slices.Concat(free, sum)
		if fromOperand {
			order = slices.Concat(order, columns)
		}
		left, right = data, b.ordered(operand, dim, order)
		words = [3]int{step, N}
	} else {
		left, right = b.ordered(operand, dim, slices.Concat(free, sum)), data
		words = [3]int{1, step}
	}
	var loops []loop
	for _, l := range c.axes[:cut] {
		loops = append(loops, loop{dim[l], [3]int{c.stride(l), left.stride(l), right.stride(l)}})
	}
	loops = join(loops)
	// The rows M are an axis that the right side has not.
	rows := loop{size: 1}
	for i := len(loops) - 1; i >= 0; i-- {
		if loops[i].stride[2] == 0 {
			rows = loops[i]
			loops = slices.Delete(loops, i, i+1)
			break
		}
	}
	part.emit(opMul, c.at, left.at, right.at, flag(add), rows.size, N, K, rows.stride[0], rows.stride[1], words[0], words[1], len(loops))
	for _, l := range loops {
		part.emit(l.size, l.stride[0], l.stride[1], l.stride[2])
	}
}
