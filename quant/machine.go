package quant

import "github.com/fdht/fdht/internal/program"

// number is what a machine computes with.
type number interface{ int64 | float64 }

// layout is a network as machines follow it: they share it and only read it.
type layout[T number] struct {
	program *program.Program
	weights []T
	plans   map[*program.Step]*plan
	scatter map[*program.Term][]int
}

// plan is a step with its offsets counted out.
type plan struct {
	gather, t, s []int
}

func newLayout[T number](p *program.Program, weights []T) *layout[T] {
	l := &layout[T]{p, weights, map[*program.Step]*plan{}, map[*program.Term][]int{}}
	for _, a := range matrices(p) {
		for k := range a.Terms {
			t := &a.Terms[k]
			l.scatter[t] = places(t.Scatter)
			for i := range t.Steps {
				s := &t.Steps[i]
				pl := &plan{t: places(s.T), s: places(s.S)}
				if s.Gather != nil {
					pl.gather = places(s.Gather)
				}
				l.plans[s] = pl
			}
		}
	}
	return l
}

// machine follows the steps of a program, in integers as the C engine does, or in floats to see how large things get.
type machine[T number] struct {
	*layout[T]
	x      []T    // a block of the input
	pass   [2][]T // what steps alternate between
	row    []T    // of a factor: w[t, :]
	total  []T
	stored func(s *program.Step, total T) T // the result of a step
	sums   func(t *program.Term, y, v T) T  // y + v
}

func newMachine[T number](l *layout[T]) *machine[T] {
	m := &machine[T]{layout: l}
	grow := func(v *[]T, n int) {
		if len(*v) < n {
			*v = make([]T, n)
		}
	}
	for _, a := range matrices(l.program) {
		grow(&m.x, a.Box)
		for k := range a.Terms {
			for _, s := range a.Terms[k].Steps {
				for i := range m.pass {
					grow(&m.pass[i], s.Outer*s.Inner*max(s.Sum, s.Out))
				}
				grow(&m.row, s.Sum)
				grow(&m.total, s.Inner)
			}
		}
	}
	return m
}

// matrices are those of all layers, of each the input's and the hidden half's.
func matrices(p *program.Program) []*program.Matrix {
	var out []*program.Matrix
	for i := range p.Layers {
		out = append(out, &p.Layers[i].Input, &p.Layers[i].Recurrent)
	}
	return out
}

func places(axes []program.Axis) []int {
	var out []int
	program.Each(axes, func(off int) { out = append(out, off) })
	return out
}

// product adds the product of a matrix with x to y.
func (m *machine[T]) product(y []T, a *program.Matrix, x []T) {
	room := a.Box - a.First
	for b := range a.Blocks {
		part := x[b*room : min((b+1)*room, a.Width)]
		block := m.x[:a.Box]
		clear(block)
		copy(block[a.First:], part)
		for i := range a.Terms {
			m.term(y, &a.Terms[i], block, b)
		}
	}
}

func (m *machine[T]) term(y []T, t *program.Term, x []T, block int) {
	to := 0
	for i := range t.Steps {
		s := &t.Steps[i]
		pl := m.plans[s]
		if pl.gather != nil {
			for k, off := range pl.gather {
				m.pass[to][k] = x[off]
			}
			x, to = m.pass[to], 1-to
		}
		m.step(m.pass[to], x, s, pl, block)
		x, to = m.pass[to], 1-to
	}
	for k, off := range m.scatter[t] {
		y[k] = m.sums(t, y[k], x[off])
	}
}

func (m *machine[T]) step(y, x []T, s *program.Step, pl *plan, block int) {
	w := m.weights[s.At+block/s.Div%s.Mod*s.Stride:]
	row, total := m.row[:s.Sum], m.total[:s.Inner]
	for t, off := range pl.t {
		for k, o := range pl.s {
			row[k] = w[off+o]
		}
		if s.Inner == 1 {
			for o := range s.Outer {
				var sum T
				from := x[o*s.Sum:][:len(row)]
				for k, v := range row {
					sum += v * from[k]
				}
				y[o*s.YOuter+t*s.YT] = m.stored(s, sum)
			}
			continue
		}
		for o := range s.Outer {
			clear(total)
			from := x[o*s.Sum*s.Inner:]
			for _, v := range row {
				for i, u := range from[:len(total)] {
					total[i] += v * u
				}
				from = from[len(total):]
			}
			for i, v := range total {
				y[o*s.YOuter+t*s.YT+i*s.YInner] = m.stored(s, v)
			}
		}
	}
}
