package factor

import (
	"maps"
	"math"
	"slices"
)

// form says how a step multiplies. A row of the data is viewed as [outer, S, mid, inner]: S are the contracted labels, which
// lie side by side. The operand's other labels T take their place, or, in two parts, stand before and after mid, which brings
// labels that the next step contracts side by side without a copy.
type form int

const (
	// inside: inner > 1. For each outer and mid index  y[T1, T2, inner] = W[T1 T2, S] x[S, inner]; vectors run along inner.
	inside form = iota
	// along: inner = 1, S comes last.  y[outer, T] = x[outer, S] W[S, T]; vectors run along T.
	along
	// across: inner = 1 as well, y[outer, T] = x[outer, S] W[T, S]^T; vectors run along S, for few T and many S.
	across
)

// step contracts the data with one operand that does not depend on the data.
type step struct {
	operand    int      // number of the operand: a factor, or a product of factors made ahead
	before     *shuffle // reorders a row of the data first, when S does not lie side by side
	form       form
	outer, mid int     // a row of the data is [outer, S, mid, inner] ...
	inner, s   int     // ... with S of size s ...
	t1, t2     int     // ... and becomes [outer, T1, mid, T2, inner]; mid > 1 only inside
	ts, st     shuffle // the operand's axes brought into the orders [T, S] and [S, T]
}

// in and out are the sizes of a row of the data before and after the step.
func (p *step) in() int  { return p.outer * p.s * p.mid * p.inner }
func (p *step) out() int { return p.outer * p.t() * p.mid * p.inner }

// t is the size of T.
func (p *step) t() int { return p.t1 * p.t2 }

// planLayout chooses, for a chain of contractions, the order of axes in memory at each link, so that the estimated time
// is least: a shortest path over axis orders. operands lists the labels of each link's operand in memory order. after,
// when not nil, brings the last result into the order that net.out asks for.
func planLayout(net network, links []int, axes [][]int, why purpose) (steps []step, after *shuffle) {
	start := state{candidate: candidate{axes: net.in}}
	states := []*state{&start}
	for at, link := range links {
		next := map[string]*state{}
		for _, from := range states {
			for _, c := range candidates(net, from.axes, axes[link]) {
				cost := from.cost + c.step.cost(why, at == 0, c.mixed)
				key := keyOf(c.axes)
				if old, ok := next[key]; !ok || cost < old.cost {
					next[key] = &state{c, cost, from}
				}
			}
		}
		// A fixed order of states keeps the choice the same in every run.
		states = states[:0]
		for _, k := range slices.Sorted(maps.Keys(next)) {
			states = append(states, next[k])
		}
	}
	best := states[0]
	for i, s := range states {
		if !slices.Equal(s.axes, net.out) {
			s.cost += shuffleCost(sizeOf(net, s.axes))
		}
		if i == 0 || s.cost < best.cost {
			best = s
		}
	}
	if !sameLayout(net, best.axes, net.out) {
		sh := newShuffle(net.dim, best.axes, net.out)
		after = &sh
	}
	// Shuffles are made for the chosen path alone: making them for every candidate would take longer than all the rest.
	for at := len(links) - 1; at >= 0; at-- {
		steps = append(steps, best.build(net, links[at], axes[links[at]], best.from.axes))
		best = best.from
	}
	slices.Reverse(steps)
	return steps, after
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
	mixed bool  // the data is reordered first
	data  []int // axes of the data when it is multiplied
	s, t  []int // S and T, in memory order
	axes  []int // of the result
}

// build makes the step: w are the axes of its operand, from those of the data as the step before left it.
func (c *candidate) build(net network, operand int, w, from []int) step {
	st := c.step
	st.operand = operand
	if c.mixed {
		sh := newShuffle(net.dim, from, c.data)
		st.before = &sh
	}
	st.ts = newShuffle(net.dim, w, slices.Concat(c.t, c.s))
	st.st = newShuffle(net.dim, w, slices.Concat(c.s, c.t))
	return st
}

// sameLayout reports whether two orders of the same axes are one in memory: axes of size 1 may stand anywhere.
func sameLayout(net network, a, b []int) bool {
	long := func(v []int) []int {
		return slices.DeleteFunc(slices.Clone(v), func(l int) bool { return net.dim[l] == 1 })
	}
	return slices.Equal(long(a), long(b))
}

