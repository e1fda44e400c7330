package compress

import (
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// train is TT-SVD and, when the ends are to have a rank above 1, TR-SVD: from the first mode on, the unfolding [r_{k-1} p_k, rest]
// gives core k and what remains. A ring splits the rank of the first unfolding into r_0 r_1 and takes r_0 along to the end. With a tolerance
// or a budget a ring stays open, r_0 = 1.
func (w *worker) train(t *tensor) (*Factors, error) {
	d := len(t.dims)
	caps := w.bondCaps(t.dims)
	f := &Factors{Spec: w.spec.Clone()}
	bonds := slices.Repeat([]int{1}, d+1)
	p := slices.Clone(t.dims)
	share := 1 / float64(max(d-1, 1))
	for k := range d - 1 {
		if k > 0 {
			t.merge(0)
		}
		if k == 0 && caps[0] > 1 {
			if err := w.openRing(t, f, bonds, caps); err != nil {
				return nil, err
			}
			caps[d] = bonds[d]
			for n := d - 1; n > 1; n-- { // a bond cannot use more than the core behind it
				caps[n] = min(caps[n], p[n]*caps[n+1])
			}
			continue
		}
		u, _, err := w.truncate(t, 0, fmt.Sprintf("bond %d", k+1), caps[k+1], share)
		if err != nil {
			return nil, err
		}
		f.Data = append(f.Data, u.Data)
		bonds[k+1] = u.Cols
	}
	f.Data = append(f.Data, t.data)
	f.Spec.Bonds = bonds
	if bonds[0] > 1 {
		return f, nil
	}
	f.Spec.Kind = factor.TT // as which an open ring is trimmed
	f, err := w.trim(f)
	if err == nil {
		f.Spec.Kind = w.spec.Kind
	}
	return f, err
}

// bondsUsable reports whether no bond is larger than the cores p [k] beside it and the bonds behind these can use.
func bondsUsable(p, bonds []int) bool {
	for k, n := range p {
		if bonds[k] > n*bonds[k+1] || bonds[k+1] > n*bonds[k] {
			return false
		}
	}
	return true
}

// bondCaps are the most that the bonds r_0..r_d may keep.
func (w *worker) bondCaps(p []int) []int {
	caps := slices.Clone(w.spec.Bonds)
	if w.target != (Target{}) || len(p) == 1 {
		for k := range caps {
			caps[k] = 1
			if k > 0 && k < len(p) {
				caps[k] = math.MaxInt
				if w.target.Budget != 0 { // if all else had rank 1
					caps[k] = int(max(1, w.target.Budget/int64(max(p[k-1], p[k]))))
				}
			}
		}
	}
	return caps
}

// openRing splits the first mode off: W = sum over a, b of core_0[a, (i_1 j_1), b] rest[b, .., a], where the pair (a, b) is one
// index of the singular vectors.
func (w *worker) openRing(t *tensor, f *Factors, bonds, caps []int) error {
	d := len(t.dims)
	l, p, q := t.unfold(0)
	r0, r1 := ringSplit(caps[0], caps[1], min(l*p, q))
	u, _, err := w.truncate(t, 0, "bonds 0 and 1", r0*r1, 0)
	if err != nil {
		return err
	}
	bonds[0], bonds[1], bonds[d] = r0, r1, r0
	core := make([]float64, len(u.Data))
	for i := range p {
		for a := range r0 {
			copy(core[(a*p+i)*r1:][:r1], u.Data[(i*r0+a)*r1:])
		}
	}
	f.Data = append(f.Data, core)
	rest := make([]float64, len(t.data)) // [r_1, p_2, .., p_d, r_0]
	for a := range r0 {
		for b := range r1 {
			for x, v := range t.data[(a*r1+b)*q:][:q] {
				rest[(b*q+x)*r0+a] = v
			}
		}
	}
	t.data = rest
	t.dims = append(append([]int{r1}, t.dims[1:]...), r0)
	t.merge(len(t.dims) - 2) // the last core is [r_{d-1}, (p_d, r_0)]
	return nil
}

// ringSplit is the pair of ranks, at most r0 and r1, with the largest product that is at most most; the more even pair of equal ones.
func ringSplit(r0, r1, most int) (int, int) {
	a, b := 1, 1
	for x := 1; x <= min(r0, most); x++ {
		y := min(r1, most/x)
		if x*y > a*b || x*y == a*b && max(x, y) < max(a, b) {
			a, b = x, y
		}
	}
	return a, b
}

// orthogonaliseTrain makes the cores of a train [r_{k-1} p_k, r_k] orthonormal from the right, all but the first, whose norm is then that
// of the matrix.
func orthogonaliseTrain(f *Factors) (cores []blas64.General, bonds []int) {
	d := len(f.Data)
	p := joint(f.Spec)
	bonds = slices.Clone(f.Spec.Bonds)
	cores = make([]blas64.General, d)
	for k := range d {
		cores[k] = frame(slices.Clone(f.Data[k]), bonds[k+1])
	}
	for k := d - 1; k > 0; k-- { // core k as [r_{k-1}, p r_k] = L Q
		a := frame(cores[k].Data, p[k]*bonds[k+1])
		at := newGeneral(a.Cols, a.Rows)
		transpose(at, a.Data)
		var r blas64.General
		if at.Cols >= at.Rows {
			r, at = at, identity(at.Rows)
		} else {
			r = orthogonalise(at)
		}
		bonds[k] = at.Cols
		q := newGeneral(at.Cols, at.Rows)
		transpose(q, at.Data)
		cores[k] = frame(q.Data, bonds[k+1])
		before := newGeneral(cores[k-1].Rows, r.Rows)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, cores[k-1], r, 0, before)
		cores[k-1] = before
	}
	return cores, bonds
}

