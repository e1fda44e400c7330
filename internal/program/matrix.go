package program

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
)

// Matrix is the way from x to y = W x for a window of Width columns of a matrix.
type Matrix struct {
	Width  int // numbers of x
	Blocks int // x goes in by blocks ...
	Box    int // ... of B numbers, the last filled up with zeros
	First  int // with one block: x begins at this place of it, zeros around it; else 0
	Rows   int // M
	Terms  []Term
	MAC    float64 // multiply-adds for all blocks

	pass [2]int // elements of the two buffers that data alternates between
	pack int    // elements of the largest packed factor
}

// data is the number of elements of working memory.
func (m *Matrix) data() int { return m.Box + m.pass[0] + m.pass[1] + m.pack }

// Way is how a matrix is gone through: the columns of a block, and the order in which the data meets the factors. A program of the same ways gives
// the same intermediate results.
type Way struct {
	Box   int   `json:"box"`
	Order []int `json:"order"`
}

// Way is that of m.
func (m *Matrix) Way() Way { return Way{m.Box, m.Terms[0].Order} }

// newMatrix lays out the sum of nets, whose weights begin at place `at`, with the data meeting the factors in the given order.
func newMatrix(nets []network, order []int, mac float64, width, at int) Matrix {
	m := Matrix{Width: width, Blocks: nets[0].blocks, Box: nets[0].box, First: nets[0].first, Rows: sizeOf(nets[0].dim, nets[0].out), MAC: mac * float64(len(nets))}
	for i := range nets {
		m.Terms = append(m.Terms, nets[i].term(order, at))
	}
	m.measure()
	return m
}

// whole compiles columns lo..hi-1 of w in one block.
func whole(w *factor.Linear, lo, hi, at int) Matrix {
	nets := cuts(w, lo, hi)[0]
	order, mac := nets[0].chain() // the terms have one shape
	return newMatrix(nets, order, mac, hi-lo, at)
}

// along compiles columns lo..hi-1 of w in a given way; an error when there is no such way.
func along(w *factor.Linear, lo, hi, at int, way Way) (Matrix, error) {
	for _, nets := range cuts(w, lo, hi) {
		if nets[0].box != way.Box {
			continue
		}
		mac, ok := nets[0].mac(way.Order)
		if !ok {
			return Matrix{}, fmt.Errorf("order %v: want each of %d factors once, from one that x meets on", way.Order, len(nets[0].factors))
		}
		return newMatrix(nets, way.Order, mac, hi-lo, at), nil
	}
	return Matrix{}, fmt.Errorf("blocks of %d columns: the matrix cannot be cut so", way.Box)
}

// cuts are the ways to cut columns lo..hi-1 into blocks.
func cuts(w *factor.Linear, lo, hi int) [][]network {
	spec := w.Spec()
	if spec.Kind == factor.Dense {
		box := denseBox(spec, lo, hi)
		return [][]network{{denseNetwork(spec, lo, hi, box)}}
	}
	nets := networks(w, lo, hi)
	out := [][]network{nets}
	if lo > 0 {
		return out
	}
	for lead := 1; lead < len(spec.In); lead++ {
		cut := make([]network, len(nets))
		for i := range nets {
			cut[i] = nets[i].cut(lead)
			cut[i].blocks = (hi + cut[i].box - 1) / cut[i].box // the last of the box may lie beyond the window
		}
		out = append(out, cut)
	}
	return out
}

// measure finds how much memory is needed.
func (m *Matrix) measure() {
	for _, t := range m.Terms {
		to := 0
		use := func(n int) {
			m.pass[to] = max(m.pass[to], n)
			to = 1 - to
		}
		for _, s := range t.Steps {
			if s.Gather != nil {
				use(s.in())
			}
			use(s.out())
			if s.Packed() {
				m.pack = max(m.pack, s.Sum*s.Out)
			}
		}
	}
}

// denseBlock is the most columns of a dense matrix that are taken at a time.
const denseBlock = 2048

// denseBox is how many columns lo..hi-1 are taken at a time: a divisor of their number, so that no block is filled up; where there is none that is large, equal
// parts. The last of those then reaches over the end of a row, of the last row too, but not over the end of the weights: other columns of the matrix or the
// head, of at least H numbers, are there, and what is there is multiplied with zeros.
func denseBox(spec factor.Spec, lo, hi int) int {
	n := hi - lo
	box := min(n, denseBlock)
	for n%box != 0 {
		box--
	}
	if box >= min(n, denseBlock/2) {
		return box
	}
	const mostGates = 4
	blocks := (n + denseBlock - 1) / denseBlock
	even := (n + blocks - 1) / blocks
	if even*blocks-n <= max(spec.Cols()-hi, spec.Rows()/mostGates) {
		return even
	}
	return box
}

// input compiles columns 0..width-1 of w, which begins at place `at` of the weights. Of the ways to cut it into blocks it takes the one with the fewest multiply-adds
// whose working memory is at most `elements`, or else the one with the least memory.
func input(w *factor.Linear, width, at, elements int) Matrix {
	type way struct {
		nets  []network
		order []int
		mac   float64
	}
	var ways []way
	for _, nets := range cuts(w, 0, width) {
		order, mac := nets[0].chain()
		ways = append(ways, way{nets, order, mac})
	}
	slices.SortStableFunc(ways, func(a, b way) int { return cmp.Compare(a.mac, b.mac) })
	var least Matrix
	for i, w := range ways {
		m := newMatrix(w.nets, w.order, w.mac, width, at)
		if m.data() <= elements {
			return m
		}
		if i == 0 || m.data() < least.data() {
			least = m
		}
	}
	return least
}
