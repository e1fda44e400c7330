package factor

import "github.com/fdht/fdht/tensor"

// Materialize forms W [M, N] as the definition says and in float64, without the contraction engine: the oracle for everything
// else.
//
//	HT  W[i,j] = sum over all a of prod_k U_k[i_k,j_k,a_k] prod_t B_t[a_s,a_u,a_t]
//	TT  W[i,j] = prod_k G_k[:,i_k,j_k,:], a product of matrices; TR its trace
//	BT  W[i,j] = sum_p sum over all a of C_p[a_0..a_{d-1}] prod_k U_pk[i_k,j_k,a_k]
func (l *Linear) Materialize() tensor.Tensor {
	w := tensor.New(l.spec.Rows(), l.spec.Cols())
	var v []float64
	switch l.spec.Kind {
	case Dense:
		copy(w.Data, l.params[0].Data)
		return w
	case HT:
		v = l.materializeTree()
	case TT, TR:
		v = l.materializeTrain()
	case BT:
		v = l.materializeBlocks()
	}
	for i := range w.Data {
		w.Data[i] = float32(v[i])
	}
	return w
}

// matrices is a tensor [rows, cols, rank]: what some modes make, as one matrix for each index of what they are joined by.
type matrices struct {
	rows, cols, rank int
	v                []float64
}

func newMatrices(rows, cols, rank int) matrices {
	return matrices{rows, cols, rank, make([]float64, rows*cols*rank)}
}

// at are the rank numbers of entry i, j.
func (m matrices) at(i, j int) []float64 {
	p := (i*m.cols + j) * m.rank
	return m.v[p : p+m.rank]
}

// join is a tensor over the rows and columns of s and of u, those of s slower, whose entries f makes of theirs.
func join(s, u matrices, rank int, f func(to, vs, vu []float64)) matrices {
	out := newMatrices(s.rows*u.rows, s.cols*u.cols, rank)
	for i := range out.rows {
		for j := range out.cols {
			f(out.at(i, j), s.at(i/u.rows, j/u.cols), u.at(i%u.rows, j%u.cols))
		}
	}
	return out
}

// factorOf is factor p as [m_k, n_k, rank].
func (l *Linear) factorOf(p, k int) matrices {
	shape := l.params[p].Shape
	m := newMatrices(l.spec.Out[k], l.spec.In[k], shape[len(shape)-1])
	for i, v := range l.params[p].Data {
		m.v[i] = float64(v)
	}
	return m
}

func (l *Linear) materializeTree() []float64 {
	below := map[Range]matrices{}
	for k := range l.spec.In {
		below[Leaf(k)] = l.factorOf(k, k)
	}
	nodes, children := l.spec.Tree.Inner()
	for t, node := range nodes {
		transfer := l.params[len(l.spec.In)+t].Data
		rank := l.spec.Rank(node)
		// v_t[i,j,a] = sum_{b,c} v_s[i_s,j_s,b] v_u[i_u,j_u,c] B_t[b,c,a]
		below[node] = join(below[children[t][0]], below[children[t][1]], rank, func(to, vs, vu []float64) {
			for b, x := range vs {
				for c, y := range vu {
					for a := range to {
						to[a] += x * y * float64(transfer[(b*len(vu)+c)*rank+a])
					}
				}
			}
		})
		delete(below, children[t][0])
		delete(below, children[t][1])
	}
	return below[Range{0, len(l.spec.In)}].v
}

// materializeTrain multiplies the cores from the left, once for each index e of the bond that joins the ends.
func (l *Linear) materializeTrain() []float64 {
	w := make([]float64, l.spec.Rows()*l.spec.Cols())
	for e := range l.spec.Bonds[0] {
		left := newMatrices(1, 1, l.spec.Bonds[0])
		left.v[e] = 1
		for k, p := range l.params {
			r, next := l.spec.Bonds[k], l.spec.Bonds[k+1]
			// The core's axes brought into the order [m, n, r_{k-1}, r_k].
			core := newMatrices(l.spec.Out[k], l.spec.In[k], r*next)
			for b := range r {
				for i := range core.rows {
					for j := range core.cols {
						for a := range next {
							core.at(i, j)[b*next+a] = float64(p.Data[((b*core.rows+i)*core.cols+j)*next+a])
						}
					}
				}
			}
			// left'[i,j,a] = sum_b left[i,j,b] G_k[b,i_k,j_k,a]
			left = join(left, core, next, func(to, vl, vc []float64) {
				for b, x := range vl {
					for a := range to {
						to[a] += x * vc[b*next+a]
					}
				}
			})
		}
		for i := range w {
			w[i] += left.v[i*left.rank+e]
		}
	}
	return w
}

// materializeBlocks multiplies the core of each block with its factors, first mode first.
func (l *Linear) materializeBlocks() []float64 {
	w := make([]float64, l.spec.Rows()*l.spec.Cols())
	d := len(l.spec.In)
	for p := range l.spec.Blocks {
		core := l.params[p*(d+1)+d]
		t := newMatrices(1, 1, len(core.Data))
		for i, v := range core.Data {
			t.v[i] = float64(v)
		}
		for k := range d {
			rest := t.rank / l.spec.BlockRank
			// t'[i,j,a..] = sum_b t[i,j,b,a..] U_k[i_k,j_k,b]
			t = join(t, l.factorOf(p*(d+1)+k, k), rest, func(to, vt, vu []float64) {
				for b, x := range vu {
					for a := range to {
						to[a] += vt[b*rest+a] * x
					}
				}
			})
		}
		for i, v := range t.v {
			w[i] += v
		}
	}
	return w
}
