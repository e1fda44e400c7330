package compress

import (
	"github.com/fdht/fdht/factor"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// halves is a structured matrix cut in two between modes h-1 and h: for rows i = (a, b), a over the modes before the cut,
//
//	W[(a,b), (c,e)] = sum_r left[a, c, r] right[b, r, e]
type halves struct {
	left, right         []float64 // [rowsL, colsL, rank], [rowsR, rank, colsR]
	rowsL, colsL        int
	rowsR, colsR, ranks int
}

// part is the part of W that belongs to a run of modes, row-major [rows, cols, rank].
type part struct {
	rows, cols, rank int
	v                []float64
}

// times contracts the last axis of a with the first of b [rank, rows, cols, out], both parts being neighbours:
//
//	c[(i,k), (j,l), o] = sum_r a[i,j,r] b[r,k,l,o]
func (a part) times(b []float64, rows, cols, out int) part {
	m := blas64.General{Rows: a.rows * a.cols, Cols: rows * cols * out, Stride: rows * cols * out, Data: make([]float64, a.rows*a.cols*rows*cols*out)}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, frame(a.v, a.rank), blas64.General{Rows: a.rank, Cols: m.Cols, Stride: m.Cols, Data: b}, 0, m)
	c := part{a.rows * rows, a.cols * cols, out, make([]float64, len(m.Data))}
	for i := range a.rows {
		for j := range a.cols {
			for k := range rows {
				from := m.Data[((i*a.cols+j)*rows+k)*cols*out:]
				copy(c.v[(((i*rows+k)*a.cols+j)*cols)*out:][:cols*out], from)
			}
		}
	}
	return c
}

// htHalves cuts an HT matrix at its root.
func htHalves(f *Factors) halves {
	tr := newHTTree(f.Spec)
	ranks := tr.ranks(f.Spec)
	var expand func(n int) part
	expand = func(n int) part {
		if tr.left[n] < 0 {
			return part{f.Spec.Out[n], f.Spec.In[n], ranks[n], f.Data[n]}
		}
		return expand(tr.left[n]).times(expand(tr.right[n]).behind(f.Data[n], ranks[tr.left[n]], ranks[n]))
	}
	top := tr.root()
	if tr.left[top] < 0 {
		return halves{[]float64{1}, f.Data[0], 1, 1, f.Spec.Out[0], f.Spec.In[0], 1}
	}
	l := expand(tr.left[top])
	b, rows, cols, _ := expand(tr.right[top]).behind(f.Data[top], l.rank, 1)
	return newHalves(l, b, rows, cols)
}

// behind contracts the part u with the transfer tensor b [s, r_u, t]: [s, rows, cols, t].
func (u part) behind(b []float64, s, t int) (v []float64, rows, cols, out int) {
	v = make([]float64, s*u.rows*u.cols*t)
	for a := range s {
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, frame(u.v, u.rank), frame(b[a*u.rank*t:(a+1)*u.rank*t], t), 0,
			frame(v[a*u.rows*u.cols*t:(a+1)*u.rows*u.cols*t], t))
	}
	return v, u.rows, u.cols, t
}

// newHalves takes the right half as [rank, rows, cols].
func newHalves(l part, right []float64, rows, cols int) halves {
	h := halves{l.v, make([]float64, len(right)), l.rows, l.cols, rows, cols, l.rank}
	for r := range l.rank {
		for b := range rows {
			copy(h.right[(b*l.rank+r)*cols:][:cols], right[(r*rows+b)*cols:])
		}
	}
	return h
}

// row writes row i of W to dst [colsL colsR].
func (h *halves) row(dst []float64, i int) {
	a, b := i/h.rowsR, i%h.rowsR
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, frame(h.left[a*h.colsL*h.ranks:(a+1)*h.colsL*h.ranks], h.ranks),
		frame(h.right[b*h.ranks*h.colsR:(b+1)*h.ranks*h.colsR], h.colsR), 0, frame(dst, h.colsR))
}

// cut splits the matrix of f in two.
func cut(f *Factors) halves {
	switch f.Spec.Kind {
	case factor.HT:
		return htHalves(f)
	case factor.TT, factor.TR:
		return trainHalves(f)
	case factor.BT:
		return tuckerHalves(f)
	}
	panic("compress: halves of a matrix of kind " + string(f.Spec.Kind))
}

// residual is the Frobenius norm of src minus the matrix of f, row by row; columns beyond those of src are zero in src.
func residual(src Source, f *Factors) float64 {
	h := cut(f)
	rows, cols := src.Size()
	each := make([]float64, rows)
	const step = 8
	parallel((rows+step-1)/step, func() func(int) {
		got, want := make([]float64, h.colsL*h.colsR), make([]float32, cols)
		return func(c int) {
			for i := c * step; i < min((c+1)*step, rows); i++ {
				src.Row(want, i)
				h.row(got, i)
				for j, v := range want {
					got[j] -= float64(v)
				}
				each[i] = frobenius(got)
			}
		}
	})
	return frobenius(each)
}
