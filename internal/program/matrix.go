package program

import (
	"cmp"
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
	nets := networks(w, lo, hi)
	order, mac := nets[0].chain() // the terms have one shape
	return newMatrix(nets, order, mac, hi-lo, at)
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

// input compiles columns 0..width-1 of w, which begins at place `at` of the weights. Of the ways to cut it into blocks it takes the one with the fewest multiply-adds
// whose working memory is at most `elements`, or else the one with the least memory.
func input(w *factor.Linear, width, at, elements int) Matrix {
	spec := w.Spec()
	if spec.Kind == factor.Dense {
		box := min(width, denseBlock)
		for width%box != 0 {
			box--
		}
		net := denseNetwork(spec, 0, width, box)
		return newMatrix([]network{net}, []int{0}, float64(spec.Rows()*width), width, at)
	}
	type way struct {
		nets  []network
		order []int
		mac   float64
	}
	var ways []way
	nets := networks(w, 0, width)
	for lead := range len(spec.In) {
		cut := make([]network, len(nets))
		for i := range nets {
			cut[i] = nets[i].cut(lead)
		}
		order, mac := cut[0].chain()
		ways = append(ways, way{cut, order, mac})
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
