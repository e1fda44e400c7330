package testutil

// Entry computes single entries of a structured matrix from the definition, in float64, from weights that a test may change.
type Entry interface {
	At(row, col int) float64
	Weights() [][]float64 // the factors in the library's order
}

// Weights are the leaves and the transfer tensors.
func (h *HTEntry) Weights() [][]float64 {
	return append(append([][]float64{}, h.Leaves...), h.Transfer...)
}

// TrainEntry is a tensor train or ring: the plain sum over all values of all bonds.
type TrainEntry struct {
	In, Out []int
	Bonds   []int       // r_0..r_d; r_0 and r_d are one and the same index
	Cores   [][]float64 // [r_{k-1}, m_k, n_k, r_k]
}

// Weights are the cores.
func (t *TrainEntry) Weights() [][]float64 { return t.Cores }

// At is W[row, col].
func (t *TrainEntry) At(row, col int) float64 {
	i, j := digits(row, t.Out), digits(col, t.In)
	d := len(t.In)
	sum := 0.0
	odometer(t.Bonds[:d], func(a []int) {
		term := 1.0
		for k, core := range t.Cores {
			term *= core[((a[k]*t.Out[k]+i[k])*t.In[k]+j[k])*t.Bonds[k+1]+a[(k+1)%d]]
		}
		sum += term
	})
	return sum
}

// BlockEntry is a sum of Tucker blocks: the plain sum over blocks and all values of all ranks.
type BlockEntry struct {
	In, Out []int
	Rank    int
	Factors [][]float64 // block by block d factors [m_k, n_k, r], then the core [r, .., r]
}

// Weights are the factors and cores.
func (b *BlockEntry) Weights() [][]float64 { return b.Factors }

// At is W[row, col].
func (b *BlockEntry) At(row, col int) float64 {
	i, j := digits(row, b.Out), digits(col, b.In)
	d := len(b.In)
	ranks := make([]int, d)
	for k := range ranks {
		ranks[k] = b.Rank
	}
	sum := 0.0
	for p := 0; p < len(b.Factors); p += d + 1 {
		odometer(ranks, func(a []int) {
			at := 0
			for _, v := range a {
				at = at*b.Rank + v
			}
			term := b.Factors[p+d][at]
			for k := range a {
				term *= b.Factors[p+k][(i[k]*b.In[k]+j[k])*b.Rank+a[k]]
			}
			sum += term
		})
	}
	return sum
}

// digits is the multi-index of n over modes, the first mode slowest.
func digits(n int, modes []int) []int {
	out := make([]int, len(modes))
	for k := len(modes) - 1; k >= 0; k-- {
		out[k] = n % modes[k]
		n /= modes[k]
	}
	return out
}

// odometer calls f with every multi-index over sizes.
func odometer(sizes []int, f func(a []int)) {
	a := make([]int, len(sizes))
	for {
		f(a)
		k := len(a) - 1
		for ; k >= 0; k-- {
			a[k]++
			if a[k] < sizes[k] {
				break
			}
			a[k] = 0
		}
		if k < 0 {
			return
		}
	}
}
