package factor

import (
	"cmp"
	"math"
	"slices"
)

// layout is an order of axes in memory, the first slowest.
type layout struct {
	n    int
	axis [maxAxes]uint8
}

func layoutOf(axes ...[]int) (l layout) {
	for _, v := range axes {
		for _, a := range v {
			l.axis[l.n] = uint8(a)
			l.n++
		}
	}
	return l
}

func (l *layout) axes() []uint8 { return l.axis[:l.n] }

func (l *layout) add(axes ...uint8) { l.n += copy(l.axis[l.n:], axes) }

func (l *layout) labels() (v []int) {
	for _, a := range l.axes() {
		v = append(v, int(a))
	}
	return v
}

// maxLayouts bounds the orders that are followed. Long operands have many that differ little.
const maxLayouts = 200

// planLayout chooses, for a chain of contractions, the order of axes in memory at each link, so that the estimated time
// is least: a shortest path over axis orders, of which the cheapest maxLayouts are followed from each link. axes lists the labels of
// each operand in memory order.
func planLayout(net network, links []int, axes [][]int, why purpose) []*state {
	states := []state{{candidate: candidate{axes: layoutOf(net.in)}}}
	var list []candidate // memory that is used again
	for at, link := range links {
		var next []state
		place := map[layout]int{} // of an order in next
		for f := range states {
			from := &states[f]
			list = candidates(list[:0], net, &from.axes, axes[link])
			for i := range list {
				c := &list[i]
				shuffle := 0.0
				if c.mixed {
					shuffle = shuffleCost(net, from.axes.axes(), c.data.axes())
				}
				cost := from.cost + c.step.cost(why, at == 0, shuffle)
				if at > 0 && !c.mixed && pieceOf([]step{from.step, c.step}) > 0 {
					cost -= 2 * moveCost * float64(c.step.in())
				}
				if k, ok := place[c.axes]; !ok {
					place[c.axes] = len(next)
					next = append(next, state{*c, cost, from})
				} else if cost < next[k].cost {
					next[k] = state{*c, cost, from}
				}
			}
		}
		slices.SortStableFunc(next, func(a, b state) int { return cmp.Compare(a.cost, b.cost) })
		states = next[:min(len(next), maxLayouts)]
	}
	out := layoutOf(net.out)
	var best *state
	for i := range states {
		s := &states[i]
		if !sameLayout(net, s.axes.axes(), out.axes()) {
			s.cost += shuffleCost(net, s.axes.axes(), out.axes())
		}
		if best == nil || s.cost < best.cost {
			best = s
		}
	}
	var chain []*state
	for s := best; s.from != nil; s = s.from {
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	return chain
}

// state is the cheapest way found to have the data's axes in one order.
type state struct {
	candidate
	cost float64
	from *state
}

// candidate is a way to do a step, with its sizes but without its shuffles.
type candidate struct {
	step  step
	mixed bool   // the data is reordered first
	data  layout // of the data when it is multiplied
	s, t  layout // S and T, in memory order
	axes  layout // of the result
}

// build makes the step: w are the axes of its operand, from those of the data as the step before left it.
func (c *candidate) build(net network, operand int, w, from []int) step {
	st, s, t := c.step, c.s.labels(), c.t.labels()
	st.operand = operand
	if c.mixed {
		sh := newShuffle(net.dim, from, c.data.labels())
		st.before = &sh
	}
	ts, ft := newShuffle(net.dim, w, slices.Concat(t, s)), newShuffle(net.dim, w, slices.Concat(s, t))
	st.ts, st.st = &ts, &ft
	return st
}

// sameLayout reports whether two orders of the same axes are one in memory: axes of size 1 may stand anywhere.
func sameLayout(net network, a, b []uint8) bool {
	for {
		for len(a) > 0 && net.dim[a[0]] == 1 {
			a = a[1:]
		}
		for len(b) > 0 && net.dim[b[0]] == 1 {
			b = b[1:]
		}
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

// candidates appends to list the ways to contract data with an operand of axes w.
func candidates(list []candidate, net network, data *layout, w []int) []candidate {
	var s, rest, free layout // S and the other axes in the data's order, T in the operand's
	for _, a := range data.axes() {
		if slices.Contains(w, int(a)) {
			s.add(a)
		} else {
			rest.add(a)
		}
	}
	for _, a := range w {
		if !slices.Contains(data.axes(), uint8(a)) {
			free.add(uint8(a))
		}
	}
	// In place first: S stands before rest[at:].
	first := slices.Index(data.axes(), s.axis[0])
	for i := range rest.n + 1 {
		at := (first + i) % (rest.n + 1)
		left, right := rest.axes()[:at], rest.axes()[at:]
		c := candidate{s: s}
		c.data.add(left...)
		c.data.add(s.axes()...)
		c.data.add(right...)
		c.mixed = !sameLayout(net, c.data.axes(), data.axes())
		c.step = step{outer: sizeOf(net, left), mid: 1, inner: sizeOf(net, right), s: sizeOf(net, s.axes()), t1: 1, t2: sizeOf(net, free.axes())}
		for t := range permutations(free) {
			c.t = t
			list = c.forms(list, net, left, right)
		}
	}
	return list
}

// forms appends to list the forms of one step, where S stands between the axes left and right and T in one order.
func (c candidate) forms(list []candidate, net network, left, right []uint8) []candidate {
	t := c.t.axes()
	put := func(f form, parts ...[]uint8) {
		c.step.form, c.axes = f, layout{}
		for _, p := range parts {
			c.axes.add(p...)
		}
		list = append(list, c)
	}
	if c.step.inner == 1 {
		put(along, left, t, right)
		put(across, left, t, right)
		return list
	}
	put(inside, left, t, right)
	put(turned, left, right, t)
	for k := 1; k < len(right); k++ {
		c.step.mid, c.step.inner = sizeOf(net, right[:k]), sizeOf(net, right[k:])
		if c.step.inner == 1 || c.step.mid == 1 {
			continue
		}
		for j := range t {
			c.step.t1, c.step.t2 = sizeOf(net, t[:j]), sizeOf(net, t[j:])
			put(inside, left, t[:j], right[:k], t[j:], right[k:])
		}
	}
	return list
}

// The estimates below are nanoseconds on a 16-lane core; only their ratios matter.
const (
	laneMACs   = 95.0 // multiply-adds a nanosecond with full vectors
	callCost   = 4.0  // a product of its own
	runCost    = 50.0 // a batch of products of its own
	moveCost   = 0.04 // an element read or written in order
	turnCost   = 0.12 // an element that a transposition moves
	copyCost   = 0.06 // an element that a shuffle moves in a run of adjacent ones
	startCost  = 5.0  // a run of its own
	mixCost    = 0.9  // an element moved by itself
	reduceCost = 0.6  // adding up the lanes of one sum
)

// shuffleCost estimates the time that a row takes from one order of its axes to another.
func shuffleCost(net network, from, to []uint8) float64 {
	size := float64(sizeOf(net, to))
	run, other := suffixRun(net, to, from), suffixRun(net, from, to)
	switch {
	case run == other:
		return size * (copyCost + startCost/float64(run))
	case run >= 16 && other >= 4:
		return size * turnCost
	default:
		return size * mixCost
	}
}

// suffixRun is the size of the axes at the end of a that stand side by side, in this order, in b too.
func suffixRun(net network, a, b []uint8) int {
	last := len(a) - 1
	n, at := net.dim[a[last]], slices.Index(b, a[last])
	for i := 1; i <= last && i <= at && a[last-i] == b[at-i]; i++ {
		n *= net.dim[a[last-i]]
	}
	return n
}

// cost estimates the time of one row, shuffle being that of reordering the data first.
func (p *step) cost(why purpose, first bool, shuffle float64) float64 {
	total := shuffle + p.product()
	if why == gradient {
		if !first {
			total += p.backProduct() + shuffle
		}
		total += p.weightGradient()
	}
	return total
}

// product estimates y from x.
func (p *step) product() float64 {
	move := moveCost * float64(p.in()+p.out())
	switch p.form {
	case inside:
		return move + runCost*float64(p.outer*p.t1) + mulCost(p.t2, p.inner, p.s, p.outer*p.t1*p.mid)
	case turned:
		return move + runCost + mulCost(p.inner, p.t(), p.s, p.outer)
	case along:
		return move + mulCost(p.outer, p.t(), p.s, 1)
	default:
		return move + dotCost(p.outer, p.t(), p.s, 1)
	}
}

// backProduct estimates the derivative of x from that of y.
func (p *step) backProduct() float64 {
	move := moveCost * float64(p.in()+p.out())
	switch p.form {
	case inside:
		return move + runCost*float64(p.outer*p.t1) + mulCost(p.s, p.inner, p.t2, p.outer*p.t1*p.mid)
	case turned: // the product turns dy first, or its result
		dy := runCost*float64(p.outer) + turnCost*float64(p.out()) + mulCost(p.s, p.inner, p.t(), p.outer)
		dx := runCost*float64(p.outer) + turnCost*float64(p.in()) + mulCost(p.inner, p.s, p.t(), p.outer)
		return move + min(dy, dx)
	default:
		return move + mulCost(p.outer, p.s, p.t(), 1)
	}
}

// weightGradient estimates the derivative of the operand.
func (p *step) weightGradient() float64 {
	move := moveCost * float64(p.in()+p.out())
	switch p.form {
	case inside:
		return move + runCost*float64(p.outer*p.t1) + dotCost(p.t2, p.s, p.inner, p.outer*p.t1*p.mid)
	case turned:
		return move + runCost + mulCost(p.s, p.t(), p.inner, p.outer)
	default:
		return move + mulCost(min(p.s, p.t()), max(p.s, p.t()), p.outer, 1)
	}
}

func mulCost(m, n, k, batch int) float64 {
	return float64(batch) * (callCost + float64(m)*lanes(n)*float64(k)/laneMACs)
}

func dotCost(m, n, k, batch int) float64 {
	return float64(batch) * (callCost + float64(m)*float64(n)*(lanes(k)/laneMACs+reduceCost))
}

// lanes rounds n up to whole vectors.
func lanes(n int) float64 { return 16 * math.Ceil(float64(n)/16) }

// sizeOf is the number of elements of a tensor with these axes.
func sizeOf[label int | uint8](net network, axes []label) int {
	n := 1
	for _, a := range axes {
		n *= net.dim[a]
	}
	return n
}

// maxPermuted is how many labels are brought into every order. The core of a block has more; of those each one is moved to the
// front, the others keep their order.
const maxPermuted = 5

// permutations yields every order of v, or a few where there are too many, v itself first.
func permutations(v layout) func(yield func(layout) bool) {
	depth := v.n - 1
	if v.n > maxPermuted {
		depth = 1
	}
	return func(yield func(layout) bool) { permute(v, 0, depth, yield) }
}

// permute yields v with its axes from done on, but those before depth alone, chosen in every way.
func permute(v layout, done, depth int, yield func(layout) bool) bool {
	if done >= depth {
		return yield(v)
	}
	for i := done; i < v.n; i++ {
		next := v
		copy(next.axis[done+1:], v.axis[done:i]) // the others keep their order
		next.axis[done] = v.axis[i]
		if !permute(next, done+1, depth, yield) {
			return false
		}
	}
	return true
}
