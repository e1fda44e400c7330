package model

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// piece is a matrix to be compressed.
type piece struct {
	name       string
	rows, cols int
	form       func() (compress.Source, error)
	factors    *compress.Factors // of a structured matrix without columns beyond cols; nil: form alone gives it
	layer      int
	dir        int
	hidden     bool // the hidden half
}

// decompose compresses the matrix. One that has the kind, modes and tree already is rounded as it is, without forming it, unless
// it has a budget.
func (p piece) decompose(ctx context.Context, s factor.Spec, target compress.Target) (*compress.Result, error) {
	if f := p.factors; f != nil && target.Budget == 0 && sameTensor(f.Spec, s) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.Validate(); target.Tol == 0 && err != nil {
			return nil, &compress.RequestError{Err: err}
		}
		r, err := compress.Round(f, s, target)
		if err == nil {
			r.Spec.Scope = s.Scope
		}
		return r, err
	}
	src, err := p.form()
	if err != nil {
		return nil, err
	}
	return compress.Decompose(ctx, src, s, target)
}

// sameTensor reports whether two structures of kind ht or tt differ in their ranks alone.
func sameTensor(a, b factor.Spec) bool {
	if a.Kind != b.Kind || !slices.Equal(a.In, b.In) || !slices.Equal(a.Out, b.Out) {
		return false
	}
	return a.Kind == factor.TT || a.Kind == factor.HT && a.DimensionTree().String() == b.DimensionTree().String()
}

// split lists the matrices that are to be compressed under the scope, and counts the weights of those that stay dense.
func split(f *File, scope factor.Scope) (pieces []piece, fixed int64) {
	cfg := f.Config.RNN()
	for l := range cfg.Layers {
		for d := range cfg.Directions() {
			name := fmt.Sprintf("cell.%d", l)
			if d == 1 {
				name += ".reverse"
			}
			halves := sync.OnceValues(func() ([2]window, error) {
				wx, wh, err := sources(f.Net, l, d)
				return [2]window{wx, wh}, err
			})
			half := func(k int) func() (compress.Source, error) {
				return func() (compress.Source, error) {
					both, err := halves()
					return both[k], err
				}
			}
			p := piece{name: name, rows: cfg.Gates() * cfg.Hidden, cols: cfg.Inputs(l), form: half(0), layer: l, dir: d}
			x, h := f.Net.Matrix(l, d), f.Net.RecurrentMatrix(l, d)
			if scope == factor.Full {
				p.cols += cfg.Hidden
				p.form = func() (compress.Source, error) {
					both, err := halves()
					return compress.Joined{both[0], both[1]}, err
				}
				if h != nil {
					x = nil
				}
			} else if h == nil {
				x = nil
			}
			p.factors = factorsOf(x, p.cols)
			pieces = append(pieces, p)
			switch scope {
			case factor.Full:
				continue
			case factor.Split:
				pieces = append(pieces, piece{name + ".recurrent", p.rows, cfg.Hidden, half(1), factorsOf(h, cfg.Hidden), l, d, true})
				continue
			}
			fixed += int64(cfg.Gates()) * int64(cfg.Hidden) * int64(cfg.Hidden)
		}
	}
	return pieces, fixed
}

// factorsOf are the factors of a structured matrix that has so many columns, or nil.
func factorsOf(w *factor.Linear, cols int) *compress.Factors {
	if w == nil || w.Spec().Kind == factor.Dense || w.Spec().Cols() != cols {
		return nil
	}
	return compress.FromLinear(w)
}

// window is a run of columns of a matrix as a compress.Source.
type window struct {
	w         rnn.Param // [rows, .]
	lo, width int
}

func (v window) Size() (rows, cols int)   { return v.w.Shape[0], v.width }
func (v window) Row(dst []float32, i int) { copy(dst, v.w.Data[i*v.w.Shape[1]+v.lo:][:v.width]) }

// all is the window as a matrix of its own, row-major.
func (v window) all() []float32 {
	rows, cols := v.Size()
	out := make([]float32, rows*cols)
	for i := range rows {
		v.Row(out[i*cols:(i+1)*cols], i)
	}
	return out
}

// sources are W_x and W_h of one direction of one layer; what is not dense is formed, see dense.
func sources(m *rnn.Model, l, d int) (wx, wh window, err error) {
	cfg := m.Config()
	in := cfg.Inputs(l)
	x, err := dense(m.Matrix(l, d))
	if err != nil {
		return wx, wh, err
	}
	if r := m.RecurrentMatrix(l, d); r != nil {
		h, err := dense(r)
		return window{x, 0, in}, window{h, 0, cfg.Hidden}, err
	}
	return window{x, 0, in}, window{x, in, cfg.Hidden}, nil
}

// dense is w as it is or formed, of at most MaxDense entries.
func dense(w *factor.Linear) (rnn.Param, error) {
	s := w.Spec()
	if s.Kind == factor.Dense {
		p := w.Params()[0]
		return rnn.Param{Shape: p.Shape, Data: p.Data}, nil
	}
	if n := float64(s.Rows()) * float64(s.Cols()); n > MaxDense {
		return rnn.Param{}, requestf("modes %v x %v make a dense matrix of %.3g numbers: at most %d are formed", s.Out, s.In, n, MaxDense)
	}
	t := w.Materialize()
	return rnn.Param{Shape: t.Shape, Data: t.Data}, nil
}
