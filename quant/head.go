package quant

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// splitHead puts two matrices [C, R] [R, H] in place of the head [C, H] at the end of values, and corrects the bias after it, so that the logits of the given pooled
// hidden states change by the least: the singular vectors of the head times the root of the states' covariance (a truncated SVD in
// the metric of the data). features has a row for each clip.
func splitHead(values []value, features [][]float64, rank int) ([]value, error) {
	at := len(values) - 2
	head, bias := values[at], values[at+1]
	C, H := head.shape[0], head.shape[1]
	if most := min(C, H); rank < 1 || rank > most {
		return nil, fmt.Errorf("head rank %d: it goes from 1 to %d for %d classes and %d hidden units", rank, most, C, H)
	}
	mean, root, inverse, err := spread(features, H)
	if err != nil {
		return nil, err
	}
	w := mat.NewDense(C, H, head.v)
	var scaled, u, v mat.Dense
	scaled.Mul(w, root)
	var svd mat.SVD
	if !svd.Factorize(&scaled, mat.SVDThin) {
		return nil, errors.New("the singular values of the head were not found")
	}
	svd.UTo(&u)
	svd.VTo(&v)
	left, right := mat.NewDense(C, rank, nil), mat.NewDense(rank, H, nil)
	for r, s := range svd.Values(nil)[:rank] {
		for c := range C {
			left.Set(c, r, u.At(c, r)*math.Sqrt(s))
		}
		for h := range H {
			right.Set(r, h, v.At(h, r)*math.Sqrt(s))
		}
	}
	right.Mul(right, inverse)
	var off mat.Dense
	off.Mul(left, right)
	off.Sub(w, &off)
	corrected := value{bias.param, nil}
	for c, b := range bias.v {
		corrected.v = append(corrected.v, b+mat.Dot(off.RowView(c), mean))
	}
	p := headParams(C, H, rank)
	return append(values[:at:at], value{p[0], left.RawMatrix().Data}, value{p[1], right.RawMatrix().Data}, corrected), nil
}

// ridge is what is added to the variance of every direction, as a share of the mean variance: few clips do not show all directions.
const ridge = 0.1

// spread is the mean of features, the root of their covariance and its inverse, [H, H].
func spread(features [][]float64, H int) (mean *mat.VecDense, root, inverse *mat.Dense, err error) {
	mean = mat.NewVecDense(H, nil)
	for _, f := range features {
		mean.AddScaledVec(mean, 1/float64(len(features)), mat.NewVecDense(H, f))
	}
	cov := mat.NewSymDense(H, nil)
	for _, f := range features {
		var d mat.VecDense
		d.SubVec(mat.NewVecDense(H, f), mean)
		cov.SymRankOne(cov, 1/float64(len(features)), &d)
	}
	more := ridge*mat.Trace(cov)/float64(H) + 1e-9
	for i := range H {
		cov.SetSym(i, i, cov.At(i, i)+more)
	}
	var eig mat.EigenSym
	if !eig.Factorize(cov, true) {
		return nil, nil, nil, errors.New("the covariance of the hidden states has no eigenvalues")
	}
	var q mat.Dense
	eig.VectorsTo(&q)
	scaled := func(power float64) *mat.Dense {
		d := mat.NewDiagDense(H, nil)
		for i, l := range eig.Values(nil) {
			d.SetDiag(i, math.Pow(max(l, more), power))
		}
		var out mat.Dense
		out.Product(&q, d, q.T())
		return &out
	}
	return mean, scaled(0.5), scaled(-0.5), nil
}
