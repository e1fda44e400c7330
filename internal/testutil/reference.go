package testutil

import (
	"math"
	"testing"
)

// HTEntry computes one entry of an HT matrix from the definition, in float64: leaf gives the rank vector of mode k at
// (i_k, j_k), transfer the tensor of an inner node, and tree walks nested pairs given as children lists.
//
// It shares no code with the library: a node's rank vector is v_t[a] = sum_{b,c} v_s[b] v_u[c] B_t[b,c,a].
type HTEntry struct {
	In, Out  []int
	Left     []int // per inner node, children before parents: number of the left child (leaf k, or d + inner number)
	Right    []int
	Ranks    []int       // per leaf and inner node; the root 1
	Leaves   [][]float64 // [m_k, n_k, r_k]
	Transfer [][]float64 // [r_s, r_u, r_t]
}

// At is W[row, col].
func (h *HTEntry) At(row, col int) float64 {
	d := len(h.In)
	v := make([][]float64, d+len(h.Left))
	for k := d - 1; k >= 0; k-- {
		i, j := row%h.Out[k], col%h.In[k]
		row, col = row/h.Out[k], col/h.In[k]
		at := (i*h.In[k] + j) * h.Ranks[k]
		v[k] = h.Leaves[k][at : at+h.Ranks[k]]
	}
	for t := range h.Left {
		s, u, r := v[h.Left[t]], v[h.Right[t]], h.Ranks[d+t]
		out := make([]float64, r)
		for b, x := range s {
			for c, y := range u {
				for a := range r {
					out[a] += x * y * h.Transfer[t][(b*len(u)+c)*r+a]
				}
			}
		}
		v[d+t] = out
	}
	return v[len(v)-1][0]
}

// Close fails the test unless every got is within tol of want, relative to the largest |want|.
func Close(t testing.TB, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	CloseTo(t, what, got, want, tol*scale)
}

// CloseTo fails the test unless every got is within tol of want.
func CloseTo(t testing.TB, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i, w := range want {
		if e := math.Abs(float64(got[i]) - w); e > worst || math.IsNaN(e) {
			worst, at = e, i
			if math.IsNaN(e) {
				break
			}
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s[%d] = %v, want %v: off by %.3g, allowed %.3g", what, at, got[at], want[at], worst, tol)
	}
}
