package kernel

import "math"

// Axpy adds s*x to y. len(x) must be at least len(y).
func Axpy(y []float32, s float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += s * x[i]
	}
}

// FromU8 writes dst[i] = scale*src[i] + shift.
func FromU8(dst []float32, src []uint8, scale, shift float32) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] = scale*float32(v) + shift
	}
}

// DiffU8 writes dst[i] = min(max(scale*(a[i]-b[i]), lo), hi).
func DiffU8(dst []float32, a, b []uint8, scale, lo, hi float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = min(max(scale*float32(int(a[i])-int(b[i])), lo), hi)
	}
}

// Affine writes dst[i] = scale*src[i] + shift. dst and src may be the same slice.
func Affine(dst, src []float32, scale, shift float32) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] = scale*v + shift
	}
}

// LSTM is the forward step of one LSTM row of H units. z holds the 4H pre-activations in gate blocks i, f, g, o and is
// replaced by the activated gates; cPrev is c_{t-1}; c, tc and h get c_t, tanh(c_t) and h_t. c may be cPrev.
//
//	c = sigmoid(f) cPrev + sigmoid(i) tanh(g)      h = sigmoid(o) tanh(c)
func LSTM(z, c, tc, h, cPrev []float32) {
	n := len(h)
	zi, zf, zg, zo := z[:n], z[n:2*n], z[2*n:3*n], z[3*n:4*n]
	for u := range n {
		i, f, g, o := sigmoid(zi[u]), sigmoid(zf[u]), tanh(zg[u]), sigmoid(zo[u])
		zi[u], zf[u], zg[u], zo[u] = i, f, g, o
		c[u] = f*cPrev[u] + i*g
		tc[u] = tanh(c[u])
		h[u] = o * tc[u]
	}
}

// LSTMBackward is the backward twin of LSTM for one row. gates, tc and cPrev are what LSTM left or read; dh is
// dL/dh_t. dc holds dL/dc_t from step t+1 and is replaced by dL/dc_{t-1}; dz gets the 4H derivatives of the
// pre-activations.
func LSTMBackward(dz, dc, dh, gates, tc, cPrev []float32) {
	n := len(dh)
	gi, gf, gg, gate := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	di, df, dg, do := dz[:n], dz[n:2*n], dz[2*n:3*n], dz[3*n:4*n]
	for u := range n {
		i, f, g, o, t := gi[u], gf[u], gg[u], gate[u], tc[u]
		d := dc[u] + dh[u]*o*(1-t*t)
		di[u] = d * g * i * (1 - i)
		df[u] = d * cPrev[u] * f * (1 - f)
		dg[u] = d * i * (1 - g*g)
		do[u] = dh[u] * t * o * (1 - o)
		dc[u] = d * f
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func tanh(x float32) float32 { return float32(math.Tanh(float64(x))) }
