package factor

import "slices"

// outline is how a network is contracted, without memory for it.
type outline struct {
	axes  [][]int  // labels of each operand in memory order: the factors, then what is made ahead
	ahead []pair   // operand len(factors)+i is the product of these two
	links []int    // the operands that the data meets, in order
	chain []*state // how: the axes before and after each
}

// pair are two operands.
type pair struct{ a, b int }

// outlineOf finds the order of contractions and the layout of the data between them.
func outlineOf(net network, why purpose) outline {
	var o outline
	number := map[uint32]int{} // set of factors -> operand
	for f, op := range net.factors {
		o.axes = append(o.axes, op.axes)
		number[2<<f] = f
	}
	for _, c := range searchOrder(net, why).steps {
		b := number[c.b]
		if c.a&1 != 0 {
			o.links = append(o.links, b)
			continue
		}
		a := number[c.a]
		i, _, j := Divide(o.axes[a], o.axes[b])
		number[c.a|c.b] = len(o.axes)
		o.axes = append(o.axes, slices.Concat(i, j))
		o.ahead = append(o.ahead, pair{a, b})
	}
	o.chain = planLayout(net, o.links, o.axes, why)
	return o
}

// Divide splits the labels of two operands into those of a alone, those of both, which their product sums over, and those of b alone.
func Divide(a, b []int) (i, k, j []int) {
	for _, l := range a {
		if slices.Contains(b, l) {
			k = append(k, l)
		} else {
			i = append(i, l)
		}
	}
	for _, l := range b {
		if !slices.Contains(k, l) {
			j = append(j, l)
		}
	}
	return i, k, j
}

// steps makes the steps of the chain. after, when not nil, brings the last result into the order that net.out asks for.
func (o *outline) steps(net network) (steps []step, after *shuffle) {
	at := net.in
	for i, s := range o.chain {
		steps = append(steps, s.build(net, o.links[i], o.axes[o.links[i]], at))
		at = s.axes.labels()
	}
	last := layoutOf(at)
	if out := layoutOf(net.out); !sameLayout(net, last.axes(), out.axes()) {
		sh := newShuffle(net.dim, at, net.out)
		after = &sh
	}
	return steps, after
}
