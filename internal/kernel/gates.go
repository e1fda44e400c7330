package kernel

import "math"

// Sigmoid writes dst[i] = 1/(1+exp(-src[i])), wrong by at most 3e-7. NaN stays NaN. dst and src may be the same slice; len(src) must
// be at least len(dst).
func Sigmoid(dst, src []float32) {
	src = src[:len(dst)]
	for i := simdSigmoid(Current(), dst, src); i < len(dst); i++ {
		dst[i] = sigmoid(src[i])
	}
}

// Tanh writes dst[i] = tanh(src[i]), wrong by at most 3e-7. NaN stays NaN. dst and src may be the same slice; len(src) must be at least
// len(dst).
func Tanh(dst, src []float32) {
	src = src[:len(dst)]
	for i := simdTanh(Current(), dst, src); i < len(dst); i++ {
		dst[i] = tanh(src[i])
	}
}

// LSTM is the forward step of one LSTM row of H units. z holds the 4H pre-activations in gate blocks i, f, g, o and is
// replaced by the activated gates; cPrev is c_{t-1}; c, tc and h get c_t, tanh(c_t) and h_t. c may be cPrev.
// H is len(h); len(z) must be at least 4H and the others at least H.
//
//	c = sigmoid(f) cPrev + sigmoid(i) tanh(g)      h = sigmoid(o) tanh(c)
func LSTM(z, c, tc, h, cPrev []float32) {
	n := len(h)
	z, c, tc, cPrev = z[:4*n], c[:n], tc[:n], cPrev[:n]
	scalarLSTM(simdLSTM(Current(), z, c, tc, h, cPrev), z, c, tc, h, cPrev)
}

// scalarLSTM does the units from first on.
func scalarLSTM(first int, z, c, tc, h, cPrev []float32) {
	n := len(h)
	zi, zf, zg, zo := z[:n], z[n:2*n], z[2*n:3*n], z[3*n:4*n]
	for u := first; u < n; u++ {
		i, f, g, o := sigmoid(zi[u]), sigmoid(zf[u]), tanh(zg[u]), sigmoid(zo[u])
		zi[u], zf[u], zg[u], zo[u] = i, f, g, o
		c[u] = f*cPrev[u] + i*g
		tc[u] = tanh(c[u])
		h[u] = o * tc[u]
	}
}

// LSTMBackward is the backward twin of LSTM for one row. gates, tc and cPrev are what LSTM left or read; dh is
// dL/dh_t. dc holds dL/dc_t from step t+1 and is replaced by dL/dc_{t-1}; dz gets the 4H derivatives of the
// pre-activations. H is len(dh); len(dz) and len(gates) must be at least 4H and the others at least H.
func LSTMBackward(dz, dc, dh, gates, tc, cPrev []float32) {
	n := len(dh)
	dz, dc, gates, tc, cPrev = dz[:4*n], dc[:n], gates[:4*n], tc[:n], cPrev[:n]
	scalarLSTMBackward(simdLSTMBackward(Current(), dz, dc, dh, gates, tc, cPrev), dz, dc, dh, gates, tc, cPrev)
}

// scalarLSTMBackward does the units from first on.
func scalarLSTMBackward(first int, dz, dc, dh, gates, tc, cPrev []float32) {
	n := len(dh)
	gi, gf, gg, gate := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	di, df, dg, do := dz[:n], dz[n:2*n], dz[2*n:3*n], dz[3*n:4*n]
	for u := first; u < n; u++ {
		i, f, g, o, t := gi[u], gf[u], gg[u], gate[u], tc[u]
		d := dc[u] + dh[u]*o*(1-t*t)
		di[u] = d * g * i * (1 - i)
		df[u] = d * cPrev[u] * f * (1 - f)
		dg[u] = d * i * (1 - g*g)
		do[u] = dh[u] * t * o * (1 - o)
		dc[u] = d * f
	}
}

// exp is e^x with a relative error of about 1e-7. x is first held between -87 and 87.
//
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 p(r), the polynomial of Cephes' expf.
func exp(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, -87), 87)
	// Adding 1.5 * 2^23 rounds to a whole number and leaves it in the lowest bits.
	const magic = 3 << 22
	t := x*math.Log2E + magic
	n := t - magic
	r := x - n*0.693359375
	r -= n * -2.12194440e-4
	p := ((((1.9875691500e-4*r+1.3981999507e-3)*r+8.3334519073e-3)*r+4.1665795894e-2)*r+1.6666665459e-1)*r + 5.0000001201e-1
	return math.Float32frombits(math.Float32bits(p*r*r+r+1) + math.Float32bits(t)<<23)
}

func sigmoid(x float32) float32 { return 1 / (1 + exp(-x)) }

// tanh is 1 - 2/(1+exp(2|x|)) with the sign of x, and Cephes' tanhf's polynomial where |x| < 0.625, as the difference loses digits there.
func tanh(x float32) float32 {
	m := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if m < 0.625 {
		z := x * x
		return ((((-5.70498872745e-3*z+2.06390887954e-2)*z-5.37397155531e-2)*z+1.33314422036e-1)*z-3.33332819422e-1)*z*x + x
	}
	t := 1 - 2/(1+exp(2*m))
	return math.Float32frombits(math.Float32bits(t) | math.Float32bits(x)&(1<<31))
}
