package factor

import (
	"fmt"
	"maps"
	"slices"
)

// Kind is the structure of a matrix.
type Kind string

// The kinds of structure.
const (
	Dense Kind = "dense" // every entry of W
	HT    Kind = "ht"    // hierarchical Tucker: leaf frames and transfer tensors on a binary tree (Yin et al., CVPR 2021)
	TT    Kind = "tt"    // tensor train: a chain of cores (Novikov et al., NIPS 2015; Yang, Krompass, Tresp, ICML 2017)
	TR    Kind = "tr"    // tensor ring: a train whose ends are joined (Pan et al., AAAI 2019)
	BT    Kind = "bt"    // block terms: a sum of Tucker decompositions (Ye et al., CVPR 2018)
)

// Kinds lists every kind.
var Kinds = []Kind{Dense, HT, TT, TR, BT}

// Scope says which part of a recurrent weight matrix is structured.
type Scope string

// The scopes. Whatever the scope, a Spec describes one matrix [M, N]; package rnn says what it multiplies.
const (
	Full    Scope = "full"    // the whole matrix, input-to-hidden and hidden-to-hidden joined: N >= I + H
	Partial Scope = "partial" // the input-to-hidden half, N >= I; the hidden-to-hidden half is a dense [M, H]
	Split   Scope = "split"   // the input-to-hidden half, N >= I; the hidden-to-hidden half has a structure of its own
)

// Limits of a Spec.
const (
	MaxModes  = 8   // modes d
	MaxBlocks = 256 // blocks P of kind bt
)

// maxWeights bounds the weights of one matrix, so that sizes stay far from overflow.
const maxWeights = 1 << 33

// Spec says what structure a matrix W [M, N] has. It is a value: copy it freely, change none of its slices.
//
// Row i stands for the multi-index (i_1..i_d) over the modes m_k, column j for (j_1..j_d) over n_k, the first mode slowest.
type Spec struct {
	Kind  Kind
	Scope Scope
	In    []int         // n_k; N = prod n_k columns
	Out   []int         // m_k; M = prod m_k rows
	Tree  Tree          // HT; zero: balanced
	Ranks map[Range]int // HT: every node but the root

	Bonds []int // TT, TR: r_0..r_d, d+1 numbers; TT: r_0 = r_d = 1, TR: r_0 = r_d

	Blocks    int // BT: P
	BlockRank int // BT: r, the rank of every mode in every block
}

func (s Spec) tree() Tree { return s.DimensionTree() }

// DimensionTree is the tree of an HT matrix: Tree, or the balanced one if that is left out.
func (s Spec) DimensionTree() Tree {
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
	s.In, s.Out, s.Ranks, s.Bonds = slices.Clone(s.In), slices.Clone(s.Out), maps.Clone(s.Ranks), slices.Clone(s.Bonds)
	s.Tree.nodes = slices.Clone(s.Tree.nodes)
	return s
}

// Params is the number of weights:
//
//	dense  M N
//	HT     sum_k m_k n_k r_k + sum_t r_s r_u r_t
//	TT, TR sum_k r_{k-1} m_k n_k r_k
//	BT     P (r^d + sum_k m_k n_k r)
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

func product(v []int) int {
	p := 1
	for _, n := range v {
		p *= n
	}
	return p
}
