package kernel

// GRU is the forward step of one GRU row of H units in PyTorch's form, which keeps the hidden half of the candidate's
// pre-activation apart. z holds the 3H pre-activations W_x x + b_x in gate blocks r, z, n and is replaced by the activated
// gates; u holds W_h h_{t-1} + b_h in the same blocks, of which n is needed by GRUBackward. h gets h_t and may be hPrev, h_{t-1}.
// H is len(h); len(z) and len(u) must be at least 3H and len(hPrev) at least H.
//
//	r = sigmoid(z_r + u_r)   z = sigmoid(z_z + u_z)   n = tanh(z_n + r u_n)   h = (1-z) n + z hPrev
func GRU(h, z, u, hPrev []float32) {
	n := len(h)
	z, u, hPrev = z[:3*n], u[:3*n], hPrev[:n]
	gates, cand := z[:2*n], z[2*n:]
	Axpy(gates, 1, u)
	Sigmoid(gates, gates)
	un := u[2*n:]
	for i, r := range gates[:n] {
		cand[i] += r * un[i]
	}
	Tanh(cand, cand)
	for i, g := range gates[n:] {
		h[i] = (1-g)*cand[i] + g*hPrev[i]
	}
}

// GRUBackward is the backward twin of GRU for one row. gates, u and hPrev are what GRU left or read; dh is dL/dh_t. dz and
// du get the 3H derivatives of z and u. What reaches h_{t-1} past the weights is added to dhPrev, unless that is nil.
// H is len(dh).
func GRUBackward(dz, du, dhPrev, dh, gates, u, hPrev []float32) {
	n := len(dh)
	dz, du, gates, u, hPrev = dz[:3*n], du[:3*n], gates[:3*n], u[:3*n], hPrev[:n]
	gr, gz, gn, un := gates[:n], gates[n:2*n], gates[2*n:], u[2*n:]
	for i, d := range dh {
		r, z, c := gr[i], gz[i], gn[i]
		dn := d * (1 - z) * (1 - c*c)
		dr := dn * un[i] * r * (1 - r)
		dg := d * (hPrev[i] - c) * z * (1 - z)
		dz[i], dz[n+i], dz[2*n+i] = dr, dg, dn
		du[i], du[n+i], du[2*n+i] = dr, dg, dn*r
	}
	if dhPrev == nil {
		return
	}
	dhPrev = dhPrev[:n]
	for i, d := range dh {
		dhPrev[i] += d * gz[i]
	}
}

// TanhBackward writes dz[i] = dy[i] (1 - y[i]^2), the derivative behind y = tanh(z). len(dy) and len(y) must be at least
// len(dz).
func TanhBackward(dz, dy, y []float32) {
	dy, y = dy[:len(dz)], y[:len(dz)]
	for i, v := range y {
		dz[i] = dy[i] * (1 - v*v)
	}
}
