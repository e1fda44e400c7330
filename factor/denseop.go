package factor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/fdht/fdht/internal/kernel"
)

// denseOp is the Op of a dense matrix. A large W [M, N] is far larger than any cache, so each method passes over it once, a
// piece of columns at a time, with all rows of the data; the work is shared among goroutines by rows of W. A small one, such as the
// hidden half beside a structured input half, leaves that to those who use it and has gradients like any other Op.
type denseOp struct {
	lin        *Linear
	lo, width  int
	rows, cols int // M, N
}

// densePiece is how many columns of W are taken at a time: rows of x that long stay in cache while W passes.
const densePiece = 1024

func newDenseOp(l *Linear, lo, hi int) *denseOp {
	return &denseOp{lin: l, lo: lo, width: hi - lo, rows: l.spec.Rows(), cols: l.spec.Cols()}
}

// smallDense is the most weights of a window that is small: the hidden half of an LSTM of 512 units.
const smallDense = 1 << 20

func (op *denseOp) Exclusive() bool      { return op.rows*op.width > smallDense }
func (op *denseOp) Refresh()             {}
func (op *denseOp) NewScratch() *Scratch { return &Scratch{} }
func (op *denseOp) weights() []float32   { return op.lin.params[0].Data }

// The gradient of a large window is added to that of W in place, that of a small one to a sum [M, width].

func (op *denseOp) NewGrad() *Grad {
	if op.Exclusive() {
		return &Grad{}
	}
	return &Grad{sum: [][]float32{make([]float32, op.rows*op.width)}}
}

func (op *denseOp) Aim(g *Grad, target [][]float32) {
	if op.Exclusive() {
		g.sum = target
	}
}

func (op *denseOp) Collect(target [][]float32, g *Grad) {
	if op.Exclusive() {
		return
	}
	for i := range op.rows {
		kernel.Axpy(target[0][i*op.cols+op.lo:][:op.width], 1, g.sum[0][i*op.width:(i+1)*op.width])
	}
	clear(g.sum[0])
}

// slope is where gradients are added: element (0, lo) of a matrix with rows that far apart.
func (op *denseOp) slope(g *Grad) (sum []float32, row int) {
	if op.Exclusive() {
		return g.sum[0][op.lo:], op.cols
	}
	return g.sum[0], op.width
}

// alone reports whether n rows or columns of W are done by the caller's goroutine.
func (op *denseOp) alone(n int) bool { return n <= sharePiece || !op.Exclusive() }

// load brings rows 0..rows-1 of x into the scratch, which grows to the largest batch seen.
func (op *denseOp) load(s *Scratch, x Rows, rows int) []float32 {
	if cap(s.rows) < rows*op.width {
		s.rows = make([]float32, rows*op.width)
	}
	buf := s.rows[:rows*op.width]
	for r := range rows {
		x.Load(buf[r*op.width:(r+1)*op.width], r)
	}
	return buf
}

// sharePiece is how many rows (or columns) of W a goroutine takes at a time. It does not depend on the number of
// processors, because how a product is rounded depends on its sizes.
const sharePiece = 256

// share calls f for pieces of 0..n-1, on all processors when there is more than one piece.
func share(n int, f func(lo, hi int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+sharePiece-1)/sharePiece) {
		wg.Go(func() {
			for {
				lo := int(next.Add(1)-1) * sharePiece
				if lo >= n {
					return
				}
				f(lo, min(lo+sharePiece, n))
			}
		})
	}
	wg.Wait()
}

func (op *denseOp) Trace(dst []float32, rows int, x Rows, s *Scratch) { op.Apply(dst, rows, x, s) }

func (op *denseOp) Apply(dst []float32, rows int, x Rows, s *Scratch) {
	if len(dst) < rows*op.rows {
		panic(fmt.Sprintf("factor: dst has %d elements for [%d, %d]", len(dst), rows, op.rows))
	}
	if rows == 0 {
		return
	}
	in := op.load(s, x, rows)
	if op.alone(op.rows) {
		op.applyRows(dst, in, rows, 0, op.rows)
		return
	}
	share(op.rows, func(lo, hi int) { op.applyRows(dst, in, rows, lo, hi) })
}

// applyRows does rows lo..hi-1 of W.
func (op *denseOp) applyRows(dst, in []float32, rows, lo, hi int) {
	for k := 0; k < op.width; k += densePiece {
		// y[b,i] += sum_j x[b,j] W[i,j]
		dot := kernel.Dot{M: rows, N: hi - lo, K: min(densePiece, op.width-k), Batch: 1,
			ARow: op.width, BRow: op.cols, CRow: op.rows, CCol: 1, Add: true}
		dot.Run(dst[lo:], in[k:], op.weights()[lo*op.cols+op.lo+k:])
	}
}

func (op *denseOp) ApplyT(dx []float32, rows int, dy []float32, s *Scratch) {
	if len(dx) < rows*op.width || len(dy) < rows*op.rows {
		panic(fmt.Sprintf("factor: dx has %d and dy %d elements for [%d, %d] and [%d, %d]", len(dx), len(dy), rows, op.width, rows, op.rows))
	}
	if rows == 0 {
		return
	}
	if op.alone(op.width) {
		op.applyTCols(dx, dy, rows, 0, op.width)
		return
	}
	share(op.width, func(lo, hi int) { op.applyTCols(dx, dy, rows, lo, hi) })
}

// applyTCols does columns lo..hi-1 of the window.
func (op *denseOp) applyTCols(dx, dy []float32, rows, lo, hi int) {
	// dx[b,j] += sum_i dy[b,i] W[i,j]
	mul := kernel.Mul{M: rows, N: hi - lo, K: op.rows, Batch: 1,
		ARow: op.rows, ACol: 1, BRow: op.cols, CRow: op.width, Add: true}
	mul.Run(dx[lo:], dy, op.weights()[op.lo+lo:])
}

func (op *denseOp) Gradient(g *Grad, rows int, dy []float32, x Rows, s *Scratch) {
	if rows == 0 {
		return
	}
	in := op.load(s, x, rows)
	if op.alone(op.rows) {
		op.gradientRows(g, dy, in, rows, 0, op.rows)
		return
	}
	share(op.rows, func(lo, hi int) { op.gradientRows(g, dy, in, rows, lo, hi) })
}

// gradientRows does rows lo..hi-1 of W.
func (op *denseOp) gradientRows(g *Grad, dy, in []float32, rows, lo, hi int) {
	sum, row := op.slope(g)
	for k := 0; k < op.width; k += densePiece {
		// dW[i,j] += sum_b dy[b,i] x[b,j]
		mul := kernel.Mul{M: hi - lo, N: min(densePiece, op.width-k), K: rows, Batch: 1,
			ARow: 1, ACol: op.rows, BRow: op.width, CRow: row, Add: true}
		mul.Run(sum[lo*row+k:], dy[lo:], in[k:])
	}
}
