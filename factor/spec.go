package factor

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Kind is the structure of a matrix.
type Kind string

// The kinds of structure.
const (
	Dense Kind = "dense" // every entry of W
	HT    Kind = "ht"    // hierarchical Tucker: leaf frames and transfer tensors on a binary tree (Yin et al., CVPR 2021)
)

// Scope says which part of a recurrent weight matrix is structured.
type Scope string

// Full is the whole matrix, input-to-hidden and hidden-to-hidden joined.
const Full Scope = "full"

// MaxModes is the largest number of modes d that a Spec may have.
const MaxModes = 8

// maxWeights bounds the weights of one matrix, so that sizes stay far from overflow.
const maxWeights = 1 << 33

// Spec says what structure a matrix W [M, N] has. It is a value: copy it freely, change none of its slices.
type Spec struct {
	Kind  Kind          `json:"kind"`
	Scope Scope         `json:"scope"`
	In    []int         `json:"in"`              // n_k; N = prod n_k columns
	Out   []int         `json:"out"`             // m_k; M = prod m_k rows
	Tree  Tree          `json:"tree,omitzero"`   // zero: balanced
	Ranks map[Range]int `json:"ranks,omitempty"` // HT: every node but the root
}

// DenseSpec is a dense matrix of rows x cols.
func DenseSpec(rows, cols int) Spec {
	return Spec{Kind: Dense, Scope: Full, In: []int{cols}, Out: []int{rows}}
}

// HTSpec is an HT matrix on the balanced tree with one rank for the leaves and one for the inner nodes.
func HTSpec(in, out []int, leaf, inner int) Spec {
	s := Spec{Kind: HT, Scope: Full, In: in, Out: out, Tree: Balanced(len(in))}
	return s.WithRanks(leaf, inner)
}

// WithRanks is s with rank leaf at every leaf and rank inner at every inner node but the root.
func (s Spec) WithRanks(leaf, inner int) Spec {
	s.Ranks = map[Range]int{}
	nodes := s.tree().Nodes()
	for _, n := range nodes[:len(nodes)-1] {
		s.Ranks[n] = inner
		if n.Len() == 1 {
			s.Ranks[n] = leaf
		}
	}
	return s
}

func (s Spec) tree() Tree {
	if s.Tree.IsZero() {
		return Balanced(len(s.In))
	}
	return s.Tree
}

// Rows is M, the product of Out.
func (s Spec) Rows() int { return product(s.Out) }

// Cols is N, the product of In.
func (s Spec) Cols() int { return product(s.In) }

// Rank is the rank of a node: 1 at the root.
func (s Spec) Rank(n Range) int {
	if n.Lo == 0 && n.Hi == len(s.In) {
		return 1
	}
	return s.Ranks[n]
}

// Clone is a copy of s that shares nothing with it.
func (s Spec) Clone() Spec {
	s.In, s.Out, s.Ranks = slices.Clone(s.In), slices.Clone(s.Out), maps.Clone(s.Ranks)
	s.Tree.nodes = slices.Clone(s.Tree.nodes)
	return s
}

// Validate reports what is wrong with s, naming the mode or the node and what is allowed there.
func (s Spec) Validate() error {
	if s.Kind != Dense && s.Kind != HT {
		return fmt.Errorf("unknown kind %q: choose dense or ht", s.Kind)
	}
	if s.Scope != Full {
		return fmt.Errorf("unknown scope %q: choose full", s.Scope)
	}
	d := len(s.In)
	if d == 0 || len(s.Out) != d {
		return fmt.Errorf("%d input modes %v and %d output modes %v: give as many of one as of the other, at least 1", d, s.In, len(s.Out), s.Out)
	}
	if d > MaxModes {
		return fmt.Errorf("%d modes: the most is %d", d, MaxModes)
	}
	for _, modes := range [][]int{s.In, s.Out} {
		total := 1.0
		for _, n := range modes {
			if n < 1 {
				return fmt.Errorf("mode %d in %v: every mode is at least 1", n, modes)
			}
			total *= float64(n)
		}
		if total > math.MaxInt32 {
			return fmt.Errorf("modes %v multiply to %.3g: the most is %d", modes, total, math.MaxInt32)
		}
	}
	if s.Kind == Dense {
		if d != 1 || len(s.Ranks) > 0 {
			return fmt.Errorf("kind dense with modes %v x %v and ranks %v: dense takes one input mode, one output mode and no ranks", s.In, s.Out, s.Ranks)
		}
	} else if err := s.validateHT(); err != nil {
		return err
	}
	_, err := s.Params()
	return err
}

func (s Spec) validateHT() error {
	d := len(s.In)
	tree := s.tree()
	if tree.Order() != d {
		return fmt.Errorf("tree %v has %d leaves for %d modes: give each mode one leaf", tree, tree.Order(), d)
	}
	nodes := tree.Nodes()
	for _, n := range nodes[:len(nodes)-1] {
		r, ok := s.Ranks[n]
		if !ok {
			return fmt.Errorf("node %v has no rank: give every node but the root a rank", n)
		}
		if most := s.MaxRank(n); r < 1 || r > most {
			return fmt.Errorf("rank %d at node %v: the least is 1, the largest allowed here is %d", r, n, most)
		}
	}
	for n := range s.Ranks {
		if !slices.Contains(nodes[:len(nodes)-1], n) {
			return fmt.Errorf("rank for node %v, which tree %v does not have below its root", n, tree)
		}
	}
	return nil
}

// MaxRank is the largest rank that node n may have: the product of the mode sizes m_k n_k on either side of its cut
// and, at an inner node, the product of its children's ranks.
func (s Spec) MaxRank(n Range) int {
	inside, outside := 1.0, 1.0
	for k := range s.In {
		size := float64(s.In[k]) * float64(s.Out[k])
		if k >= n.Lo && k < n.Hi {
			inside *= size
		} else {
			outside *= size
		}
	}
	most := min(inside, outside, math.MaxInt32)
	nodes, children := s.tree().Inner()
	if i := slices.Index(nodes, n); i >= 0 {
		most = min(most, float64(s.Rank(children[i][0]))*float64(s.Rank(children[i][1])))
	}
	return int(most)
}

// Params is the number of weights: sum_k m_k n_k r_k + sum_t r_s r_u r_t for HT, M N for dense.
func (s Spec) Params() (int64, error) {
	total := 0.0
	for _, p := range s.shapes() {
		n := 1.0
		for _, v := range p.Shape {
			n *= float64(v)
		}
		total += n
	}
	if total > maxWeights {
		return 0, fmt.Errorf("%s %v x %v has %.3g weights: the most is %d", s.Kind, s.Out, s.In, total, int64(maxWeights))
	}
	return int64(total), nil
}

// shapes lists the factors by name and shape, without data, in their stable order.
func (s Spec) shapes() []Param {
	if s.Kind == Dense {
		return []Param{{Name: "weight", Shape: []int{s.Rows(), s.Cols()}}}
	}
	var out []Param
	for k := range s.In {
		out = append(out, Param{Name: fmt.Sprintf("leaf.%d", k), Shape: []int{s.Out[k], s.In[k], s.Rank(Leaf(k))}})
	}
	nodes, children := s.tree().Inner()
	for i, n := range nodes {
		out = append(out, Param{
			Name:  fmt.Sprintf("transfer.%v", n),
			Shape: []int{s.Rank(children[i][0]), s.Rank(children[i][1]), s.Rank(n)},
		})
	}
	return out
}

func product(v []int) int {
	p := 1
	for _, n := range v {
		p *= n
	}
	return p
}
