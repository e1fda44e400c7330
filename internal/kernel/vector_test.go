package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// near holds got to want within an absolute error, and NaN to NaN.
func near(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	for i, w := range want {
		g := got[i]
		if math.IsNaN(float64(w)) && math.IsNaN(float64(g)) || g == w {
			continue
		}
		if !(math.Abs(float64(g-w)) <= tol) {
			t.Fatalf("%s[%d] of %d = %g, want %g", what, i, len(want), g, w)
		}
	}
}

// lengths are whole vectors, tails and both.
var lengths = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 100, 257}

// guarded gives n elements between canaries and a check of them.
func guarded(t *testing.T, n int) ([]float32, func()) {
	all := make([]float32, n+2*room)
	for i := range all {
		all[i] = canary
	}
	return all[room : room+n : room+n], func() {
		t.Helper()
		for i, v := range all {
			if (i < room || i >= room+n) && v != canary {
				t.Fatalf("wrote %g at %d of %d elements", v, i-room, n)
			}
		}
	}
}

func randomBytes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		b[i] = uint8(r.Uint32())
	}
	return b
}

func TestVectorsAgree(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range lengths {
			x, y := randoms(r, n), randoms(r, n)
			got, check := guarded(t, n)
			want := append([]float32(nil), y...)
			copy(got, y)
			Axpy(got, 1.7, x)
			scalarAxpy(want, 1.7, x)
			near(t, "axpy", got, want, 2e-6)
			check()

			Affine(got, x, -2.5, 0.3)
			scalarAffine(want, x, -2.5, 0.3)
			near(t, "affine", got, want, 2e-6)
			check()

			a, b := randomBytes(r, n), randomBytes(r, n)
			FromU8(got, a, 1/255.0, -0.5)
			scalarFromU8(want, a, 1/255.0, -0.5)
			near(t, "fromU8", got, want, 1e-6)
			check()

			DiffU8(got, a, b, 1/64.0, -1, 2)
			scalarDiffU8(want, a, b, 1/64.0, -1, 2)
			near(t, "diffU8", got, want, 1e-6)
			check()

			both, bothWant := make([]float32, 2*n+1), make([]float32, 2*n+1)
			both[2*n], bothWant[2*n] = 99, 99
			Interleave(both[:2*n], x, y)
			scalarInterleave(bothWant[:2*n], x[:n], y)
			near(t, "interleave", both, bothWant, 0)

			var dot, squares float64
			for i := range x {
				dot += float64(x[i]) * float64(y[i])
				squares += float64(x[i]) * float64(x[i])
			}
			if d := math.Abs(dot - float64(DotProduct(x, y))); d > 1e-4 {
				t.Fatalf("dot product of %d is wrong by %g", n, d)
			}
			if d := math.Abs(squares - SumSquares(x)); d > 1e-10 {
				t.Fatalf("sum of squares of %d is wrong by %g", n, d)
			}
		}
	})
}

// edges are values where the gates change their way, saturate or are not numbers.
func edges() []float32 {
	inf := float32(math.Inf(1))
	x := []float32{0, float32(math.Copysign(0, -1)), 1e-38, -1e-38, 1e-45, 0.62499, 0.625, -0.625, 0.62501, 43.4, 43.6, 86.9, 87, 87.5, 88.7, 89, 1e4, -1e4, math.MaxFloat32, -math.MaxFloat32, inf, -inf, float32(math.NaN())}
	for i := float32(-100); i < 100; i += 0.01 {
		x = append(x, i)
	}
	for i := float32(-1); i < 1; i += 0.0003 {
		x = append(x, i)
	}
	return x
}

func TestGates(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		x := edges()
		got, check := guarded(t, len(x))
		want := make([]float32, len(x))
		Sigmoid(got, x)
		for i, v := range x {
			want[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
		near(t, "sigmoid", got, want, 3e-7)
		check()
		Tanh(got, x)
		for i, v := range x {
			want[i] = float32(math.Tanh(float64(v)))
			if d := math.Abs(float64(got[i]-want[i])) / math.Abs(float64(want[i])); d > 4e-7 && want[i] != 0 {
				t.Fatalf("tanh(%g) = %g, want %g", v, got[i], want[i])
			}
		}
		near(t, "tanh", got, want, 3e-7)
		check()
		for _, n := range lengths {
			got, check := guarded(t, n)
			Sigmoid(got, x[:n])
			check()
			Tanh(got, x[:n])
			check()
		}
	})
}

