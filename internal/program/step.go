package program

import (
	"cmp"
	"fmt"
	"slices"
)

// Step multiplies the data with a factor: with the data seen as [Outer, Sum, Inner],
//
//	y[o YOuter + t YT + i YInner] = sum_s w[t, s] x[o, s, i]
type Step struct {
	Gather             []Axis // reorders the data first: where each element of the new order lies; nil: as it is
	At                 int    // the factor's first element in the weights of the network, for block 0
	Div, Mod, Stride   int    // with block b the factor begins (b / Div % Mod) * Stride later
	T, S               []Axis // where w[t, s] lies
	Outer, Sum, Inner  int
	Out                int // size of T
	YOuter, YT, YInner int
	Shift              int // integers: the sums are divided by 2^Shift
}

// Packed reports whether an engine should bring w into one piece first, since it is used often and its axes are not two plain strides or
// the one that the innermost loop runs along is not adjacent: [T, S], or [S, T] where Inner is 1.
func (s *Step) Packed() bool {
	plain := len(s.T) == 1 && len(s.S) == 1 && (s.Inner > 1 || s.T[0].Stride == 1)
	return !plain && s.Outer*s.Inner > 1
}

// in and out are the sizes of the data before and after the step.
func (s *Step) in() int  { return s.Outer * s.Sum * s.Inner }
func (s *Step) out() int { return s.Outer * s.Out * s.Inner }

// Term is one chain of steps. Its last result, read at the places of Scatter, is added to y.
type Term struct {
	Order   []int // the factors in the order in which the data meets them
	Steps   []Step
	Scatter []Axis // M places
	Mult    int32  // integers: times Mult / 2^Shift when it is added
	Shift   int
}

// maxOrders bounds the orders of the data's axes that are followed from one step to the next.
const maxOrders = 40

// The cost of moving an element, in multiply-adds.
const (
	gatherCost = 3.0
	shortLoop  = 8 // an innermost loop of fewer places costs more
)

// way is the cheapest way found to have the data's axes in one order.
type way struct {
	axes []int
	cost float64
	step Step
	from *way
}

// term lays out the chain of a network: which axes stand where, so that little is moved and innermost loops are long.
func (net *network) term(order []int, at int) Term {
	ways := []*way{{axes: net.in}}
	set := 0
	for _, f := range order {
		best := map[string]*way{}
		var next []*way
		for _, from := range ways {
			net.follow(from, f, at, func(w *way) {
				key := fmt.Sprint(w.axes)
				if old := best[key]; old == nil {
					best[key] = w
					next = append(next, w)
				} else if w.cost < old.cost {
					*old = *w
				}
			})
		}
		slices.SortStableFunc(next, func(a, b *way) int { return cmp.Compare(a.cost, b.cost) })
		ways = next[:min(len(next), maxOrders)]
		set |= 1 << f
	}
	w := ways[0]
	t := Term{Order: order, Scatter: tensor{net.dim, w.axes}.axes(net.out)}
	for ; w.from != nil; w = w.from {
		t.Steps = append(t.Steps, w.step)
	}
	slices.Reverse(t.Steps)
	return t
}

// follow calls add with every way to go on from w by factor f.
func (net *network) follow(w *way, f, at int, add func(*way)) {
	op := net.factors[f]
	var s, rest, t []int
	for _, l := range w.axes {
		if slices.Contains(op.labels, l) {
			s = append(s, l)
		} else {
			rest = append(rest, l)
		}
	}
	for _, l := range op.labels {
		if !slices.Contains(w.axes, l) {
			t = append(t, l)
		}
	}
	for left := range len(rest) + 1 {
		data := slices.Concat(rest[:left], s, rest[left:])
		st := Step{At: at + op.at, Div: op.block.div, Mod: op.block.mod, Stride: op.block.stride, Sum: sizeOf(net.dim, s), Out: sizeOf(net.dim, t),
			Outer: sizeOf(net.dim, rest[:left]), Inner: sizeOf(net.dim, rest[left:])}
		cost := w.cost
		if g := (tensor{net.dim, w.axes}).axes(data); len(g) > 1 || g[0].Stride != 1 {
			st.Gather = g
			cost += gatherCost * float64(st.in())
		}
		st.S = op.axes(net.dim, s)
		for _, order := range permutations(t) {
			st.T = op.axes(net.dim, order)
			for _, y := range [][]int{
				slices.Concat(rest[:left], order, rest[left:]), slices.Concat(rest[:left], rest[left:], order), slices.Concat(order, rest[:left], rest[left:]),
			} {
				next := &way{axes: y, step: st, from: w}
				next.step.place(net.dim, y, rest[:left], order, rest[left:])
				next.cost = cost + next.step.cost()
				add(next)
			}
		}
	}
}

// place sets the strides of the result, whose axes are y.
func (s *Step) place(dim, y, outer, t, inner []int) {
	stride := func(part []int) int {
		if sizeOf(dim, part) == 1 {
			return 1
		}
		last := slices.Index(y, part[len(part)-1])
		return sizeOf(dim, y[last+1:])
	}
	s.YOuter, s.YT, s.YInner = stride(outer), stride(t), stride(inner)
}

// cost estimates a step.
func (s *Step) cost() float64 {
	c := float64(s.Outer * s.Out * s.Sum * s.Inner)
	run := 1 // of the innermost loop, adjacent in memory
	switch {
	case s.Inner > 1 && s.YInner == 1:
		run = s.Inner
	case s.Inner == 1 && s.YT == 1:
		run = s.Out
	}
	if run < shortLoop {
		c *= 1 + 1.5*float64(shortLoop-run)/shortLoop
	}
	if s.Packed() {
		c += gatherCost * float64(s.Out*s.Sum)
	}
	return c
}

// axes are those of an operand for the given labels, in their order.
func (op *operand) axes(dim, labels []int) []Axis {
	var out []Axis
	for _, l := range labels {
		out = append(out, Axis{dim[l], op.strides[slices.Index(op.labels, l)]})
	}
	return join(out)
}

// permutations are all orders of v, v itself first.
func permutations(v []int) [][]int {
	const most = 4 // factors of more new axes keep their own order
	if len(v) < 2 || len(v) > most {
		return [][]int{v}
	}
	var out [][]int
	for i := range v {
		rest := slices.Delete(slices.Clone(v), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]int{v[i]}, p...))
		}
	}
	return out
}