// roundTrain truncates a train: orthonormal from the right, then singular values from the left. The bonds of w.spec are the most kept.
func (w *worker) roundTrain(f *Factors) *Factors {
	d := len(f.Data)
	p := joint(f.Spec)
	cores, bonds := orthogonaliseTrain(f)
	w.norm = frobenius(cores[0].Data)
	for k := range d - 1 {
		u, sigma := leftOf(cores[k])
		r := len(sigma)
		if w.target.Tol == 0 {
			r = min(r, w.spec.Bonds[k+1])
		} else {
			r = enough(sigma, w.target.Tol*w.norm/math.Sqrt(float64(d-1)))
		}
		w.nodes = append(w.nodes, Node{Name: fmt.Sprintf("bond %d", k+1), Rank: r, SingularValues: sigma, Discarded: frobenius(sigma[r:])})
		u = head(u, r)
		next := frame(cores[k+1].Data, p[k+1]*bonds[k+2])
		rest := newGeneral(r, cores[k].Cols) // u^T core k
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, u, cores[k], 0, rest)
		after := newGeneral(r, next.Cols)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, rest, next, 0, after)
		cores[k], cores[k+1], bonds[k+1] = u, frame(after.Data, bonds[k+2]), r
	}
	out := &Factors{Spec: f.Spec.Clone()}
	for _, c := range cores {
		out.Data = append(out.Data, c.Data)
	}
	out.Spec.Bonds = bonds
	return out
}

// leftOf is the left singular vectors of a, which it leaves as it is.
func leftOf(a blas64.General) (u blas64.General, sigma []float64) {
	c := head(a, a.Cols)
	if c.Rows > c.Cols {
		return leftVectors(c)
	}
	return svd(c)
}

// addTrain is the sum of two trains: cores in blocks, the first ones side by side and the last ones below each other.
func addTrain(f, g *Factors) *Factors {
	d := len(f.Data)
	if d == 1 {
		sum := slices.Clone(f.Data[0])
		for i, v := range g.Data[0] {
			sum[i] += v
		}
		return &Factors{Spec: f.Spec.Clone(), Data: [][]float64{sum}}
	}
	out := &Factors{Spec: f.Spec.Clone()}
	p := joint(f.Spec)
	for k := 1; k < d; k++ {
		out.Spec.Bonds[k] += g.Spec.Bonds[k]
	}
	for k := range d {
		rows, cols := out.Spec.Bonds[k], out.Spec.Bonds[k+1]
		sum := make([]float64, rows*p[k]*cols)
		place := func(h *Factors, row, col int) {
			r, c := h.Spec.Bonds[k], h.Spec.Bonds[k+1]
			for a := range r {
				for i := range p[k] {
					copy(sum[((row+a)*p[k]+i)*cols+col:][:c], h.Data[k][(a*p[k]+i)*c:])
				}
			}
		}
		place(f, 0, 0)
		place(g, rows-g.Spec.Bonds[k], cols-g.Spec.Bonds[k+1])
		out.Data = append(out.Data, sum)
	}
	return out
}

// trainHalves cuts a train or a ring between two modes; what joins the halves is the bond there and, in a ring, the ends'.
func trainHalves(f *Factors) halves {
	s, b := f.Spec, f.Spec.Bonds
	d := len(s.In)
	h := cutAt(joint(s))
	ends := b[0]
	l := part{1, 1, 1, []float64{1}}
	for k := range h {
		if k == 0 { // [r_0, m, n, r_1]: r_0 as the slower half of the row index
			l = part{b[0] * s.Out[0], s.In[0], b[1], f.Data[0]}
			continue
		}
		l = l.times(f.Data[k], s.Out[k], s.In[k], b[k+1])
	}
	r := part{b[h] * s.Out[h], s.In[h], b[h+1], f.Data[h]}
	for k := h + 1; k < d; k++ {
		r = r.times(f.Data[k], s.Out[k], s.In[k], b[k+1])
	}
	rowsL := max(l.rows/ends, 1)
	if h == 0 { // nothing on the left: the trace of the right half
		l = part{ends, 1, ends, identity(ends).Data}
		rowsL = 1
	}
	// left [(a, i), j, b] to [i, j, (a, b)]
	left := part{rowsL, l.cols, ends * b[h], make([]float64, rowsL*l.cols*ends*b[h])}
	for a := range ends {
		for ij := range rowsL * l.cols {
			copy(left.v[(ij*ends+a)*b[h]:][:b[h]], l.v[(a*rowsL*l.cols+ij)*b[h]:])
		}
	}
	// right [(b, i), j, a] to [(a, b), i, j]
	size := r.rows * r.cols // r_h times rows and columns
	right := make([]float64, ends*size)
	for x := range size {
		for a := range ends {
			right[a*size+x] = r.v[x*ends+a]
		}
	}
	return newHalves(left, right, r.rows/b[h], r.cols)
}

// cutAt is the number of leading modes whose joint size is nearest the square root of the whole.
func cutAt(p []int) int {
	total := 0.0
	for _, n := range p {
		total += math.Log(float64(n))
	}
	best, at, sum := math.Inf(1), 0, 0.0
	for k := 0; k < len(p); k++ {
		if x := math.Abs(2*sum - total); x < best {
			best, at = x, k
		}
		sum += math.Log(float64(p[k]))
	}
	return at
}
