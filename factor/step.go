package factor

import "github.com/fdht/fdht/internal/kernel"

// form says how a step multiplies. A row of the data is viewed as [outer, S, mid, inner]: S are the contracted labels, which
// lie side by side. The operand's other labels T take their place, or, in two parts, stand before and after mid, which brings
// labels that the next step contracts side by side without a copy.
type form int

const (
	// inside: inner > 1. For each outer and mid index  y[T1, T2, inner] = W[T1 T2, S] x[S, inner]; vectors run along inner.
	inside form = iota
	// turned: inner > 1 as well, and T goes last. For each outer index  y[inner, T] = x[S, inner]^T W[S, T]; vectors run along T.
	turned
	// along: inner = 1, S comes last.  y[outer, T] = x[outer, S] W[S, T]; vectors run along T.
	along
	// across: inner = 1 as well, y[outer, T] = x[outer, S] W[T, S]^T; vectors run along S, for few T and many S.
	across
)

// step contracts the data with one operand that does not depend on the data.
type step struct {
	operand    int      // number of the operand: a factor, or a product of factors made ahead
	before     *shuffle // reorders a row of the data first, when S does not lie side by side
	form       form
	outer, mid int      // a row of the data is [outer, S, mid, inner] ...
	inner, s   int      // ... with S of size s ...
	t1, t2     int      // ... and becomes [outer, T1, mid, T2, inner]; mid > 1 only inside
	ts, st     *shuffle // the operand's axes brought into the orders [T, S] and [S, T]
}

// in and out are the sizes of a row of the data before and after the step.
func (p *step) in() int  { return p.outer * p.s * p.mid * p.inner }
func (p *step) out() int { return p.outer * p.t() * p.mid * p.inner }

// t is the size of T.
func (p *step) t() int { return p.t1 * p.t2 }

// packed is a step's operand in the orders that its form multiplies by.
type packed struct {
	ts, st []float32 // [T, S], [S, T]; nil: not used
}

// newPacked makes memory for the step's operand.
func (p *step) newPacked(why purpose) (w packed) {
	if p.form == inside || p.form == across || p.form == along && why == gradient {
		w.ts = make([]float32, p.t()*p.s)
	}
	if p.form == turned || p.form == along {
		w.st = make([]float32, p.t()*p.s)
	}
	return w
}

// span is the part of the innermost axis that a product takes: n adjacent indices. In memory the runs of this axis are x apart
// in the data and y apart in the result. Only the form inside can take less than all of it.
type span struct{ n, x, y int }

func (p *step) whole() span { return span{p.inner, p.inner, p.inner} }

// transposedSlope reports whether the gradient of the operand is summed as [S, T] and not as [T, S]: the longer side goes last,
// where vectors run.
func (p *step) transposedSlope() bool {
	return p.form == turned || p.form != inside && p.t() >= p.s
}

// forward runs the step over rows of data: y (+)= the step applied to x.
func (p *step) forward(y, x []float32, w packed, rows int, at span, add bool) {
	b := rows * p.outer
	switch p.form {
	case inside:
		p.forwardInside(y, x, w.ts, b, at, add)
	case turned:
		// y[b,inner,T] = sum_S x[b,S,inner] W[S,T]
		mul := kernel.Mul{M: p.inner, N: p.t(), K: p.s, Batch: b, ARow: 1, ACol: p.inner, ABatch: p.s * p.inner,
			BRow: p.t(), CRow: p.t(), CBatch: p.inner * p.t(), Add: add}
		mul.Run(y, x, w.st)
	case along:
		// y[b,T] = sum_S x[b,S] W[S,T]
		mul := kernel.Mul{M: b, N: p.t(), K: p.s, Batch: 1, ARow: p.s, ACol: 1, BRow: p.t(), CRow: p.t(), Add: add}
		mul.Run(y, x, w.st)
	case across:
		// y[b,T] = sum_S x[b,S] W[T,S]
		dot := kernel.Dot{M: b, N: p.t(), K: p.s, Batch: 1, ARow: p.s, BRow: p.s, CRow: p.t(), CCol: 1, Add: add}
		dot.Run(y, x, w.ts)
	}
}

// backData gives the derivative of the step's data from that of its result.
func (p *step) backData(dx, dy []float32, w packed, rows int, at span) {
	b := rows * p.outer
	switch p.form {
	case inside:
		p.backDataInside(dx, dy, w.ts, b, at)
	case turned:
		// dx[b,S,inner] = sum_T W[S,T] dy[b,inner,T]
		dot := kernel.Dot{M: p.s, N: p.inner, K: p.t(), Batch: b, ARow: p.t(), BRow: p.t(), BBatch: p.inner * p.t(),
			CRow: p.inner, CCol: 1, CBatch: p.s * p.inner}
		dot.Run(dx, w.st, dy)
	default:
		// dx[b,S] = sum_T dy[b,T] W[T,S]
		mul := kernel.Mul{M: b, N: p.s, K: p.t(), Batch: 1, ARow: p.t(), ACol: 1, BRow: p.s, CRow: p.s}
		mul.Run(dx, dy, w.ts)
	}
}

