package factor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// single makes units of one step each.
func single(p *program) {
	p.units = nil
	for i := range p.steps {
		p.units = append(p.units, unit{lo: i, hi: i + 1})
	}
}

// TestUnits compares passes by pieces, the last of them shorter, with the same steps done one after the other.
func TestUnits(t *testing.T) {
	for _, s := range []Spec{
		HTSpec([]int{4, 10, 12, 15}, []int{4, 4, 8, 8}, 4, 4),
		TRSpec([]int{8, 20, 20, 19}, []int{2, 4, 4, 2}, 3),
		BTSpec([]int{8, 20, 20, 19}, []int{2, 4, 4, 2}, 2, 4),
	} {
		l, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		l.Init(1, rng)
		lo, hi := 3, s.Cols()-s.Cols()/10
		const rows = 3
		normal := func(n int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
			return v
		}
		x, dy := normal(rows*(hi-lo)), normal(rows*s.Rows())
		var got, want [3][]float32
		joined := 0
		for pass, out := range []*[3][]float32{&got, &want} {
			op := l.Compile(lo, hi, 256).(*treeOp)
			for _, term := range op.terms {
				for _, p := range []*program{term.apply, term.back, term.grad} {
					if pass == 1 {
						single(p)
					}
					joined += len(p.steps) - len(p.units)
				}
			}
			if pass == 0 && len(op.terms[0].grad.units) == len(op.terms[0].grad.steps) {
				t.Errorf("%v: the gradient's steps %+v are not joined: choose other modes for this test", s, op.terms[0].grad.units)
			}
			op.Refresh()
			sc, g := op.NewScratch(), op.NewGrad()
			y, dx := make([]float32, rows*s.Rows()), make([]float32, rows*(hi-lo))
			var target [][]float32
			for _, p := range l.Params() {
				target = append(target, make([]float32, len(p.Data)))
			}
			op.Apply(y, rows, Matrix{x, hi - lo}, sc)
			op.ApplyT(dx, rows, dy, sc)
			op.Gradient(g, rows, dy, Matrix{x, hi - lo}, sc)
			op.Collect(target, g)
			*out = [3][]float32{y, dx, slices.Concat(target...)}
		}
		if joined == 0 {
			t.Errorf("%v: no steps are joined", s)
		}
		for k, what := range []string{"W x", "W^T dy", "gradient"} {
			size := 0.0
			for _, v := range want[k] {
				size = max(size, math.Abs(float64(v)))
			}
			for i, v := range got[k] {
				if d := math.Abs(float64(v - want[k][i])); !(d <= 2e-5*size) {
					t.Fatalf("%v: %s[%d] is %g by pieces and %g step by step", s, what, i, v, want[k][i])
				}
			}
		}
	}
}
