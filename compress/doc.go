// Package compress turns a matrix into the factors of a structured one: HT by the hierarchical singular value
// decomposition from the leaves to the root (Grasedyck, SIAM J. Matrix Anal. 31(4), 2010), TT by TT-SVD (Oseledets,
// SIAM J. Sci. Comput. 33(5), 2011), TR by TR-SVD (Zhao et al., arXiv 1606.05535), BT with one block by the higher-order
// singular value decomposition (De Lathauwer et al., SIAM J. Matrix Anal. 21(4), 2000). Round does the same to factors that
// exist already, without forming their matrix.
//
// Letters: W [M, N] with rows i = (i_1..i_d) over m_1..m_d and columns j = (j_1..j_d) over n_1..n_d, first mode slowest;
// p_k = m_k n_k the size of the joint mode (i_k, j_k); r ranks; an unfolding of a node is the matrix [p, q] of the node's
// modes against all others.
//
// # Errors
//
// Each step projects the tensor that the step before left onto the span of its node's largest left singular vectors
// (sequential truncation, Vannieuwenhoven et al., SIAM J. Sci. Comput. 34(2), 2012). The projections of one decomposition
// commute, an inner node's range lies within its children's, so what they discard is orthogonal and the squared error of the whole is
// exactly the sum of the discarded squared singular values. No step discards more than the best approximation of its unfolding of W would, so
// the error is at most sqrt(2d-3) times the best possible of an HT matrix with these ranks, sqrt(d-1) times for TT and sqrt(d) times for BT.
// The two children of an HT root have one unfolding and count once. The reported error is nevertheless computed from the
// factors, against every entry of W.
//
// # Precision
//
// All is done in float64. The singular values of an unfolding are those of its triangular factor, which is gathered block of
// columns by block of columns. A Gram matrix would take as long and lose every singular value below 1e-8 of the largest. Where both sides
// of an unfolding are longer than 1,500 and less than an eighth of its singular vectors are wanted, they are found by a sketch.
package compress
