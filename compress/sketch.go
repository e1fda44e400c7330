package compress

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Unfoldings whose smaller side is longer than wide are decomposed by a sketch where no more than an eighth of their singular vectors
// is wanted: the decomposition as a whole would take minutes to hours.
const wide = 1500

// extra is how many more columns than wanted a sketch has, and passes how often it is multiplied with A A^T.
const (
	extra  = 16
	passes = 2
)

// sketch replaces axis k by its most singular directions, found by a randomised subspace iteration (Halko, Martinsson and Tropp, SIAM
// Rev. 53(2), 2011): u [p, r], r <= most, with the singular values that it saw, r and some more, and the norm of all that is
// left out. It comes close to the best projection and may miss it where singular values hardly fall; what it discards is
// exact all the same, to half the digits. The random numbers are always the same ones.
func (t *tensor) sketch(k, most int) (u blas64.General, sigma []float64, discarded float64) {
	l, p, r := t.unfold(k)
	n := min(most+extra, p, l*r)
	rng := rand.New(rand.NewPCG(uint64(p), uint64(n)))
	q := newGeneral(p, n)
	for i := range q.Data {
		q.Data[i] = rng.NormFloat64()
	}
	for range passes + 1 {
		orthogonalise(q)
		q = t.square(k, q)
	}
	orthogonalise(q)
	whole := frobenius(t.data)
	t.project(k, q)
	small, sigma := t.decompose(k)
	rank := min(most, len(sigma))
	small = head(small, rank)
	t.project(k, small)
	u = newGeneral(p, rank)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, q, small, 0, u)
	kept := frobenius(sigma[:rank])
	return u, sigma, math.Sqrt(max(0, (whole-kept)*(whole+kept)))
}

// square is A A^T q for the unfolding A of axis k, q [p, n].
func (t *tensor) square(k int, q blas64.General) blas64.General {
	l, p, r := t.unfold(k)
	cols := l * r
	const step = 1024
	blocks := (cols + step - 1) / step
	sums := make([]blas64.General, min(streams, blocks))
	parallel(len(sums), func() func(int) {
		x, z := newGeneral(step, p), newGeneral(step, q.Cols)
		return func(s int) {
			sums[s] = newGeneral(p, q.Cols)
			for b := s * blocks / len(sums); b < (s+1)*blocks/len(sums); b++ {
				x.Rows = min(step, cols-b*step)
				z.Rows = x.Rows
				t.columns(x.Data, k, b*step, x.Rows)
				blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, x, q, 0, z)
				blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, z, 1, sums[s])
			}
		}
	})
	for _, s := range sums[1:] {
		for i, v := range s.Data {
			sums[0].Data[i] += v
		}
	}
	return sums[0]
}
