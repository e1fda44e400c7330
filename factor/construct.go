package factor

import "slices"

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

// TTSpec is a tensor train with cores [r_{k-1}, m_k, n_k, r_k], all ranks between cores equal to rank.
func TTSpec(in, out []int, rank int) Spec {
	bonds := slices.Repeat([]int{rank}, len(in)+1)
	bonds[0], bonds[len(in)] = 1, 1
	return Spec{Kind: TT, Scope: Full, In: in, Out: out, Bonds: bonds}
}

// TRSpec is a tensor ring with cores [r, m_k, n_k, r].
func TRSpec(in, out []int, rank int) Spec {
	return Spec{Kind: TR, Scope: Full, In: in, Out: out, Bonds: slices.Repeat([]int{rank}, len(in)+1)}
}

// BTSpec is a sum of blocks, each a Tucker core [rank, .., rank] with d axes and d factors [m_k, n_k, rank].
func BTSpec(in, out []int, blocks, rank int) Spec {
	return Spec{Kind: BT, Scope: Full, In: in, Out: out, Blocks: blocks, BlockRank: rank}
}

// WithScope is s for another part of the recurrent weights.
func (s Spec) WithScope(scope Scope) Spec {
	s.Scope = scope
	return s
}
