package factor

import "math/bits"

// legs is a set of index labels ("legs") of a tensor network, one bit a label.
type legs uint64

// batchLeg is the label of the rows of a batch (B, or B times T).
const batchLeg = 0

// network is the tensor network of y = W x: the factors of W with their labels, and the labels that x and y bring.
// Every label but the batch stands at exactly two of {x, y, factors}, so the labels left open when a set of operands is
// contracted are the exclusive or of theirs.
type network struct {
	dim     []int     // size of each label; dim[batchLeg] is the batch
	in, out []int     // labels of the columns (modes n_k) and of the rows (modes m_k), first mode slowest
	factors []operand // in the order of Spec.shapes
}

type operand struct{ axes []int } // labels in memory order

// newNetwork describes the structure s with its columns restricted to box and a batch of the given size.
//
// HT: leaf k has labels (m_k, n_k, a_k), inner node t with children s, u has labels (a_s, a_u, a_t); the root's last
// axis has size 1 and no label.
func newNetwork(s Spec, box []interval, batch int) network {
	net := network{dim: []int{batch}}
	label := func(size int) int {
		net.dim = append(net.dim, size)
		return len(net.dim) - 1
	}
	for k := range s.In {
		net.in = append(net.in, label(box[k].hi-box[k].lo))
		net.out = append(net.out, label(s.Out[k]))
	}
	tree := s.tree()
	nodes := tree.Nodes()
	rank := map[Range]int{}
	for _, n := range nodes[:len(nodes)-1] {
		rank[n] = label(s.Rank(n))
	}
	withRank := func(n Range, axes ...int) operand {
		if a, ok := rank[n]; ok {
			axes = append(axes, a)
		}
		return operand{axes}
	}
	for k := range s.In {
		net.factors = append(net.factors, withRank(Leaf(k), net.out[k], net.in[k]))
	}
	inner, children := tree.Inner()
	for i, n := range inner {
		net.factors = append(net.factors, withRank(n, rank[children[i][0]], rank[children[i][1]]))
	}
	return net
}

// transposed is the network of x = W^T y.
func (net network) transposed() network {
	net.in, net.out = net.out, net.in
	return net
}

// operandLegs lists the label sets of all operands: x first, then the factors.
func (net network) operandLegs() []legs {
	x := legs(1) << batchLeg
	for _, a := range net.in {
		x |= 1 << a
	}
	all := []legs{x}
	for _, f := range net.factors {
		var l legs
		for _, a := range f.axes {
			l |= 1 << a
		}
		all = append(all, l)
	}
	return all
}

// size is the number of elements of a tensor with the labels l.
func (net network) size(l legs) float64 {
	n := 1.0
	for ; l != 0; l &= l - 1 {
		n *= float64(net.dim[bits.TrailingZeros64(uint64(l))])
	}
	return n
}

// interval is a half-open range lo..hi-1 of one mode's index.
type interval struct{ lo, hi int }

// boxOf is the smallest box of column multi-indices that covers the columns lo..hi-1 and is a run of adjacent columns: the
// leading modes fixed, one mode restricted, the rest whole. base is the box's first column and width its number of columns.
func boxOf(in []int, lo, hi int) (box []interval, base, width int) {
	width = product(in)
	for k, n := range in {
		sub := width / n
		a, b := (lo-base)/sub, (hi-1-base)/sub+1
		box = append(box, interval{a, b})
		base += a * sub
		width = (b - a) * sub
		if b-a > 1 {
			for _, n := range in[k+1:] {
				box = append(box, interval{0, n})
			}
			break
		}
	}
	return box, base, width
}
