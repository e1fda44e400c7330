package onnx

import (
	"cmp"
	"slices"

	"github.com/fdht/fdht/factor"
)

// A chain of products is laid out for MatMul: the data is a matrix, or a batch of them, whose axes are runs of neighbouring
// labels, and an order of labels that suits the next product spares a Transpose.

// product is how the data is multiplied with an operand, summed over the labels S. T are the operand's others.
type product struct {
	left, s, right []int // the data's labels, brought into this order first if they are not in it
	t              []int
	form           form
}

// form is where T goes.
type form int

const (
	// last: there is no right.  [left, S] [S, T] = [left, T]
	last form = iota
	// within: for each index of left  [T, S] [S, right] = [T, right]
	within
	// turned: for each index of left  [S, right]^T [S, T] = [right, T]
	turned
)

func (p product) data() []int { return slices.Concat(p.left, p.s, p.right) }

func (p product) result() []int {
	if p.form == within {
		return slices.Concat(p.left, p.t, p.right)
	}
	return slices.Concat(p.left, p.right, p.t)
}

// stop is the cheapest way found to have the data in one order.
type stop struct {
	order []int
	cost  float64
	by    product
	from  *stop
}

// maxStops bounds the orders that are followed from product to product.
const maxStops = 64

// route lays out the products of data in the order in with operands, given by their labels, so that the result is in the order
// out. cost estimates the nanoseconds for one row where rows are computed at a time.
func route(dim, in, out []int, operands [][]int, rows float64) (products []product, cost float64) {
	stops := []*stop{{order: in}}
	for _, w := range operands {
		var next []*stop
		place := map[string]int{}
		for _, from := range stops {
			for _, p := range ways(from.order, w) {
				s := &stop{p.result(), from.cost + moveCost(dim, from.order, p.data(), rows) + p.cost(dim, rows), p, from}
				key := string(runes(s.order))
				if i, ok := place[key]; !ok {
					place[key] = len(next)
					next = append(next, s)
				} else if s.cost < next[i].cost {
					next[i] = s
				}
			}
		}
		slices.SortStableFunc(next, func(a, b *stop) int { return cmp.Compare(a.cost, b.cost) })
		stops = next[:min(len(next), maxStops)]
	}
	var best *stop
	for _, s := range stops {
		s.cost += moveCost(dim, s.order, out, rows)
		if best == nil || s.cost < best.cost {
			best = s
		}
	}
	for s := best; s.from != nil; s = s.from {
		products = append(products, s.by)
	}
	slices.Reverse(products)
	return products, best.cost
}

// runes are labels as what a string is made of.
func runes(labels []int) []rune {
	v := make([]rune, len(labels))
	for i, l := range labels {
		v[i] = rune(l)
	}
	return v
}

// ways lists the products of data in an order with an operand of labels w.
func ways(order, w []int) (list []product) {
	rest, s, t := factor.Divide(order, w)
	for at := range len(rest) + 1 {
		p := product{left: rest[:at], s: s, right: rest[at:]}
		for _, p.t = range permutations(t) {
			if at == len(rest) {
				p.form = last
				list = append(list, p)
				continue
			}
			for _, p.form = range []form{within, turned} {
				list = append(list, p)
			}
		}
	}
	return list
}

// permutations lists the orders of a few labels; of many only the one that they are in.
func permutations(v []int) [][]int {
	if len(v) < 2 || len(v) > 4 {
		return [][]int{v}
	}
	var all [][]int
	for i, l := range v {
		for _, p := range permutations(slices.Concat(v[:i], v[i+1:])) {
			all = append(all, append([]int{l}, p...))
		}
	}
	return all
}

// The estimates are nanoseconds of ONNX Runtime on one core; only their ratios matter.
const (
	nodeCost   = 1500.0    // an operator of its own
	callCost   = 250.0     // a product in a batch of them
	macCost    = 1.0 / 100 // a multiply-add with full vectors
	weightCost = 1.0 / 15  // an element of an operand that is read for few rows
	touchCost  = 0.12      // an element of the data read or written
	turnCost   = 0.5       // an element of matrices that Transpose turns
	runCost    = 1.0       // an element that it moves in a long run
	mixCost    = 4.0       // an element that it moves by itself
)

// moveCost estimates a Transpose.
func moveCost(dim, from, to []int, rows float64) float64 {
	if slices.Equal(from, to) {
		return 0
	}
	run := 1
	for i := len(to) - 1; from[i] == to[i]; i-- {
		run *= dim[to[i]]
	}
	same := 0
	for from[same] == to[same] {
		same++
	}
	each := mixCost
	at := slices.Index(from, to[same])
	switch {
	case run >= 16:
		each = runCost
	case slices.Equal(slices.Concat(from[at:], from[same:at]), to[same:]): // matrices that are turned
		each = turnCost
	}
	return nodeCost/rows + each*float64(sizeOf(dim, to))
}

func (p product) cost(dim []int, rows float64) float64 {
	outer, inner := float64(sizeOf(dim, p.left)), float64(sizeOf(dim, p.right))
	s, t := float64(sizeOf(dim, p.s)), float64(sizeOf(dim, p.t))
	c := nodeCost/rows + weightCost*s*t/rows + touchCost*outer*inner*(s+t)
	switch p.form {
	case last:
		return c + macCost*outer*s*lanes(t)
	case within:
		return c + outer*(callCost+macCost*t*s*lanes(inner))
	default:
		return c + outer*(callCost+macCost*inner*s*lanes(t))
	}
}

// lanes rounds n up to whole vectors.
func lanes(n float64) float64 { return 16 * float64((int(n)+15)/16) }
