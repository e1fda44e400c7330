package factor

import (
	"math/bits"
	"slices"
)

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
	first   int       // number of the first factor in the Linear
}

type operand struct {
	axes  []int   // labels in memory order
	param int     // number of the Linear's factor that it is of
	from  shuffle // where its numbers lie in that factor
}

// networks describes the structure s with its columns restricted to box and a batch of the given size: W is the sum of the
// matrices of all networks. They have the same shape and use the factors of s in order, each as many.
func networks(s Spec, box []interval, batch int) []network {
	var nets []network
	switch {
	case s.Kind == BT:
		for p := range s.Blocks {
			nets = append(nets, newBlockNetwork(s, box, batch, p))
		}
	case s.Kind == TR && len(s.In) == 1:
		for a := range s.Bonds[0] {
			nets = append(nets, newLoopNetwork(s, box, batch, a))
		}
	case s.Kind == TT || s.Kind == TR:
		nets = append(nets, newTrainNetwork(s, box, batch))
	default:
		nets = append(nets, newTreeNetwork(s, box, batch))
	}
	return nets
}

// modeNetwork is a network with the labels that every kind has, but without factors.
func modeNetwork(s Spec, box []interval, batch int) network {
	net := network{dim: []int{batch}}
	for k := range s.In {
		net.in = append(net.in, net.label(box[k].hi-box[k].lo))
		net.out = append(net.out, net.label(s.Out[k]))
	}
	return net
}

// label makes a label of the given size.
func (net *network) label(size int) int {
	net.dim = append(net.dim, size)
	return len(net.dim) - 1
}

// modeFactor adds a factor of the given shape whose axis `column` is that of n_k, which box cuts. labels has one label an
// axis, or noLabel for an axis of size 1.
func (net *network) modeFactor(shape []int, column int, box interval, labels ...int) {
	strides := make([]int, len(shape))
	for i, step := len(shape)-1, 1; i >= 0; i-- {
		strides[i] = step
		step *= shape[i]
	}
	dims := slices.Clone(shape)
	dims[column] = box.hi - box.lo
	net.add(labels, makeShuffle(dims, strides, box.lo*strides[column]))
}

// coreFactor adds a factor without modes.
func (net *network) coreFactor(labels ...int) {
	size := 1
	for _, l := range labels {
		if l != noLabel {
			size *= net.dim[l]
		}
	}
	net.add(labels, makeShuffle([]int{size}, []int{1}, 0))
}

// add adds the next factor of the Linear.
func (net *network) add(labels []int, from shuffle) {
	labels = slices.DeleteFunc(labels, func(l int) bool { return l == noLabel })
	net.factors = append(net.factors, operand{labels, net.first + len(net.factors), from})
}

const noLabel = -1

// newTreeNetwork: leaf k has labels (m_k, n_k, a_k), inner node t with children s, u has labels (a_s, a_u, a_t); the root's
// last axis has size 1 and no label.
func newTreeNetwork(s Spec, box []interval, batch int) network {
	net := modeNetwork(s, box, batch)
	tree := s.tree()
	nodes := tree.Nodes()
	rank := map[Range]int{}
	for _, n := range nodes[:len(nodes)-1] {
		rank[n] = net.label(s.Rank(n))
	}
	rank[nodes[len(nodes)-1]] = noLabel
	for k := range s.In {
		net.modeFactor([]int{s.Out[k], s.In[k], s.Rank(Leaf(k))}, 1, box[k], net.out[k], net.in[k], rank[Leaf(k)])
	}
	inner, children := tree.Inner()
	for i, n := range inner {
		net.coreFactor(rank[children[i][0]], rank[children[i][1]], rank[n])
	}
	return net
}

// newTrainNetwork: core k has labels (a_{k-1}, m_k, n_k, a_k). The ends of a train have size 1 and no label, those of a ring are
// one label.
func newTrainNetwork(s Spec, box []interval, batch int) network {
	net := modeNetwork(s, box, batch)
	d := len(s.In)
	bonds := make([]int, d+1)
	for k := range bonds {
		switch {
		case k == d:
			bonds[k] = bonds[0]
		case k == 0 && s.Kind == TT:
			bonds[k] = noLabel
		default:
			bonds[k] = net.label(s.Bonds[k])
		}
	}
	for k := range d {
		shape := []int{s.Bonds[k], s.Out[k], s.In[k], s.Bonds[k+1]}
		net.modeFactor(shape, 2, box[k], bonds[k], net.out[k], net.in[k], bonds[k+1])
	}
	return net
}

// newLoopNetwork is term a of the trace of a ring's only core: labels (m_0, n_0).
func newLoopNetwork(s Spec, box []interval, batch, a int) network {
	net := modeNetwork(s, box, batch)
	m, n, r := s.Out[0], s.In[0], s.Bonds[0]
	width := box[0].hi - box[0].lo
	at := (a*m*n+box[0].lo)*r + a
	net.add([]int{net.out[0], net.in[0]}, makeShuffle([]int{m, width}, []int{n * r, r}, at))
	return net
}

// newBlockNetwork is block p: its factor k has labels (m_k, n_k, a_k), its core has (a_0, .., a_{d-1}).
func newBlockNetwork(s Spec, box []interval, batch, p int) network {
	net := modeNetwork(s, box, batch)
	net.first = p * (len(s.In) + 1)
	var core []int
	for k := range s.In {
		a := net.label(s.BlockRank)
		net.modeFactor([]int{s.Out[k], s.In[k], s.BlockRank}, 1, box[k], net.out[k], net.in[k], a)
		core = append(core, a)
	}
	net.coreFactor(core...)
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
