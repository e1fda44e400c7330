package factor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

// Params lists the factors in a stable order:
//
//	dense   weight [M, N]
//	HT      leaf.0 .. leaf.{d-1} [m_k, n_k, r_k], then transfer.{lo}-{hi} [r_s, r_u, r_t], children before parents, the root last (r_t = 1)
//	TT, TR  core.0 .. core.{d-1} [r_{k-1}, m_k, n_k, r_k]
//	BT      block by block block.{p}.factor.0 .. block.{p}.factor.{d-1} [m_k, n_k, r], then block.{p}.core [r, .., r], d axes
func (l *Linear) Params() []Param { return slices.Clone(l.params) }

// Factors is the number of factors that Params lists.
func (l *Linear) Factors() int { return len(l.params) }

// Init draws all factors normal so that the entries of W have standard deviation sd. An entry of W is a sum over R terms,
// each a product of F factors, so with equal deviations sigma
//
//	sd^2 = R sigma^(2F)   sigma = (sd / sqrt(R))^(1/F)
//
// R is the product of all ranks: those of all tree nodes but the root, those of all bonds (a ring's ends are one bond), or
// P r^d for P blocks.
func (l *Linear) Init(sd float64, rng *rand.Rand) {
	sigma := math.Pow(sd/math.Sqrt(l.spec.terms()), 1/float64(l.spec.depth()))
	for _, p := range l.params {
		for i := range p.Data {
			p.Data[i] = float32(sigma * rng.NormFloat64())
		}
	}
}

// terms is the number R of terms that an entry of W is a sum of.
func (s Spec) terms() float64 {
	terms := 1.0
	switch s.Kind {
	case HT:
		for _, r := range s.Ranks {
			terms *= float64(r)
		}
	case TT, TR:
		for _, r := range s.Bonds[1:] {
			terms *= float64(r)
		}
	case BT:
		terms = float64(s.Blocks) * math.Pow(float64(s.BlockRank), float64(len(s.In)))
	}
	return terms
}

// depth is the number F of factors that each such term is a product of.
func (s Spec) depth() int {
	n := len(s.shapes())
	if s.Kind == BT {
		n /= s.Blocks
	}
	return n
}

// Scale multiplies W by c > 0, sharing c evenly among the factors.
func (l *Linear) Scale(c float64) {
	each := float32(math.Pow(c, 1/float64(l.spec.depth())))
	for _, p := range l.params {
		for i := range p.Data {
			p.Data[i] *= each
		}
	}
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
	box, base, width := boxOf(l.spec.In, lo, hi)
	return newTreeOp(networks(l.spec, box, rows), l.params, lo-base, hi-lo, width)
}
