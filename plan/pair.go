package plan

import (
	"math"
	"math/bits"
	"slices"
)

// pairing is modes with their partners: m_k rows and n_k columns at mode k.
type pairing struct {
	in, out []int
	free    bool // the modes may be brought into another order, each with its partner
	aligned bool // In lines up with the frame
}

// modeLists are lists of input or of output modes to choose from.
type modeLists struct {
	lists   [][]int
	fixed   bool // the order of the modes in a list is fixed
	aligned bool
}

// maxPairings bounds the pairings looked at for one number of modes and one source of modes.
const maxPairings = 60_000

// pairings lists the ways to give the modes ins partners from outs, where a list whose order is fixed keeps it. The
// largest modes on one side get the smallest on the other first, which takes the fewest weights; where there are too many ways, the
// later ones of each couple of lists are left out.
func pairings(ins, outs modeLists) []pairing {
	var all []pairing
	each := maxPairings / max(len(ins.lists)*len(outs.lists), 1)
	for _, in := range ins.lists {
		for _, out := range outs.lists {
			p := pairing{in: in, out: out, free: !ins.fixed && !outs.fixed, aligned: ins.aligned}
			if ins.fixed && outs.fixed {
				all = append(all, p)
				continue
			}
			count := 0
			add := func(q pairing) bool {
				if !p.free || q.standard() {
					all = append(all, q)
					count++
				}
				return count <= each
			}
			if outs.fixed {
				for a := range opposed(out, in) {
					if p.in = a; !add(p) {
						break
					}
				}
			} else {
				for a := range opposed(in, out) {
					if p.out = a; !add(p) {
						break
					}
				}
			}
		}
	}
	return all
}

// opposed yields the different orders of v beside the list keep, first the one in which v rises where keep falls.
func opposed(keep, v []int) func(yield func([]int) bool) {
	places := firstNumbers(len(keep))
	slices.SortStableFunc(places, func(a, b int) int { return keep[b] - keep[a] })
	return func(yield func([]int) bool) {
		for a := range arrangements(v) {
			w := make([]int, len(a))
			for i, k := range places {
				w[k] = a[i]
			}
			if !yield(w) {
				return
			}
		}
	}
}

// standard reports whether p is the one, of the pairings that differ only in the order of equal input modes, in which their
// partners rise. The input modes themselves rise.
func (p pairing) standard() bool {
	for k := 1; k < len(p.in); k++ {
		if p.in[k] == p.in[k-1] && p.out[k] < p.out[k-1] {
			return false
		}
	}
	return true
}

// contraction is the data of y = W x on its way through the modes of a pairing: for each set of modes that are contracted, by its
// bits, what there is and what it took.
type contraction struct {
	pairing
	size []float64 // columns left times rows made
	best []float64 // the fewest multiply-adds, of the latest estimate
	last []int     // the mode that is contracted last for that
}

func newContraction(p pairing) *contraction {
	d := len(p.in)
	c := &contraction{pairing: p, size: make([]float64, 1<<d), best: make([]float64, 1<<d), last: make([]int, 1<<d)}
	c.size[0] = 1
	for _, n := range p.in {
		c.size[0] *= float64(n)
	}
	for s := 1; s < 1<<d; s++ {
		low := bits.TrailingZeros(uint(s))
		c.size[s] = c.size[s&(s-1)] / float64(p.in[low]) * float64(p.out[low])
	}
	return c
}

// estimate is about how many multiply-adds y = W x takes with rank r throughout. Contracting mode k turns n_k columns into m_k
// rows; the data carries ranks while it passes:
//
//	step k: (columns left) (rows made) m_k r^c, c the ranks of the mode and those carried in and out
//
// A dynamic program over the sets of contracted modes finds the cheapest order.
func (c *contraction) estimate(r float64, carried []int) float64 {
	all := len(c.size) - 1
	for s := 1; s <= all; s++ {
		c.best[s] = math.Inf(1)
		for t := s; t != 0; t &= t - 1 {
			k := bits.TrailingZeros(uint(t))
			from := s &^ (1 << k)
			mac := c.size[from] * float64(c.out[k])
			for range carried[bits.OnesCount(uint(from))] {
				mac *= r
			}
			if mac += c.best[from]; mac < c.best[s] {
				c.best[s], c.last[s] = mac, k
			}
		}
	}
	return c.best[all]
}

// guess is the estimate for structures of the ranks f.
func (c *contraction) guess(f ranks, carried []int) float64 {
	rank, passes := f.load()
	return c.estimate(rank, carried) * float64(passes)
}

// order is that of the modes in the latest estimate.
func (c *contraction) order() []int {
	var order []int
	for s := len(c.size) - 1; s != 0; s &^= 1 << c.last[s] {
		order = append(order, c.last[s])
	}
	slices.Reverse(order)
	return order
}

// reorder is p with its modes in the given order.
func (p pairing) reorder(order []int) pairing {
	q := p
	q.in, q.out = make([]int, len(order)), make([]int, len(order))
	for i, k := range order {
		q.in[i], q.out[i] = p.in[k], p.out[k]
	}
	return q
}

// linesUpGates reports whether each output mode divides the blocks of the gates or lies within one, so that no mode mixes
// parts of two gates.
func (p pairing) linesUpGates(gates int) bool {
	rows := 1
	for _, m := range p.out {
		rows *= m
		if rows%gates != 0 && gates%rows != 0 {
			return false
		}
	}
	return true
}

// firstNumbers is 0, 1, .., n-1.
func firstNumbers(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// arrangedOn lists the orders of the modes that differ as leaves of the tree, at most limit of them: children with subtrees of
// the same shape may change places without changing what the structure costs.
func (d *dimTree) arrangedOn(limit int) [][]int {
	modes := firstNumbers((len(d.nodes) + 1) / 2)
	shape := make([]string, len(d.nodes))
	for i := range d.nodes {
		shape[i] = "."
		if d.left[i] >= 0 {
			shape[i] = "(" + shape[d.left[i]] + shape[d.right[i]] + ")"
		}
	}
	var out [][]int
	for a := range arrangements(modes) {
		if len(out) == limit {
			break
		}
		standard := true
		for i := range d.nodes {
			l, r := d.left[i], d.right[i]
			if l >= 0 && shape[l] == shape[r] && a[d.nodes[l].Lo] > a[d.nodes[r].Lo] {
				standard = false
				break
			}
		}
		if standard {
			out = append(out, slices.Clone(a))
		}
	}
	return out
}
