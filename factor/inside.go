package factor

import "github.com/fdht/fdht/internal/kernel"

// The three products of a step of the form inside, where T stands around mid: x is [b, S, mid, inner], y is
// [b, T1, mid, T2, inner] and w is [T1 T2, S], b = rows x outer. With mid = 1 all b go in one batch, else each index of b and T1
// is a batch over mid.

// forward: y[b,T1,mid,T2,inner] (+)= sum_S w[T1 T2,S] x[b,S,mid,inner]
func (p *step) forward(y, w, x []float32, rows int, add bool) {
	mul := kernel.Mul{M: p.t2, N: p.inner, K: p.s, ARow: p.s, ACol: 1, BRow: p.mid * p.inner, CRow: p.inner, Add: add}
	if p.mid == 1 {
		mul.Batch, mul.BBatch, mul.CBatch = rows*p.outer, p.s*p.inner, p.t2*p.inner
		mul.Run(y, w, x)
		return
	}
	mul.Batch, mul.BBatch, mul.CBatch = p.mid, p.inner, p.t2*p.inner
	for b := range rows * p.outer {
		from := x[b*p.s*p.mid*p.inner:]
		for t := range p.t1 {
			mul.Run(y[(b*p.t1+t)*p.mid*p.t2*p.inner:], w[t*p.t2*p.s:], from)
		}
	}
}

// backData: dx[b,S,mid,inner] = sum_T w[T1 T2,S] dy[b,T1,mid,T2,inner]
func (p *step) backData(dx, w, dy []float32, rows int) {
	mul := kernel.Mul{M: p.s, N: p.inner, K: p.t2, ARow: 1, ACol: p.s, BRow: p.inner, CRow: p.mid * p.inner}
	if p.mid == 1 {
		mul.Batch, mul.BBatch, mul.CBatch = rows*p.outer, p.t2*p.inner, p.s*p.inner
		mul.Run(dx, w, dy)
		return
	}
	mul.Batch, mul.BBatch, mul.CBatch = p.mid, p.t2*p.inner, p.inner
	for b := range rows * p.outer {
		to := dx[b*p.s*p.mid*p.inner:]
		for t := range p.t1 {
			mul.Add = t > 0
			mul.Run(to, w[t*p.t2*p.s:], dy[(b*p.t1+t)*p.mid*p.t2*p.inner:])
		}
	}
}

// backOperand: dw[T1 T2,S] += sum_{b,mid,inner} dy[b,T1,mid,T2,inner] x[b,S,mid,inner]
func (p *step) backOperand(dw, dy, x []float32, rows int) {
	dot := kernel.Dot{M: p.t2, N: p.s, K: p.inner, ARow: p.inner, BRow: p.mid * p.inner, CRow: p.s, CCol: 1, Add: true}
	if p.mid == 1 {
		dot.Batch, dot.ABatch, dot.BBatch = rows*p.outer, p.t2*p.inner, p.s*p.inner
		dot.Run(dw, dy, x)
		return
	}
	dot.Batch, dot.ABatch, dot.BBatch = p.mid, p.t2*p.inner, p.inner
	for b := range rows * p.outer {
		from := x[b*p.s*p.mid*p.inner:]
		for t := range p.t1 {
			dot.Run(dw[t*p.t2*p.s:], dy[(b*p.t1+t)*p.mid*p.t2*p.inner:], from)
		}
	}
}
