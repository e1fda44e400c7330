package factor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fdht/fdht/tensor"
)

// Param is a named view of one factor: Data is live, row-major in Shape.
type Param struct {
	Name  string
	Shape []int
	Data  []float32
}

// Linear is a structured matrix W [M, N].
type Linear struct {
	spec   Spec
	params []Param
}

// New returns the matrix of structure s with all weights zero.
func New(s Spec) (*Linear, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s = s.Clone()
	if s.Kind == HT {
		s.Tree = s.tree()
	}
	l := &Linear{spec: s, params: s.shapes()}
	for i := range l.params {
		l.params[i].Data = make([]float32, product(l.params[i].Shape))
	}
	return l, nil
}

// Spec is the structure, its tree spelled out.
func (l *Linear) Spec() Spec { return l.spec.Clone() }

// Params lists the factors in a stable order: for HT leaf.0 .. leaf.{d-1} [m_k, n_k, r_k], then transfer.{lo}-{hi}
// [r_s, r_u, r_t], children before parents, the root last (r_t = 1); for dense weight [M, N].
func (l *Linear) Params() []Param { return slices.Clone(l.params) }

// Factors is the number of factors that Params lists.
func (l *Linear) Factors() int { return len(l.params) }

// Init draws all factors normal so that the entries of W have standard deviation sd. An entry of W is a sum over
// R = prod r terms (all ranks but the root's), each a product of F factors, so with equal deviations sigma
//
//	sd^2 = R sigma^(2F)   sigma = (sd / sqrt(R))^(1/F)
func (l *Linear) Init(sd float64, rng *rand.Rand) {
	terms := 1.0
	for _, r := range l.spec.Ranks {
		terms *= float64(r)
	}
	sigma := math.Pow(sd/math.Sqrt(terms), 1/float64(len(l.params)))
	for _, p := range l.params {
		for i := range p.Data {
			p.Data[i] = float32(sigma * rng.NormFloat64())
		}
	}
}

// Scale multiplies W by c > 0, sharing c evenly among the factors.
func (l *Linear) Scale(c float64) {
	each := float32(math.Pow(c, 1/float64(len(l.params))))
	for _, p := range l.params {
		for i := range p.Data {
			p.Data[i] *= each
		}
	}
}

// Materialize forms W [M, N], entry by entry as the definition says and in float64: the oracle for everything else.
//
//	W[i,j] = sum over all a of prod_k U_k[i_k,j_k,a_k] prod_t B_t[a_s,a_u,a_t]
func (l *Linear) Materialize() tensor.Tensor {
	w := tensor.New(l.spec.Rows(), l.spec.Cols())
	if l.spec.Kind == Dense {
		copy(w.Data, l.params[0].Data)
		return w
	}
	// block[i,j,a] of a node: the part of W below it, rows and columns over its own modes.
	type block struct {
		rows, cols, rank int
		v                []float64
	}
	blocks := map[Range]block{}
	for k := range l.spec.In {
		b := block{l.spec.Out[k], l.spec.In[k], l.spec.Rank(Leaf(k)), make([]float64, len(l.params[k].Data))}
		for i, v := range l.params[k].Data {
			b.v[i] = float64(v)
		}
		blocks[Leaf(k)] = b
	}
	nodes, children := l.spec.Tree.Inner()
	for t, node := range nodes {
		s, u := blocks[children[t][0]], blocks[children[t][1]]
		transfer := l.params[len(l.spec.In)+t].Data
		b := block{s.rows * u.rows, s.cols * u.cols, l.spec.Rank(node), nil}
		b.v = make([]float64, b.rows*b.cols*b.rank)
		for i := range b.rows {
			for j := range b.cols {
				vs := s.v[(i/u.rows*s.cols+j/u.cols)*s.rank:]
				vu := u.v[(i%u.rows*u.cols+j%u.cols)*u.rank:]
				for as := range s.rank {
					for au := range u.rank {
						for a := range b.rank {
							b.v[(i*b.cols+j)*b.rank+a] += vs[as] * vu[au] * float64(transfer[(as*u.rank+au)*b.rank+a])
						}
					}
				}
			}
		}
		blocks[node] = b
		delete(blocks, children[t][0])
		delete(blocks, children[t][1])
	}
	for i, v := range blocks[Range{0, len(l.spec.In)}].v {
		w.Data[i] = float32(v)
	}
	return w
}

// Compile prepares W restricted to the columns lo..hi-1 for use. rows is the number of rows expected between two changes
// of the weights: work that does not depend on the input is done once ahead when that pays over so many.
func (l *Linear) Compile(lo, hi, rows int) Op {
	if lo < 0 || hi > l.spec.Cols() || lo >= hi || rows < 1 {
		panic(fmt.Sprintf("factor: columns %d..%d of %d for %d rows", lo, hi, l.spec.Cols(), rows))
	}
	if l.spec.Kind == Dense {
		return newDenseOp(l, lo, hi)
	}
	return newTreeOp(l, lo, hi, rows)
}
