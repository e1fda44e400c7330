// Package factor holds structured linear maps: matrices W [M, N] kept as small factors and applied without being formed.
//
// The kinds are dense, hierarchical Tucker (HT), tensor train (TT), tensor ring (TR) and block terms (BT). A [Spec] says what
// structure a matrix has, a [Linear] holds its factors, and an [Op] is a Linear compiled for use on a
// window of its columns: the order of contractions is searched exactly (see [Order]), the order of axes in memory is
// chosen so that few copies are made, and everything that does not depend on the input is contracted once, ahead.
//
// Conventions: row-major everywhere; row i of W is the multi-index (i_1..i_d) over Out, column j is (j_1..j_d) over In,
// first mode slowest. Letters: d modes, m_k = Out[k], n_k = In[k], r ranks, M = prod m_k rows, N = prod n_k columns.
package factor
