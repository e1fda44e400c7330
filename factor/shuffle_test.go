package factor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestShuffle compares every direction with the definition, over random sizes, orders and windows.
func TestShuffle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		d := 1 + rng.IntN(5)
		dim, from := make([]int, d), rng.Perm(d)
		for i := range dim {
			dim[i] = 1 + rng.IntN(5)
			if rng.IntN(4) == 0 {
				dim[i] = 16 + rng.IntN(5)
			}
		}
		to := rng.Perm(d)
		sh := newShuffle(dim, from, to)
		n := product(dim)
		strided := make([]float32, n)
		for i := range strided {
			strided[i] = float32(i + 1)
		}
		want := make([]float32, n) // [to]
		for p := range want {
			at, rest := make([]int, d), p
			for i := d - 1; i >= 0; i-- {
				at[to[i]] = rest % dim[to[i]]
				rest /= dim[to[i]]
			}
			q := 0
			for _, a := range from {
				q = q*dim[a] + at[a]
			}
			want[p] = strided[q]
		}
		dense := make([]float32, n)
		sh.gather(dense, strided)
		if !slices.Equal(dense, want) {
			t.Fatalf("gather of %v from %v to %v: %v, want %v", dim, from, to, dense, want)
		}
		back := make([]float32, n)
		sh.scatter(back, dense)
		if !slices.Equal(back, strided) {
			t.Fatalf("scatter of %v from %v to %v: %v, want %v", dim, from, to, back, strided)
		}
		sh.scatterAdd(back, dense)
		for i := range back {
			if back[i] != 2*strided[i] {
				t.Fatalf("%v from %v to %v: adding gave %g at %d", dim, from, to, back[i], i)
			}
		}
	}
}
