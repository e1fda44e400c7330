package factor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// tensorOf is a dense tensor with labelled axes, in the memory order of axes.
type tensorOf struct {
	axes []int
	v    []float64
}

// contract sums over the labels in sum; the result has the axes out. It reads one element after another as the definition says.
func contract(dim []int, a, b tensorOf, sum, out []int) tensorOf {
	at := make([]int, len(dim))
	index := func(axes []int) int {
		i := 0
		for _, l := range axes {
			i = i*dim[l] + at[l]
		}
		return i
	}
	size := 1
	for _, l := range out {
		size *= dim[l]
	}
	c := tensorOf{out, make([]float64, size)}
	loop := slices.Concat(out, sum)
	for {
		c.v[index(out)] += a.v[index(a.axes)] * b.v[index(b.axes)]
		k := len(loop) - 1
		for ; k >= 0; k-- {
			at[loop[k]]++
			if at[loop[k]] < dim[loop[k]] {
				break
			}
			at[loop[k]] = 0
		}
		if k < 0 {
			return c
		}
	}
}

func common(a, b []int) (both []int) {
	for _, l := range a {
		if slices.Contains(b, l) {
			both = append(both, l)
		}
	}
	return both
}

// TestSchedule follows the schedule label by label and compares with the matrix.
func TestSchedule(t *testing.T) {
	for name, s := range allSpecs(t) {
		l := filled(t, s, 3)
		w := l.Materialize()
		n := s.Cols()
		for _, win := range [][2]int{{0, n}, {n / 3, n}, {n - 1, n}} {
			sch := l.Schedule(win[0], win[1], 1000)
			if sch.Width != win[1]-win[0] || sch.First < 0 || sch.First+sch.Width > sch.Box {
				t.Fatalf("%s: window %v in a box of %d from %d", name, win, sch.Box, sch.First)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			x := make([]float64, sch.Box)
			for i := range sch.Width {
				x[sch.First+i] = rng.NormFloat64()
			}
			got := make([]float64, s.Rows())
			for _, term := range sch.Terms {
				var ops []tensorOf
				for _, f := range term.Factors {
					v := make([]float64, len(f.Index))
					for i, at := range f.Index {
						v[i] = float64(l.Params()[f.Param].Data[at])
					}
					ops = append(ops, tensorOf{f.Axes, v})
				}
				for _, m := range term.Merges {
					ops = append(ops, contract(term.Dim, ops[m.A], ops[m.B], common(ops[m.A].axes, ops[m.B].axes), m.Axes))
				}
				data := tensorOf{term.In, x}
				for _, st := range term.Steps {
					if !slices.Equal(sorted(st.Data), sorted(data.axes)) || !slices.Equal(sorted(slices.Concat(st.S, st.T)), sorted(ops[st.Operand].axes)) {
						t.Fatalf("%s: step %+v of data %v with %v", name, st, data.axes, ops[st.Operand].axes)
					}
					data = contract(term.Dim, data, ops[st.Operand], st.S, st.Result)
				}
				y := contract(term.Dim, data, tensorOf{nil, []float64{1}}, nil, term.Out)
				for i, v := range y.v {
					got[i] += v
				}
			}
			for i, v := range got {
				want, size := 0.0, 0.0
				for j := range sch.Width {
					p := float64(w.Data[i*n+win[0]+j]) * x[sch.First+j]
					want, size = want+p, size+math.Abs(p)
				}
				if math.Abs(v-want) > 1e-5*size+1e-9 {
					t.Fatalf("%s, window %v: y[%d] = %g, the matrix gives %g", name, win, i, v, want)
				}
			}
		}
	}
}

func sorted(v []int) []int { return slices.Sorted(slices.Values(v)) }