// exactLSTM is LSTM in float64.
func exactLSTM(z, c, tc, h, cPrev []float32) {
	n := len(h)
	sigmoid := func(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }
	for u := range h {
		i, f, g, o := sigmoid(z[u]), sigmoid(z[n+u]), math.Tanh(float64(z[2*n+u])), sigmoid(z[3*n+u])
		x := f*float64(cPrev[u]) + i*g
		z[u], z[n+u], z[2*n+u], z[3*n+u] = float32(i), float32(f), float32(g), float32(o)
		c[u], tc[u], h[u] = float32(x), float32(math.Tanh(x)), float32(o*math.Tanh(x))
	}
}

func TestLSTMAgrees(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 5))
		for _, n := range lengths {
			for _, same := range []bool{false, true} { // c is cPrev
				z0, c0 := randoms(r, 4*n), randoms(r, n)
				z, check1 := guarded(t, 4*n)
				c, check2 := guarded(t, n)
				tc, check3 := guarded(t, n)
				h, check4 := guarded(t, n)
				copy(z, z0)
				cPrev := c0
				if same {
					copy(c, c0)
					cPrev = c
				}
				LSTM(z, c, tc, h, cPrev)
				wz, wc, wtc, wh := append([]float32(nil), z0...), make([]float32, n), make([]float32, n), make([]float32, n)
				exactLSTM(wz, wc, wtc, wh, c0)
				near(t, "gates", z, wz, 3e-7)
				near(t, "c", c, wc, 1e-6)
				near(t, "tanh c", tc, wtc, 1e-6)
				near(t, "h", h, wh, 1e-6)

				dh, dc0 := randoms(r, n), randoms(r, n)
				dz, check5 := guarded(t, 4*n)
				dc, check6 := guarded(t, n)
				copy(dc, dc0)
				LSTMBackward(dz, dc, dh, wz, wtc, c0)
				wdz := make([]float32, 4*n)
				scalarLSTMBackward(0, wdz, dc0, dh, wz, wtc, c0)
				near(t, "dz", dz, wdz, 3e-6)
				near(t, "dc", dc, dc0, 3e-6)
				for _, check := range []func(){check1, check2, check3, check4, check5, check6} {
					check()
				}
			}
		}
	})
}

func TestPeakFMA(t *testing.T) {
	for _, p := range Paths() {
		if g := PeakFMA(p, time.Millisecond); !(g > 0) {
			t.Errorf("%v: %g GFLOP/s", p, g)
		}
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, p := range Paths() {
		b.Run(p.String(), func(b *testing.B) {
			best := 0.0
			for b.Loop() {
				best = max(best, PeakFMA(p, 10*time.Millisecond))
			}
			b.ReportMetric(best, "GFLOP/s")
		})
	}
}

func BenchmarkVector(b *testing.B) {
	benchPaths(b, func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 1))
		const n = 256
		z, z0, c, tc, h := randoms(r, 4*n), randoms(r, 4*n), randoms(r, n), randoms(r, n), randoms(r, n)
		dz := make([]float32, 4*n)
		u, v := randomBytes(r, 57600), randomBytes(r, 57600)
		f := make([]float32, 57600)
		g := randoms(r, 57600)
		for _, x := range []struct {
			name string
			n    int
			f    func()
		}{
			{"lstm", n, func() { copy(z, z0); LSTM(z, c, tc, h, c) }},
			{"lstmBackward", n, func() { LSTMBackward(dz, h, tc, z, tc, c) }},
			{"sigmoid", n, func() { Sigmoid(h, c) }},
			{"tanh", n, func() { Tanh(h, c) }},
			{"fromU8", len(f), func() { FromU8(f, u, 1, 0) }},
			{"diffU8", len(f), func() { DiffU8(f, u, v, 1, -9, 9) }},
			{"interleave", len(f) / 2, func() { Interleave(f, g, g) }},
			{"affine", len(f), func() { Affine(f, g, 1, 0) }},
			{"axpy", len(f), func() { Axpy(f, 1, g) }},
			{"sumSquares", len(f), func() { SumSquares(g) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", x.name, x.n), func(b *testing.B) {
				for b.Loop() {
					x.f()
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(x.n), "ns/element")
			})
		}
	})
}
