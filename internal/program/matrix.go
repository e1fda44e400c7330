package program

import (
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

// orders says which order each term takes; nil: the best.
func newMatrix(nets []network, width, at int, orders [][]int) Matrix {
	m := Matrix{Width: width, Blocks: nets[0].blocks, Box: nets[0].box, First: nets[0].first, Rows: sizeOf(nets[0].dim, nets[0].out)}
	var order []int
	var mac float64
	if orders == nil {
		order, mac = nets[0].chain() // the terms have one shape
	}
	for i := range nets {
		if orders != nil {
			order = orders[i]
		}
		m.Terms = append(m.Terms, nets[i].term(order, at))
		m.MAC += mac
	}
	m.measure()
	return m
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
		return newMatrix([]network{denseNetwork(spec, 0, width, box)}, width, at, nil)
	}
	var best Matrix
	for lead := range len(spec.In) {
		m := newMatrix(networks(w, 0, width, lead), width, at, nil)
		fits, had := m.data() <= elements, best.data() <= elements
		if lead == 0 || fits && (!had || m.MAC < best.MAC) || !had && m.data() < best.data() {
			best = m
		}
	}
	return best
}
