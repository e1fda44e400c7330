package program

import (
	"slices"

	"github.com/fdht/fdht/factor"
)

// operand is a factor of a network.
type operand struct {
	at      int    // its first element for block 0, in the weights of the matrix
	labels  []int  // of its axes
	strides []int  // of each label
	block   []move // how it moves with the block
}

// move is what a block number adds to an operand's place: (number / Div % Mod) * Stride.
type move struct{ div, mod, stride int }

// network is the tensor network of y = W x for a window of columns that is cut into blocks of one shape.
type network struct {
	dim           []int
	in, out       []int
	factors       []operand
	first, blocks int // the window begins at this place of block 0
	box           int // B
}

// networks are those whose sum is columns lo..hi-1 of w, in blocks of all columns with the same first `lead` modes. A window that
// is to be cut must begin with column 0.
func networks(w *factor.Linear, lo, hi, lead int) []network {
	spec := w.Spec()
	if spec.Kind == factor.Dense {
		return []network{denseNetwork(spec, lo, hi, hi-lo)}
	}
	sch, blocks := w.Schedule(lo, hi, 1), 1
	var moved []factor.Schedule // by one place in each leading mode
	if lead > 0 {
		box := sizeOf(spec.In, span(lead, len(spec.In)))
		sch, blocks = w.Schedule(0, box, 1), (hi+box-1)/box
		for k := range lead {
			sub := sizeOf(spec.In, span(k+1, len(spec.In)))
			moved = append(moved, w.Schedule(sub%spec.Cols(), sub%spec.Cols()+1, 1))
		}
	}
	begins := beginnings(w)
	var nets []network
	for t, term := range sch.Terms {
		net := network{dim: term.Dim, in: term.In, out: term.Out, first: sch.First, blocks: blocks, box: sch.Box}
		for f, from := range term.Factors {
			op := operand{at: begins[from.Param] + from.Index[0], labels: from.Axes, strides: stridesOf(term.Dim, from)}
			for k, m := range moved {
				if stride := m.Terms[t].Factors[f].Index[0] - from.Index[0]; stride != 0 {
					sub := sizeOf(spec.In, span(k+1, len(spec.In)))
					op.block = append(op.block, move{sub / sch.Box, spec.In[k], stride})
				}
			}
			net.factors = append(net.factors, op)
		}
		nets = append(nets, net)
	}
	return nets
}

// denseNetwork is columns lo..hi-1 of a dense matrix, box at a time.
func denseNetwork(spec factor.Spec, lo, hi, box int) network {
	m, n := spec.Rows(), spec.Cols()
	blocks := (hi - lo + box - 1) / box
	op := operand{at: lo, labels: []int{2, 1}, strides: []int{n, 1}}
	if blocks > 1 {
		op.block = []move{{1, blocks, box}}
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

func span(lo, hi int) []int {
	var out []int
	for i := lo; i < hi; i++ {
		out = append(out, i)
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
