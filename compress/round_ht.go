package compress

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// htMatrix is an HT matrix at work: the frame [size, r] of each node, leaf frames [p_k, r_k] and transfer tensors [r_s r_u, r_t].
type htMatrix struct {
	htTree
	frames []blas64.General
}

// htOf copies the factors of f.
func htOf(f *Factors) *htMatrix {
	h := &htMatrix{htTree: newHTTree(f.Spec)}
	ranks := h.ranks(f.Spec)
	for n := range h.nodes {
		h.frames = append(h.frames, frame(append([]float64{}, f.Data[n]...), ranks[n]))
	}
	return h
}

// factors gives the frames the form of Factors; s has modes and tree.
func (h *htMatrix) factors(f *Factors) *Factors {
	out := &Factors{}
	ranks := make([]int, len(h.nodes))
	for n, a := range h.frames {
		ranks[n] = a.Cols
		out.Data = append(out.Data, a.Data)
	}
	out.Spec = h.setRanks(f.Spec, ranks)
	return out
}

// orthogonalise makes the columns of all frames but the root's orthonormal, so that the norm of W is that of the root's
// transfer tensor. A frame with more columns than rows becomes square.
func (h *htMatrix) orthogonalise() {
	for n := range h.root() {
		a := h.frames[n]
		if a.Cols >= a.Rows {
			h.frames[n] = identity(a.Rows)
			h.push(n, a)
			continue
		}
		h.push(n, orthogonalise(a))
	}
}

// push multiplies the parent's transfer tensor with r [new, old] along the axis of its child n.
func (h *htMatrix) push(n int, r blas64.General) {
	t := h.parent[n]
	b := h.frames[t]
	if h.left[t] == n { // [old, r_u r_t]
		from := frame(b.Data, len(b.Data)/r.Cols)
		to := newGeneral(r.Rows, from.Cols)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, r, from, 0, to)
		h.frames[t] = frame(to.Data, b.Cols)
		return
	}
	s := b.Rows / r.Cols // [s, old, r_t]
	to := newGeneral(s*r.Rows, b.Cols)
	for a := range s {
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, r, frame(b.Data[a*r.Cols*b.Cols:(a+1)*r.Cols*b.Cols], b.Cols), 0,
			frame(to.Data[a*r.Rows*b.Cols:(a+1)*r.Rows*b.Cols], b.Cols))
	}
	h.frames[t] = to
}

// spectra are, for each node of an orthogonalised matrix but the root, the singular values of its unfolding and, in terms of its
// frame, the left singular vectors. They go down from the root: the unfolding of node t is its frame times a small matrix
// times orthonormal rows, and the small matrix of a child follows from that of its parent.
func (h *htMatrix) spectra() (vectors []blas64.General, sigma [][]float64) {
	vectors, sigma = make([]blas64.General, len(h.nodes)), make([][]float64, len(h.nodes))
	small := make([]blas64.General, len(h.nodes)) // [r_t, x]
	small[h.root()] = blas64.General{Rows: 1, Cols: 1, Stride: 1, Data: []float64{1}}
	for t := h.root(); h.left[t] >= 0; t-- {
		b, m := h.frames[t], small[t]
		s, u := h.frames[h.left[t]].Cols, h.frames[h.right[t]].Cols
		c := newGeneral(b.Rows, m.Cols) // [r_s r_u, x]
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, b, m, 0, c)
		left := frame(append([]float64{}, c.Data...), u*m.Cols)
		right := newGeneral(u, s*m.Cols)
		for i := range s {
			for j := range u {
				copy(right.Data[(j*s+i)*m.Cols:][:m.Cols], c.Data[(i*u+j)*m.Cols:])
			}
		}
		for n, a := range map[int]blas64.General{h.left[t]: left, h.right[t]: right} {
			vectors[n], sigma[n] = svd(a)
			small[n] = scaled(vectors[n], sigma[n])
		}
	}
	return vectors, sigma
}

// scaled is u diag(sigma).
func scaled(u blas64.General, sigma []float64) blas64.General {
	out := newGeneral(u.Rows, u.Cols)
	for i := range u.Rows {
		for j, s := range sigma {
			out.Data[i*u.Cols+j] = u.Data[i*u.Cols+j] * s
		}
	}
	return out
}

// keep projects each node but the root onto its first ranks[n] singular vectors.
func (h *htMatrix) keep(vectors []blas64.General, ranks []int) {
	for n := range h.root() {
		v := head(vectors[n], ranks[n])
		a := newGeneral(h.frames[n].Rows, v.Cols)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, h.frames[n], v, 0, a)
		h.frames[n] = a
		vt := newGeneral(v.Cols, v.Rows)
		transpose(vt, v.Data)
		h.push(n, vt)
	}
}

// sumHT is the sum of two HT matrices of one tree: leaf frames side by side, transfer tensors in blocks.
func sumHT(f, g *Factors) *htMatrix {
	a, b := htOf(f), htOf(g)
	for n := range a.nodes {
		x, y := a.frames[n], b.frames[n]
		switch {
		case a.left[n] < 0 && n == a.root(): // d = 1
			for i, v := range y.Data {
				x.Data[i] += v
			}
		case a.left[n] < 0:
			sum := newGeneral(x.Rows, x.Cols+y.Cols)
			for i := range x.Rows {
				copy(sum.Data[i*sum.Cols:], x.Data[i*x.Cols:(i+1)*x.Cols])
				copy(sum.Data[i*sum.Cols+x.Cols:], y.Data[i*y.Cols:(i+1)*y.Cols])
			}
			a.frames[n] = sum
		default:
			cols, at := x.Cols+y.Cols, x.Cols
			if n == a.root() {
				cols, at = 1, 0
			}
			// the children's frames are those of the sum already
			us, uu := a.frames[a.left[n]].Cols, a.frames[a.right[n]].Cols
			sum := newGeneral(us*uu, cols)
			ys, yu := b.frames[b.left[n]].Cols, b.frames[b.right[n]].Cols
			xs, xu := us-ys, uu-yu
			for i := range xs {
				for j := range xu {
					copy(sum.Data[(i*uu+j)*cols:], x.Data[(i*xu+j)*x.Cols:(i*xu+j+1)*x.Cols])
				}
			}
			for i := range ys {
				for j := range yu {
					copy(sum.Data[((xs+i)*uu+xu+j)*cols+at:], y.Data[(i*yu+j)*y.Cols:(i*yu+j+1)*y.Cols])
				}
			}
			a.frames[n] = sum
		}
	}
	return a
}
