package compress

import (
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// tensor is a row-major float64 tensor.
type tensor struct {
	dims []int
	data []float64
}

// unfold is the shape [l, p, r] in which axis k stands in the middle: the unfolding of the axis is [p, l r].
func (t *tensor) unfold(k int) (l, p, r int) {
	l, r = 1, 1
	for _, n := range t.dims[:k] {
		l *= n
	}
	for _, n := range t.dims[k+1:] {
		r *= n
	}
	return l, t.dims[k], r
}

// merge makes one axis of the axes k and k+1.
func (t *tensor) merge(k int) {
	t.dims = append(append(append([]int{}, t.dims[:k]...), t.dims[k]*t.dims[k+1]), t.dims[k+2:]...)
}

// columns writes columns lo..lo+n-1 of the unfolding of the middle axis as the rows of dst [n, p].
func (t *tensor) columns(dst []float64, k, lo, n int) {
	_, p, r := t.unfold(k)
	for c := lo; c < lo+n; {
		run := min(r-c%r, lo+n-c) // columns beside each other in memory
		from := t.data[c/r*p*r+c%r:]
		to := dst[(c-lo)*p:]
		for a := range p {
			for x, v := range from[a*r : a*r+run] {
				to[x*p+a] = v
			}
		}
		c += run
	}
}

// decompose finds the left singular vectors of the unfolding of axis k, u [p, min(p, q)], with the singular values in falling order.
func (t *tensor) decompose(k int) (u blas64.General, sigma []float64) {
	l, p, r := t.unfold(k)
	if q := l * r; p > q {
		a := newGeneral(p, q)
		cols := make([]float64, p*q)
		t.columns(cols, k, 0, q)
		transpose(a, cols)
		return leftVectors(a)
	}
	tri := t.triangle(k)
	a := newGeneral(p, p)
	transpose(a, tri.Data)
	return svd(a)
}

// streams is into how many pieces the columns of an unfolding are divided; it does not depend on the number of processors,
// so that results do not.
const streams = 4

// triangle is the factor R [p, p] of the transposed unfolding of axis k, q >= p: A^T = Q R. It takes a block of rows at a time
// below the triangle of those before.
func (t *tensor) triangle(k int) blas64.General {
	l, p, r := t.unfold(k)
	q := l * r
	pieces := streams
	if p >= 256 || q < 2*streams*p { // large products are shared among processors as they are
		pieces = 1
	}
	tri := make([]blas64.General, pieces)
	step := min(max(4*p, 2048), q)
	parallel(pieces, func() func(int) {
		work := newReducer(p, step)
		return func(s int) {
			clear(work.a.Data[:p*p])
			for lo, hi := s*q/pieces, (s+1)*q/pieces; lo < hi; lo += step {
				n := min(step, hi-lo)
				t.columns(work.below(), k, lo, n)
				work.reduce(n)
			}
			tri[s] = work.triangle()
		}
	})
	for s := 1; s < pieces; s++ {
		work := newReducer(p, p)
		copy(work.a.Data, tri[0].Data)
		copy(work.below(), tri[s].Data)
		work.reduce(p)
		tri[0] = work.triangle()
	}
	return tri[0]
}

// reducer gathers the triangular factor of a tall matrix [., p]: a triangle above, new rows below it.
type reducer struct {
	p         int
	a         blas64.General // [p + rows, p]
	tau, work []float64
}

func newReducer(p, rows int) *reducer {
	w := &reducer{p: p, a: newGeneral(p+rows, p), tau: make([]float64, p), work: make([]float64, 1)}
	lapack64.Geqrf(w.a, w.tau, w.work, -1)
	w.work = make([]float64, int(w.work[0]))
	return w
}

// below is where new rows go.
func (w *reducer) below() []float64 { return w.a.Data[w.p*w.p:] }

// reduce takes n new rows into the triangle.
func (w *reducer) reduce(n int) {
	a := w.a
	a.Rows = w.p + n
	lapack64.Geqrf(a, w.tau, w.work, len(w.work))
	for i := 1; i < w.p; i++ { // the reflections stood there
		clear(a.Data[i*w.p : i*w.p+i])
	}
}

func (w *reducer) triangle() blas64.General {
	r := newGeneral(w.p, w.p)
	copy(r.Data, w.a.Data)
	return r
}

// project replaces axis k of size p by one of size r: the unfolding A [p, q] becomes u^T A, u [p, r].
func (t *tensor) project(k int, u blas64.General) {
	l, p, r := t.unfold(k)
	out := make([]float64, l*u.Cols*r)
	const step = 1024
	q := l * r
	parallel((q+step-1)/step, func() func(int) {
		x, y := newGeneral(step, p), newGeneral(step, u.Cols)
		return func(b int) {
			lo := b * step
			x.Rows = min(step, q-lo)
			y.Rows = x.Rows
			t.columns(x.Data, k, lo, x.Rows)
			blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, x, u, 0, y)
			for c := lo; c < lo+x.Rows; c++ {
				to := out[c/r*u.Cols*r+c%r:]
				for a, v := range y.Data[(c-lo)*u.Cols : (c-lo+1)*u.Cols] {
					to[a*r] = v
				}
			}
		}
	})
	t.dims = append([]int{}, t.dims...)
	t.dims[k] = u.Cols
	t.data = out
}