// backOperand adds the derivative of the step's operand to dw, which is [S, T] or [T, S]: see transposedSlope.
func (p *step) backOperand(dw, dy, x []float32, rows int, at span) {
	b := rows * p.outer
	switch {
	case p.form == inside:
		p.backOperandInside(dw, dy, x, b, at)
	case p.form == turned:
		// dW[S,T] += sum_{b,inner} x[b,S,inner] dy[b,inner,T]
		mul := kernel.Mul{M: p.s, N: p.t(), K: p.inner, Batch: b, ARow: p.inner, ACol: 1, ABatch: p.s * p.inner,
			BRow: p.t(), BBatch: p.inner * p.t(), CRow: p.t(), Add: true}
		mul.Run(dw, x, dy)
	case p.transposedSlope():
		// dW[S,T] += sum_b x[b,S] dy[b,T]
		mul := kernel.Mul{M: p.s, N: p.t(), K: b, Batch: 1, ARow: 1, ACol: p.s, BRow: p.t(), CRow: p.t(), Add: true}
		mul.Run(dw, x, dy)
	default:
		// dW[T,S] += sum_b dy[b,T] x[b,S]
		mul := kernel.Mul{M: p.t(), N: p.s, K: b, Batch: 1, ARow: 1, ACol: p.t(), BRow: p.s, CRow: p.s, Add: true}
		mul.Run(dw, dy, x)
	}
}

// The form inside: x is [b, S, mid, inner], y is [b, T1, mid, T2, inner] and w is [T1 T2, S]. With mid = 1 all b go in one
// batch, else each index of b and T1 is a batch over mid.

// forwardInside: y[b,T1,mid,T2,inner] (+)= sum_S w[T1 T2,S] x[b,S,mid,inner]
func (p *step) forwardInside(y, x, w []float32, b int, at span, add bool) {
	mul := kernel.Mul{M: p.t2, N: at.n, K: p.s, ARow: p.s, ACol: 1, BRow: p.mid * at.x, CRow: at.y, Add: add}
	if p.mid == 1 {
		mul.Batch, mul.BBatch, mul.CBatch = b, p.s*at.x, p.t2*at.y
		mul.Run(y, w, x)
		return
	}
	mul.Batch, mul.BBatch, mul.CBatch = p.mid, at.x, p.t2*at.y
	for i := range b {
		from := x[i*p.s*p.mid*at.x:]
		for t := range p.t1 {
			mul.Run(y[(i*p.t1+t)*p.mid*p.t2*at.y:], w[t*p.t2*p.s:], from)
		}
	}
}

// backDataInside: dx[b,S,mid,inner] = sum_T w[T1 T2,S] dy[b,T1,mid,T2,inner]
func (p *step) backDataInside(dx, dy, w []float32, b int, at span) {
	mul := kernel.Mul{M: p.s, N: at.n, K: p.t2, ARow: 1, ACol: p.s, BRow: at.y, CRow: p.mid * at.x}
	if p.mid == 1 {
		mul.Batch, mul.BBatch, mul.CBatch = b, p.t2*at.y, p.s*at.x
		mul.Run(dx, w, dy)
		return
	}
	mul.Batch, mul.BBatch, mul.CBatch = p.mid, p.t2*at.y, at.x
	for i := range b {
		to := dx[i*p.s*p.mid*at.x:]
		for t := range p.t1 {
			mul.Add = t > 0
			mul.Run(to, w[t*p.t2*p.s:], dy[(i*p.t1+t)*p.mid*p.t2*at.y:])
		}
	}
}

// backOperandInside: dw[T1 T2,S] += sum_{b,mid,inner} dy[b,T1,mid,T2,inner] x[b,S,mid,inner]
func (p *step) backOperandInside(dw, dy, x []float32, b int, at span) {
	dot := kernel.Dot{M: p.t2, N: p.s, K: at.n, ARow: at.y, BRow: p.mid * at.x, CRow: p.s, CCol: 1, Add: true}
	if p.mid == 1 {
		dot.Batch, dot.ABatch, dot.BBatch = b, p.t2*at.y, p.s*at.x
		dot.Run(dw, dy, x)
		return
	}
	dot.Batch, dot.ABatch, dot.BBatch = p.mid, p.t2*at.y, at.x
	for i := range b {
		from := x[i*p.s*p.mid*at.x:]
		for t := range p.t1 {
			dot.Run(dw[t*p.t2*p.s:], dy[(i*p.t1+t)*p.mid*p.t2*at.y:], from)
		}
	}
}
