package program

import (
	"slices"

	"github.com/fdht/fdht/factor"
)

// operand is a factor of a network.
type operand struct {
	at      int   // its first element for block 0, in the weights of the matrix
	labels  []int // of its axes
	strides []int // of each label
	block   move  // how it moves with the block
}

// move is what a block number adds to an operand's place: (number / div % mod) * stride.
type move struct{ div, mod, stride int }

var still = move{1, 1, 0}

// network is the tensor network of y = W x for a window of columns that is cut into blocks of one shape.
type network struct {
	dim           []int
	in, out       []int
	factors       []operand
	first, blocks int // the window begins at this place of block 0
	box           int // B
}

// networks are those whose sum is columns lo..hi-1 of w, in one block.
func networks(w *factor.Linear, lo, hi int) []network {
	spec := w.Spec()
	if spec.Kind == factor.Dense {
		return []network{denseNetwork(spec, lo, hi, hi-lo)}
	}
	sch := w.Schedule(lo, hi, 1)
	begins := beginnings(w)
	var nets []network
	for _, term := range sch.Terms {
		net := network{dim: term.Dim, in: term.In, out: term.Out, first: sch.First, blocks: 1, box: sch.Box}
		for _, from := range term.Factors {
			net.factors = append(net.factors, operand{at: begins[from.Param] + from.Index[0], labels: from.Axes, strides: stridesOf(term.Dim, from), block: still})
		}
		nets = append(nets, net)
	}
	return nets
}

// cut is the network of one block of columns with the same first `lead` modes. The window must begin with the first column.
func (net network) cut(lead int) network {
	net.dim, net.factors = slices.Clone(net.dim), slices.Clone(net.factors)
	for k, label := range net.in[:lead] {
		n := net.dim[label]
		for f := range net.factors {
			op := &net.factors[f]
			if at := slices.Index(op.labels, label); at >= 0 && n > 1 {
				op.block = move{sizeOf(net.dim, net.in[k+1:lead]), n, op.strides[at]} // no factor has two modes
			}
		}
		net.dim[label] = 1
		net.blocks *= n
		net.box /= n
	}
	return net
}

// denseNetwork is columns lo..hi-1 of a dense matrix, box at a time.
func denseNetwork(spec factor.Spec, lo, hi, box int) network {
	m, n := spec.Rows(), spec.Cols()
	blocks := (hi - lo + box - 1) / box
	op := operand{at: lo, labels: []int{2, 1}, strides: []int{n, 1}, block: still}
	if blocks > 1 {
		op.block = move{1, blocks, box}
	}
	return network{dim: []int{1, box, m}, in: []int{1}, out: []int{2}, factors: []operand{op}, blocks: blocks, box: box}
}

// stridesOf finds the stride of each axis of a factor in what its indices say.
func stridesOf(dim []int, f factor.Factor) []int {
	out := make([]int, len(f.Axes))
	step := 1
	for k := len(f.Axes) - 1; k >= 0; k-- {
		if n := dim[f.Axes[k]]; n > 1 {
			out[k] = f.Index[step] - f.Index[0]
			step *= n
		}
	}
	return out
}

// beginnings says where each factor of w begins in the list of all its weights.
func beginnings(w *factor.Linear) []int {
	var out []int
	at := 0
	for _, p := range w.Params() {
		out = append(out, at)
		at += len(p.Data)
	}
	return out
}

// chain finds the order in which the data meets the factors, one after the other, with the fewest multiply-adds: dynamic programming over the
// sets of factors that the data has met. Products of two factors are left out: they would have to be kept somewhere.
func (net *network) chain() (order []int, mac float64) {
	type way struct {
		mac  float64
		last int
		ok   bool
	}
	all := 1<<len(net.factors) - 1
	best := make([]way, all+1)
	best[0].ok = true
	for set := range best {
		if !best[set].ok {
			continue
		}
		data := net.met(set)
		for f, op := range net.factors {
			if set>>f&1 == 1 || !slices.ContainsFunc(op.labels, func(l int) bool { return slices.Contains(data, l) }) {
				continue
			}
			mac := best[set].mac + float64(sizeOf(net.dim, union(data, op.labels)))
			if next := &best[set|1<<f]; !next.ok || mac < next.mac {
				*next = way{mac, f, true}
			}
		}
	}
	for set := all; set != 0; set &^= 1 << best[set].last {
		order = append(order, best[set].last)
	}
	slices.Reverse(order)
	return order, best[all].mac * float64(net.blocks)
}

// mac is what an order costs; false when it is not one of all factors, each connected to the data when it comes.
func (net *network) mac(order []int) (mac float64, ok bool) {
	set := 0
	for _, f := range order {
		if f < 0 || f >= len(net.factors) || set>>f&1 == 1 {
			return 0, false
		}
		data, labels := net.met(set), net.factors[f].labels
		if !slices.ContainsFunc(labels, func(l int) bool { return slices.Contains(data, l) }) {
			return 0, false
		}
		mac += float64(sizeOf(net.dim, union(data, labels)))
		set |= 1 << f
	}
	return mac * float64(net.blocks), len(order) == len(net.factors)
}

// met are the labels of the data after it has met a set of factors: each label stands at two places.
func (net *network) met(set int) []int {
	data := slices.Clone(net.in)
	for f, op := range net.factors {
		if set>>f&1 == 0 {
			continue
		}
		for _, l := range op.labels {
			if at := slices.Index(data, l); at >= 0 {
				data = slices.Delete(data, at, at+1)
			} else {
				data = append(data, l)
			}
		}
	}
	return data
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, l)
		}
	}
	return out
}
