package cli

import (
	"math"
	"slices"
)

// manyEntries is the size of a matrix from which only one choice of modes is tried.
const manyEntries = 1 << 22

// modes are those of one matrix.
type modes struct{ in, out []int }

// proposeModes lists choices of modes for a matrix of rows x cols: four, three or two modes, as even as they come, the larger input
// modes beside the smaller output modes or the other way round, and last a matrix cut into rows and columns, whose
// decomposition is the plain singular value decomposition.
func proposeModes(rows, cols int) (out []modes) {
	for d := 4; d >= 2; d-- {
		m := factorOut(rows, d)
		if d > 2 && m[0] == 1 { // too few primes
			continue
		}
		n := evenModes(cols, d)
		opposed := slices.Clone(n)
		slices.Reverse(opposed)
		out = append(out, modes{opposed, m})
		if !slices.Equal(n, opposed) {
			out = append(out, modes{n, m})
		}
	}
	return append(out, modes{[]int{1, cols}, []int{rows, 1}})
}

// evenModes are d modes, in rising order, whose product is at least n: the least product of modes near the root, and of equal
// products the most even modes.
func evenModes(n, d int) []int {
	mean := math.Pow(float64(n), 1/float64(d))
	lo, hi := max(1, int(mean/1.5)), int(math.Ceil(mean*1.5))
	var best []int
	least := math.MaxInt
	var walk func(head []int, product int)
	walk = func(head []int, product int) {
		if len(head) == d-1 {
			last := max((n+product-1)/product, head[len(head)-1])
			if p := product * last; p < least || p == least && last < best[d-1] {
				least, best = p, append(slices.Clone(head), last)
			}
			return
		}
		from := lo
		if len(head) > 0 {
			from = head[len(head)-1]
		}
		for f := from; f <= hi; f++ {
			walk(append(head, f), product*f)
		}
	}
	walk(nil, 1)
	return best
}
