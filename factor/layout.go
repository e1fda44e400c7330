package factor

import (
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
//
// It returns the estimate of a row's time as well.
func planLayout(net network, links []int, axes [][]int, why purpose) (steps []step, after *shuffle, cost float64) {
	type state struct {
		axes  []int
		cost  float64
		steps []step
	}
	states := []state{{axes: slices.Clone(net.in)}}
	for at, link := range links {
		next := map[string]state{}
		for _, from := range states {
			for _, c := range candidates(net, from.axes, axes[link]) {
				st := c.step
				st.operand = link
				cost := from.cost + c.cost(why, at == 0)
				key := keyOf(c.axes)
				if old, ok := next[key]; !ok || cost < old.cost {
					next[key] = state{c.axes, cost, append(slices.Clone(from.steps), st)}
				}
			}
		}
		// A fixed order of states keeps the choice the same in every run.
		states = states[:0]
		keys := make([]string, 0, len(next))
		for k := range next {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			states = append(states, next[k])
		}
	}
	best := -1
	for i, s := range states {
		if !slices.Equal(s.axes, net.out) {
			states[i].cost += shuffleCost(sizeOf(net, s.axes))
		}
		if best < 0 || states[i].cost < states[best].cost {
			best = i
		}
	}
	if end := states[best]; !slices.Equal(end.axes, net.out) {
		sh := newShuffle(net.dim, end.axes, net.out)
		if !sh.trivial() {
			after = &sh
		}
	}
	return states[best].steps, after, states[best].cost
}

type candidate struct {
	step
	axes []int // of the result
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
	add := func(order []int, before *shuffle) {
		p := slices.Index(order, contracted[0])
		q := p + len(contracted)
		base := step{before: before, outer: sizeOf(net, order[:p]), mid: 1, inner: sizeOf(net, order[q:]), s: sizeOf(net, contracted), t1: 1, t2: sizeOf(net, free)}
		for t := range permutations(free) {
			c := candidate{step: base, axes: slices.Concat(order[:p], t, order[q:])}
			c.ts = newShuffle(net.dim, w, slices.Concat(t, contracted))
			c.st = newShuffle(net.dim, w, slices.Concat(contracted, t))
			if c.inner == 1 {
				c.form = along
				out = append(out, c)
				c.form = across
				out = append(out, c)
				continue
			}
			out = append(out, c)
			for k := q + 1; k < len(order); k++ {
				c.mid, c.inner = sizeOf(net, order[q:k]), sizeOf(net, order[k:])
				if c.inner == 1 || c.mid == 1 {
					continue
				}
				for j := range t {
					c.t1, c.t2 = sizeOf(net, t[:j]), sizeOf(net, t[j:])
					c.axes = slices.Concat(order[:p], t[:j], order[q:k], t[j:], order[k:])
					out = append(out, c)
				}
			}
		}
	}
	first := slices.Index(data, contracted[0])
	if slices.Equal(data[first:min(first+len(contracted), len(data))], contracted) {
		add(data, nil)
	}
	rest := slices.DeleteFunc(slices.Clone(data), func(a int) bool { return slices.Contains(contracted, a) })
	for at := range len(rest) + 1 {
		order := slices.Concat(rest[:at], contracted, rest[at:])
		if !slices.Equal(order, data) {
			sh := newShuffle(net.dim, data, order)
			if sh.trivial() {
				add(order, nil)
			} else {
				add(order, &sh)
			}
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

// cost estimates the time of one row.
func (p *step) cost(why purpose, first bool) float64 {
	total := 0.0
	if p.before != nil {
		total += shuffleCost(p.in())
	}
	total += p.product()
	if why == gradient {
		if !first {
			total += p.product()
			if p.before != nil {
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
