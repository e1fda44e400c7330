package compress

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/factor"
	"gonum.org/v1/gonum/blas/blas64"
)

// Factors are the factors of a structured matrix in float64.
type Factors struct {
	Spec factor.Spec // its tree spelled out
	// Data has one row-major array a factor, in the order and the shapes of factor.Linear.Params.
	Data [][]float64
}

// FromLinear copies the factors of l.
func FromLinear(l *factor.Linear) *Factors {
	f := &Factors{Spec: l.Spec()}
	for _, p := range l.Params() {
		data := make([]float64, len(p.Data))
		for i, v := range p.Data {
			data[i] = float64(v)
		}
		f.Data = append(f.Data, data)
	}
	return f
}

// Linear rounds the factors to float32. The scale of W is shared among them so that the entries of all have the same root mean
// square, as fresh weights do: a trainer then moves them at the same pace, and no scale of W is lost in one of them.
func (f *Factors) Linear() (*factor.Linear, error) {
	l, err := factor.New(f.Spec)
	if err != nil {
		return nil, err
	}
	params := l.Params()
	rms := make([]float64, len(f.Data))
	mean := 0.0 // of the logarithms
	for i, data := range f.Data {
		rms[i] = frobenius(data) / math.Sqrt(float64(len(data)))
		if rms[i] == 0 { // W = 0
			return l, nil
		}
		mean += math.Log(rms[i]) / float64(len(f.Data))
	}
	for i, p := range params {
		if len(p.Data) != len(f.Data[i]) {
			return nil, fmt.Errorf("%s has %d numbers for shape %v", p.Name, len(f.Data[i]), p.Shape)
		}
		c := math.Exp(mean - math.Log(rms[i]))
		for j, v := range f.Data[i] {
			p.Data[j] = float32(c * v)
		}
	}
	return l, nil
}

// Weights is the number of weights.
func (f *Factors) Weights() int64 {
	n := 0
	for _, d := range f.Data {
		n += len(d)
	}
	return int64(n)
}

// frobenius is the norm of v, free of overflow.
func frobenius(v []float64) float64 {
	return blas64.Nrm2(blas64.Vector{N: len(v), Inc: 1, Data: v})
}

// joint lists p_k = m_k n_k.
func joint(s factor.Spec) []int {
	p := make([]int, len(s.In))
	for k := range p {
		p[k] = s.In[k] * s.Out[k]
	}
	return p
}

// frame is factor i of an HT matrix as a matrix [size, r].
func frame(data []float64, rank int) blas64.General {
	return blas64.General{Rows: len(data) / rank, Cols: rank, Stride: rank, Data: data}
}
