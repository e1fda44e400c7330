package factor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTrace compares the gradients after Trace with those after Apply, bit for bit, with other rows between.
func TestTrace(t *testing.T) {
	const rows = 5
	most := 0 // units before which anything was handed over
	for _, s := range []Spec{
		HTSpec([]int{8, 20, 20, 19}, []int{4, 4, 8, 8}, 4, 4),
		HTSpec([]int{13, 17}, []int{8, 8}, 3, 3),
		TTSpec([]int{8, 20, 20, 19}, []int{4, 4, 8, 8}, 4),
		TRSpec([]int{8, 20, 20, 19}, []int{2, 4, 4, 2}, 3),
		BTSpec([]int{8, 20, 20, 19}, []int{2, 4, 4, 2}, 2, 4),
		DenseSpec(12, 40),
	} {
		l, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		l.Init(1, rng)
		width := s.Cols() - s.Cols()/19
		normal := func(n int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
			return v
		}
		x, other, dy := Matrix{normal(rows * width), width}, Matrix{normal(rows * width), width}, normal(rows*s.Rows())
		op := l.Compile(0, width, 256)
		op.Refresh()
		run := func(before func(y []float32, sc *Scratch)) (y []float32, grads [][]float32) {
			sc, g := op.NewScratch(), op.NewGrad()
			y = make([]float32, rows*s.Rows())
			before(y, sc)
			handed := 0
			for _, v := range sc.trace {
				handed += min(len(v), 1)
			}
			most = max(most, handed)
			op.Gradient(g, rows, dy, x, sc)
			op.Gradient(g, rows, dy, other, sc) // a trace is good for once
			for _, p := range l.Params() {
				grads = append(grads, make([]float32, len(p.Data)))
			}
			op.Collect(grads, g)
			return y, grads
		}
		y, want := run(func(y []float32, sc *Scratch) { op.Apply(y, rows, x, sc) })
		for name, before := range map[string]func(y []float32, sc *Scratch){
			"trace": func(y []float32, sc *Scratch) { op.Trace(y, rows, x, sc) },
			"trace after others": func(y []float32, sc *Scratch) {
				op.Trace(make([]float32, len(y)), rows, other, sc)
				op.Trace(y, rows, x, sc)
			},
			"apply after a trace": func(y []float32, sc *Scratch) {
				op.Trace(make([]float32, len(y)), rows, other, sc)
				op.Apply(y, rows, x, sc)
			},
			"trace of fewer rows": func(y []float32, sc *Scratch) {
				op.Apply(y, rows, x, sc)
				op.Trace(make([]float32, len(y)), rows-1, other, sc)
			},
		} {
			at := fmt.Sprintf("%s %v, %s", s.Kind, s.In, name)
			gotY, got := run(before)
			if !slices.Equal(gotY, y) {
				t.Errorf("%s: another result", at)
			}
			for i, p := range l.Params() {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%s: another gradient of %s", at, p.Name)
				}
			}
		}
	}
	if most < 2 {
		t.Errorf("no matrix hands over before two units: choose others for this test")
	}
}
