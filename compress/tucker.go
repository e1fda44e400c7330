package compress

import (
	"fmt"
	"math"
	"slices"
)

// tucker is the sequentially truncated higher-order SVD, the smaller modes first: one block, whose rank is the same at all modes.
func (w *worker) tucker(t *tensor) (*Factors, error) {
	d := len(t.dims)
	if w.spec.Blocks != 1 {
		return nil, request("%d blocks: a matrix is decomposed to 1 block", w.spec.Blocks)
	}
	order := make([]int, d)
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return t.dims[a] - t.dims[b] })
	r := w.spec.BlockRank
	seen := make([]choice, d) // of the modes of t as it is now
	if w.target.Tol != 0 {
		r = 1
		for _, k := range order {
			c, err := w.choose(t, k, 0, w.target.Tol*w.norm/math.Sqrt(float64(d)))
			if err != nil {
				return nil, err
			}
			r = max(r, c.rank)
			if c.left == nil || k == order[0] { // a sketch holds what remains of t: the others will be of less
				seen[k] = c
			}
		}
		if most := slices.Min(t.dims); r > most {
			return nil, request("tolerance %v takes rank %d, and the smallest mode of %v x %v allows %d in a block: choose modes of more even size, or another kind", w.target.Tol, r, w.spec.Out, w.spec.In, most)
		}
	}
	if d == 1 {
		r = 1
	}
	f := &Factors{Spec: w.spec.Clone(), Data: make([][]float64, d+1)}
	f.Spec.BlockRank = r
	for _, k := range order {
		c := seen[k]
		switch {
		case c.rank > 0 && c.left == nil:
			c = c.keep(r, byRank)
		case c.rank != r: // not seen yet, or a sketch of fewer columns
			var err error
			if c, err = w.choose(t, k, r, byRank); err != nil {
				return nil, err
			}
		}
		if c.rank < t.dims[k] { // the other modes have changed
			clear(seen)
		}
		f.Data[k] = w.take(t, k, fmt.Sprintf("mode %d", k), c).Data
	}
	f.Data[d] = t.data
	return f, nil
}

// tuckerHalves cuts a sum of blocks between two modes: left the products of the factors before the cut, right the core with those behind it.
func tuckerHalves(f *Factors) halves {
	s, r := f.Spec, f.Spec.BlockRank
	d := len(s.In)
	h := cutAt(joint(s))
	inner := 1
	for range h {
		inner *= r
	}
	l := part{1, 1, 1, []float64{1}}
	for k := range h {
		l = l.outer(part{s.Out[k], s.In[k], r, f.Data[k]})
	}
	// the core as [(a_1..a_h), 1, rest]; each step takes the next axis to rows and columns
	rest := len(f.Data[d]) / inner
	right := part{inner, 1, rest, f.Data[d]}
	for k := h; k < d; k++ {
		right = right.expand(part{s.Out[k], s.In[k], r, f.Data[k]})
	}
	return newHalves(l, right.v, right.rows/inner, right.cols)
}

// outer is the product of two parts with both their last axes kept: c[(i,k), (j,l), (r,s)] = a[i,j,r] b[k,l,s].
func (a part) outer(b part) part {
	c := part{a.rows * b.rows, a.cols * b.cols, a.rank * b.rank, make([]float64, len(a.v)*len(b.v))}
	at := 0
	for i := range a.rows {
		for k := range b.rows {
			for j := range a.cols {
				for l := range b.cols {
					for _, x := range a.v[(i*a.cols+j)*a.rank:][:a.rank] {
						for _, y := range b.v[(k*b.cols+l)*b.rank:][:b.rank] {
							c.v[at] = x * y
							at++
						}
					}
				}
			}
		}
	}
	return c
}

// expand contracts the first of the axes that a's last one is made of with b's: c[(i,k), (j,l), s] = sum_r a[i,j,(r,s)] b[k,l,r].
func (a part) expand(b part) part {
	tail := a.rank / b.rank
	c := part{a.rows * b.rows, a.cols * b.cols, tail, make([]float64, a.rows*b.rows*a.cols*b.cols*tail)}
	for i := range a.rows {
		for j := range a.cols {
			from := a.v[(i*a.cols+j)*a.rank:][:a.rank]
			for k := range b.rows {
				for l := range b.cols {
					to := c.v[((i*b.rows+k)*a.cols*b.cols+j*b.cols+l)*tail:][:tail]
					for r, x := range b.v[(k*b.cols+l)*b.rank:][:b.rank] {
						for s, y := range from[r*tail:][:tail] {
							to[s] += x * y
						}
					}
				}
			}
		}
	}
	return c
}