// leftVectors is svd for a tall matrix a [p, q], p >= q, which it overwrites: u [p, q].
func leftVectors(a blas64.General) (u blas64.General, sigma []float64) {
	r := orthogonalise(a)
	small, sigma := svd(r)
	u = newGeneral(a.Rows, small.Cols)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, a, small, 0, u)
	return u, sigma
}

// orthogonalise replaces a [p, q], p >= q, by Q with orthonormal columns and returns R [q, q]: a = Q R.
func orthogonalise(a blas64.General) (r blas64.General) {
	tau, work := make([]float64, a.Cols), make([]float64, 1)
	lapack64.Geqrf(a, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(a, tau, work, len(work))
	r = newGeneral(a.Cols, a.Cols)
	for i := range a.Cols {
		copy(r.Data[i*a.Cols+i:(i+1)*a.Cols], a.Data[i*a.Cols+i:(i+1)*a.Cols])
	}
	lapack64.Orgqr(a, tau, work, -1)
	work = make([]float64, max(int(work[0]), len(work)))
	lapack64.Orgqr(a, tau, work, len(work))
	return r
}

// svd is the left singular vectors and the singular values of a square or wide matrix, which it overwrites: u [p, min(p, q)].
func svd(a blas64.General) (u blas64.General, sigma []float64) {
	n := min(a.Rows, a.Cols)
	u = newGeneral(a.Rows, n)
	sigma = make([]float64, n)
	scale := 0.0
	for _, v := range a.Data {
		scale = max(scale, abs(v))
	}
	if scale == 0 {
		for i := range n {
			u.Data[i*n+i] = 1
		}
		return u, sigma
	}
	vt := blas64.General{Stride: 1}
	work := make([]float64, 1)
	lapack64.Gesvd(lapack.SVDStore, lapack.SVDNone, a, u, vt, sigma, work, -1)
	work = make([]float64, int(work[0]))
	if !lapack64.Gesvd(lapack.SVDStore, lapack.SVDNone, a, u, vt, sigma, work, len(work)) {
		panic("compress: the singular value decomposition does not converge")
	}
	return u, sigma
}

func abs(x float64) float64 { return max(x, -x) }

func newGeneral(rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: make([]float64, rows*cols)}
}

func identity(n int) blas64.General {
	a := newGeneral(n, n)
	for i := range n {
		a.Data[i*n+i] = 1
	}
	return a
}

// head is the first n columns of a as a matrix of its own.
func head(a blas64.General, n int) blas64.General {
	out := newGeneral(a.Rows, n)
	for i := range a.Rows {
		copy(out.Data[i*n:(i+1)*n], a.Data[i*a.Stride:])
	}
	return out
}

// transpose writes the transpose of from [dst.Cols, dst.Rows] to dst.
func transpose(dst blas64.General, from []float64) {
	for i := range dst.Rows {
		for j := range dst.Cols {
			dst.Data[i*dst.Stride+j] = from[j*dst.Rows+i]
		}
	}
}

// parallel calls a function for 0..n-1 on all processors. Each worker makes one with prepare, which holds its memory.
func parallel(n int, prepare func() func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			f := prepare()
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
