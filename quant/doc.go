// Package quant makes models of 8- or 16-bit integers: weights, activations and sums, so that they are small and run without floating point.
//
// A factor is int8 (or int16) with one scale. Activations are int16: each step of the contraction divides its sums by a power of two, chosen from what
// a few clips show, so scales multiply up along the chain and only the pre-activations are brought to a common one, 2^-16. Gates come from one table of tanh,
// hidden states are int16 of 2^-15, cell states int32 of 2^-16. Every operation is exact integer arithmetic, except for the input and the logits, which are
// single float operations, so the C engine of package export/c gives the same bits.
//
// Uniform symmetric quantisation: Jacob et al., CVPR 2018 (arXiv 1712.05877). Evening out the slices of neighbouring factors: Nagel et al., ICCV 2019 (arXiv 1906.04721).
package quant
