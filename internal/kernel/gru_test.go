package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// exactGRU is h_t of GRU in float64.
func exactGRU(z, u, hPrev []float64) []float64 {
	n := len(hPrev)
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	h := make([]float64, n)
	for i := range h {
		r, g := sigmoid(z[i]+u[i]), sigmoid(z[n+i]+u[n+i])
		h[i] = (1-g)*math.Tanh(z[2*n+i]+r*u[2*n+i]) + g*hPrev[i]
	}
	return h
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// difference is the derivative of sum_i dh_i h_i for every element of v, by differences of exactGRU.
func difference(v []float64, dh []float32, f func() []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		const eps = 1e-6
		sum := 0.0
		for _, side := range []float64{eps, -eps} {
			v[i] = x + side
			for k, h := range f() {
				sum += math.Copysign(1, side) * float64(dh[k]) * h
			}
		}
		v[i] = x
		out[i] = float32(sum / (2 * eps))
	}
	return out
}

func TestGRUAgrees(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 6))
		for _, n := range lengths {
			for _, same := range []bool{false, true} { // h is hPrev
				z0, u0, h0, dh := randoms(r, 3*n), randoms(r, 3*n), randoms(r, n), randoms(r, n)
				z, check1 := guarded(t, 3*n)
				u, check2 := guarded(t, 3*n)
				h, check3 := guarded(t, n)
				copy(z, z0)
				copy(u, u0)
				hPrev := h0
				if same {
					copy(h, h0)
					hPrev = h
				}
				GRU(h, z, u, hPrev)
				wz, wu, wh := widen(z0), widen(u0), widen(h0)
				f := func() []float64 { return exactGRU(wz, wu, wh) }
				want := make([]float32, n)
				for i, v := range f() {
					want[i] = float32(v)
				}
				near(t, "h", h, want, 1e-6)

				dz, check4 := guarded(t, 3*n)
				du, check5 := guarded(t, 3*n)
				dhPrev, check6 := guarded(t, n)
				clear(dhPrev)
				GRUBackward(dz, du, dhPrev, dh, z, u, h0)
				near(t, "dz", dz, difference(wz, dh, f), 1e-5)
				near(t, "du", du, difference(wu, dh, f), 1e-5)
				near(t, "dhPrev", dhPrev, difference(wh, dh, f), 1e-5)
				again := slices.Clone(dz)
				GRUBackward(dz, du, nil, dh, z, u, h0)
				near(t, "dz without dhPrev", dz, again, 0)

				dt, check7 := guarded(t, n)
				TanhBackward(dt, dh, h)
				for i := range want {
					want[i] = float32(float64(dh[i]) * (1 - float64(h[i])*float64(h[i])))
				}
				near(t, "tanh backward", dt, want, 1e-6)
				for _, check := range []func(){check1, check2, check3, check4, check5, check6, check7} {
					check()
				}
			}
		}
	})
}
