package compress

import (
	"math"
	"math/rand/v2"
	"sort"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Unfoldings whose smaller side is longer than wide are decomposed by a sketch where no more than an eighth of their singular vectors
// is wanted, or where half of them are enough for a tolerance: the decomposition as a whole would take minutes to hours.
const wide = 1500

// extra is how many more columns than wanted a sketch has, and passes how often it is multiplied with A A^T.
const (
	extra  = 16
	passes = 2
)

// sketch chooses the most singular directions of axis k, r <= most of them, with the singular values that it saw, r and some more, and the norm
// of all that is left out. It comes close to the best projection and may miss it where singular values hardly fall; what it leaves out is
// exact all the same, to half the digits.
func (t *tensor) sketch(k, most int) choice {
	s := t.look(k, most)
	return s.choice(min(most, len(s.sigma)))
}

// looked is what a subspace shows of an axis.
type looked struct {
	k     int
	q     blas64.General // [p, n], orthonormal columns
	left  *tensor        // projected onto q
	small blas64.General // singular vectors in terms of q
	sigma []float64
	whole float64 // norm of the tensor
}

// lost is the norm of what is left out with rank r.
func (s looked) lost(r int) float64 {
	kept := frobenius(s.sigma[:r])
	return math.Sqrt(max(0, (s.whole-kept)*(s.whole+kept)))
}

// choice keeps r directions.
func (s looked) choice(r int) choice {
	small := head(s.small, r)
	left := *s.left
	left.project(s.k, small)
	u := newGeneral(s.q.Rows, r)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, s.q, small, 0, u)
	return choice{u: u, sigma: s.sigma, rank: r, lost: s.lost(r), left: &left}
}

// The first sketch for a tolerance has firstLook columns. What a sketch leaves out is known up to blur of the square of the norm, so
// that tolerances below leastTol are left to the whole decomposition.
const (
	firstLook = 64
	blur      = 1e-13
	leastTol  = 1e-5
)

// grow sketches axis k with twice the columns each time, until what is left out is surely no more than tol. ok is false where that would
// take more than most columns.
func (w *worker) grow(t *tensor, k, most int, tol float64) (c choice, ok bool, err error) {
	for n := min(firstLook, most); ; n = min(2*n, most) {
		if err := w.ctx.Err(); err != nil {
			return c, false, err
		}
		s := t.look(k, n)
		if tol < leastTol*s.whole {
			return c, false, nil
		}
		within := func(r int) bool { x := s.lost(r); return x*x+blur*s.whole*s.whole <= tol*tol }
		r := 1 + sort.Search(len(s.sigma)-1, func(i int) bool { return within(i + 1) })
		if within(r) {
			return s.choice(r), true, nil
		}
		// Further singular values are about as large as the n-th or smaller: so many more are needed at least.
		x, last := s.lost(n), s.sigma[n-1]
		if n == most || float64(n)+(x*x-tol*tol)/(last*last) > 2*float64(most) {
			return c, false, nil
		}
	}
}

// look finds most+extra columns near the most singular directions of axis k by a randomised subspace iteration (Halko, Martinsson and Tropp,
// SIAM Rev. 53(2), 2011). The random numbers are always the same ones.
func (t *tensor) look(k, most int) looked {
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
	s := looked{k: k, q: q, left: &tensor{t.dims, t.data}, whole: frobenius(t.data)}
	s.left.project(k, q)
	s.small, s.sigma = s.left.decompose(k)
	return s
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
