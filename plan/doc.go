// Package plan turns integers into structures: it proposes the modes, their pairing and the ranks of a recurrent weight
// matrix [M, N] for an input size, a hidden size and a number of weights to spend, and says what each proposal costs.
//
// A cell of I inputs and H hidden units joins both halves of its weights into one matrix (integrate, then decompose:
// Yin et al., CVPR 2021) of M = 4H rows (LSTM; GRU 3H, plain RNN H) and N >= I + H columns. M = prod m_k is never padded.
// N = prod n_k may be larger than I + H; the surplus columns are zero and unused. With scope partial, as TT-, TR-, BT- and HT-LSTM were
// published, the structure has N >= I columns and the hidden half is a dense matrix beside it, which is counted with it.
//
// # What is searched
//
// Output modes are the factorings of M. Input modes are the factorings of the columns needed, the near-balanced ones of slightly larger N
// and, with a Frame, those whose modes line up with rows, columns and channels. Each is tried in every pairing with the output
// modes: which m_k stands beside which n_k decides the weights, sum_k m_k n_k r_k, and most of the multiply-adds. An estimate
// sorts the pairings, and the most promising ones are priced exactly with factor.Spec.Cost.
//
// Ranks that are not fixed grow together, the same at every node, as long as the budget lasts; what is left over raises
// single nodes, the lowest rank first. No rank that is chosen here exceeds what the ranks around it can use: r_t <= r_s r_u in all three
// directions of a transfer tensor (Grasedyck 2010), and the sizes on both sides of its cut. A tensor train or ring grows its bonds in the
// same way. Block terms have one rank; for each rank as many blocks as the budget holds, at most 4, are tried.
//
// # Which is best
//
// With a Frame, structures that line up with it come first. Then the largest score:
//
//	log2(rank) - log2(MAC) / 2 - narrowness
//
// rank is the geometric mean of the ranks of all nodes but the root: doubling all ranks is worth four times the multiply-adds. For a
// train, a ring or blocks it is that of the ranks that W can have at the nodes of the balanced tree. With fixed
// ranks fewer multiply-adds come first; of those structures only the ones with at most twice the fewest weights are looked at.
// narrowness is 0 for a structure that lets both W and its hidden half have full rank, and else log2 of what is missing, summed over both:
// pairs of a large n_k with a small m_k and the other way round are cheap, but squeeze the data through few numbers on its way.
//
// Ties go to gate blocks that line up with the output modes, to less padding, to fewer weights. Of structures with the same number of
// modes, one that is matched in multiply-adds, rank and narrowness (and in weights, where ranks are fixed) by one before it is left
// out. Kinds beside each other (Compare) are not measured by rank, which means different things in each, but by multiply-adds and
// narrowness alone: they spend the same budget. Everything is deterministic, at any number of cores.
package plan