// candidates lists the ways to contract data with axes `data` with an operand with axes `w`.
func candidates(net network, data, w []int) []candidate {
	var contracted, free []int // S in the data's order, T in the operand's
	for _, a := range data {
		if slices.Contains(w, a) {
			contracted = append(contracted, a)
		}
	}
	for _, a := range w {
		if !slices.Contains(data, a) {
			free = append(free, a)
		}
	}
	var out []candidate
	add := func(order []int, mixed bool) {
		p := slices.Index(order, contracted[0])
		q := p + len(contracted)
		base := step{outer: sizeOf(net, order[:p]), mid: 1, inner: sizeOf(net, order[q:]), s: sizeOf(net, contracted), t1: 1, t2: sizeOf(net, free)}
		for t := range permutations(free) {
			c := candidate{step: base, mixed: mixed, data: order, s: contracted, t: t, axes: slices.Concat(order[:p], t, order[q:])}
			if c.step.inner == 1 {
				c.step.form = along
				out = append(out, c)
				c.step.form = across
				out = append(out, c)
				continue
			}
			out = append(out, c)
			for k := q + 1; k < len(order); k++ {
				c.step.mid, c.step.inner = sizeOf(net, order[q:k]), sizeOf(net, order[k:])
				if c.step.inner == 1 || c.step.mid == 1 {
					continue
				}
				for j := range t {
					c.step.t1, c.step.t2 = sizeOf(net, t[:j]), sizeOf(net, t[j:])
					c.axes = slices.Concat(order[:p], t[:j], order[q:k], t[j:], order[k:])
					out = append(out, c)
				}
			}
		}
	}
	first := slices.Index(data, contracted[0])
	if slices.Equal(data[first:min(first+len(contracted), len(data))], contracted) {
		add(data, false)
	}
	rest := slices.DeleteFunc(slices.Clone(data), func(a int) bool { return slices.Contains(contracted, a) })
	for at := range len(rest) + 1 {
		order := slices.Concat(rest[:at], contracted, rest[at:])
		if !slices.Equal(order, data) {
			add(order, !sameLayout(net, order, data))
		}
	}
	return out
}

// The estimates below are nanoseconds on a 16-lane core; only their ratios matter.
const (
	laneMACs   = 95.0 // multiply-adds a nanosecond with full vectors
	callCost   = 4.0  // a product of its own
	runCost    = 50.0 // a batch of products of its own
	moveCost   = 0.04 // an element read or written in order
	mixCost    = 0.9  // an element that a shuffle moves
	reduceCost = 0.6  // adding up the lanes of one sum
)

func shuffleCost(size int) float64 { return mixCost * float64(size) }

// cost estimates the time of one row; mixed says that the data is reordered first.
func (p *step) cost(why purpose, first, mixed bool) float64 {
	total := 0.0
	if mixed {
		total += shuffleCost(p.in())
	}
	total += p.product()
	if why == gradient {
		if !first {
			total += p.product()
			if mixed {
				total += shuffleCost(p.in())
			}
		}
		total += p.weightGradient()
	}
	return total
}

func (p *step) product() float64 {
	move := moveCost * float64(p.in()+p.out())
	switch p.form {
	case inside:
		return move + runCost*float64(p.outer*p.t1) + mulCost(p.t2, p.inner, p.s, p.outer*p.t1*p.mid)
	case along:
		return move + mulCost(p.outer, p.t(), p.s, 1)
	default:
		return move + dotCost(p.outer, p.t(), p.s, 1)
	}
}

func (p *step) weightGradient() float64 {
	move := moveCost * float64(p.in()+p.out())
	if p.form == inside {
		return move + runCost*float64(p.outer*p.t1) + dotCost(p.t2, p.s, p.inner, p.outer*p.t1*p.mid)
	}
	return move + mulCost(min(p.s, p.t()), max(p.s, p.t()), p.outer, 1)
}

func mulCost(m, n, k, batch int) float64 {
	return float64(batch) * (callCost + float64(m)*lanes(n)*float64(k)/laneMACs)
}

func dotCost(m, n, k, batch int) float64 {
	return float64(batch) * (callCost + float64(m)*float64(n)*(lanes(k)/laneMACs+reduceCost))
}

// lanes rounds n up to whole vectors.
func lanes(n int) float64 { return 16 * math.Ceil(float64(n)/16) }

func sizeOf(net network, axes []int) int {
	n := 1
	for _, a := range axes {
		n *= net.dim[a]
	}
	return n
}

func keyOf(axes []int) string {
	b := make([]byte, len(axes))
	for i, a := range axes {
		b[i] = byte(a)
	}
	return string(b)
}

// permutations yields every order of v, v itself first.
func permutations(v []int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		var walk func(done, rest []int) bool
		walk = func(done, rest []int) bool {
			if len(rest) == 0 {
				return yield(slices.Clone(done))
			}
			for i := range rest {
				left := slices.Concat(rest[:i], rest[i+1:])
				if !walk(append(slices.Clone(done), rest[i]), left) {
					return false
				}
			}
			return true
		}
		walk(nil, v)
	}
}
