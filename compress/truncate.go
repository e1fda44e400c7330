package compress

import (
	"math"

	"gonum.org/v1/gonum/blas/blas64"
)

// choice is what is to be kept of an axis: the first rank columns of u [p, n], n >= rank, which are orthonormal.
type choice struct {
	u     blas64.General
	sigma []float64 // singular values of the unfolding, all or the first ones
	rank  int
	lost  float64 // norm of what is left out
	left  *tensor // of a sketch: the tensor that remains; nil: not formed yet
}

// byRank stands in the place of a tolerance where the rank alone counts.
const byRank = -1

// choose finds what is kept of axis k of t: at most rank most or, unless tol is byRank, the least that leaves out no more than tol.
func (w *worker) choose(t *tensor, k, most int, tol float64) (choice, error) {
	if err := w.ctx.Err(); err != nil {
		return choice{}, err
	}
	if l, p, q := t.unfold(k); min(p, l*q) > w.wide {
		side := min(p, l*q)
		switch {
		case tol == byRank && most < side/8:
			return t.sketch(k, most), nil
		case tol != byRank:
			if c, ok, err := w.grow(t, k, side/2, tol); ok || err != nil {
				return c, err
			}
		}
	}
	u, sigma := t.decompose(k)
	return choice{u: u, sigma: sigma}.keep(most, tol), nil
}

// keep settles the rank where all singular values are known.
func (c choice) keep(most int, tol float64) choice {
	c.rank = min(most, len(c.sigma))
	if tol != byRank {
		c.rank = enough(c.sigma, tol)
	}
	c.lost = frobenius(c.sigma[c.rank:])
	return c
}

// take replaces axis k of t by what c keeps of it, reports the node and returns its frame [p, r].
func (w *worker) take(t *tensor, k int, name string, c choice) blas64.General {
	w.nodes = append(w.nodes, Node{Name: name, Rank: c.rank, SingularValues: c.sigma, Sketched: c.left != nil, Discarded: c.lost})
	switch {
	case c.left != nil:
		*t = *c.left
		return c.u
	case c.rank == c.u.Rows: // all of it: leave the axis as it is
		return identity(c.rank)
	}
	u := head(c.u, c.rank)
	t.project(k, u)
	return u
}

// truncate is choose and take. most is the largest rank wanted; with a tolerance instead, share is the part of its square that the node may
// discard.
func (w *worker) truncate(t *tensor, k int, name string, most int, share float64) (u blas64.General, sigma []float64, err error) {
	tol := float64(byRank)
	if w.target.Tol != 0 {
		tol = w.target.Tol * w.norm * math.Sqrt(share)
	}
	c, err := w.choose(t, k, most, tol)
	if err != nil {
		return u, nil, err
	}
	return w.take(t, k, name, c), c.sigma, nil
}

// trim takes away, without loss, what a node has beyond what those around it can use since they were truncated.
func (w *worker) trim(f *Factors) (*Factors, error) {
	if usable(f.Spec) {
		return f, nil
	}
	round := &worker{run: w.run, spec: f.Spec}
	out, err := round.round(f)
	if err != nil {
		return nil, err
	}
	for i, n := range round.nodes {
		w.nodes[i].Rank = n.Rank
	}
	return out, nil
}

// enough is the smallest rank, at least 1, that discards at most tol.
func enough(sigma []float64, tol float64) int {
	r := len(sigma)
	for r > 1 && frobenius(sigma[r-1:]) <= tol {
		r--
	}
	return r
}
