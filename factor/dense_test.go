package factor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/factor"
)

// TestLargeDense: a matrix whose gradients are written in place, and a window of it that is small.
func TestLargeDense(t *testing.T) {
	const m, n, rows = 1100, 1000, 3
	l := filled(t, factor.DenseSpec(m, n), 1)
	w := l.Params()[0].Data
	rng := rand.New(rand.NewPCG(2, 2))
	for _, win := range [][2]int{{0, n}, {0, 960}, {900, 1000}} {
		lo, width := win[0], win[1]-win[0]
		op := l.Compile(win[0], win[1], rows)
		if large := m*width > 1<<20; op.Exclusive() != large {
			t.Errorf("window %v: exclusive is %v", win, op.Exclusive())
		}
		x, dy := make([]float32, rows*width), make([]float32, rows*m)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for i := range dy {
			dy[i] = float32(rng.NormFloat64())
		}
		y, dx, target := make([]float32, rows*m), make([]float32, rows*width), zeros(l)
		sc, g := op.NewScratch(), op.NewGrad()
		op.Aim(g, target)
		in := factor.Matrix{Data: x, Stride: width}
		op.Apply(y, rows, in, sc)
		op.ApplyT(dx, rows, dy, sc)
		op.Gradient(g, rows, dy, in, sc)
		op.Collect(target, g)
		near := func(what string, at int, got float32, want float64) {
			if math.Abs(float64(got)-want) > 2e-4*(1+math.Abs(want)) {
				t.Fatalf("window %v: %s[%d] = %g, want %g", win, what, at, got, want)
			}
		}
		for r := range rows {
			for i := range m {
				sum := 0.0
				for j := range width {
					sum += float64(w[i*n+lo+j]) * float64(x[r*width+j])
				}
				near("y", r*m+i, y[r*m+i], sum)
			}
			for j := range width {
				sum := 0.0
				for i := range m {
					sum += float64(w[i*n+lo+j]) * float64(dy[r*m+i])
				}
				near("dx", r*width+j, dx[r*width+j], sum)
			}
		}
		for i := range m {
			for j := range n {
				sum := 0.0
				if j >= lo && j < lo+width {
					for r := range rows {
						sum += float64(dy[r*m+i]) * float64(x[r*width+j-lo])
					}
				}
				near("dW", i*n+j, target[0][i*n+j], sum)
			}
		}
	}
}
