package rnn

import "github.com/fdht/fdht/internal/kernel"

// shardGrad holds the gradients of one shard.
type shardGrad struct {
	cells []cellGrad
	head  []float32
	bias  []float32
	all   []float32 // all of the above, as one vector
}

func (r *Runner) newGrad() *shardGrad {
	g := &shardGrad{}
	n := len(r.m.head) + len(r.m.bias)
	for i := range r.engines {
		c := r.engines[i].newGrad()
		n += c.inputs.Len() + c.recur.Len() + len(c.bias) + len(c.hiddenBias)
		g.cells = append(g.cells, c)
	}
	g.all = make([]float32, n)
	rest := g.all
	take := func(n int) (v []float32) {
		v, rest = rest[:n:n], rest[n:]
		return v
	}
	for i := range g.cells {
		c := &g.cells[i]
		rest = c.recur.Move(c.inputs.Move(rest))
		c.bias, c.hiddenBias = take(len(c.bias)), take(len(c.hiddenBias))
	}
	g.head, g.bias = take(len(r.m.head)), take(len(r.m.bias))
	return g
}

// aim points the gradients of dense matrices, which are written in place, at grads.
func (r *Runner) aim(grads [][]float32) {
	for i := range r.engines {
		e, g := &r.engines[i], &r.grads[0].cells[i]
		to := e.own(grads)
		e.inputs.Aim(g.inputs, to.wx)
		e.recur.Aim(g.recur, to.wh)
	}
}

// merge adds the gradients of shards 1, 2, ... to those of shard 0, in this order, and sets them to zero.
func (r *Runner) merge(shards int) {
	for _, g := range r.grads[1:max(shards, 1)] {
		take(r.grads[0].all, g.all)
	}
}

// collect adds the gradients of shard 0 to grads and sets them to zero.
func (r *Runner) collect(grads [][]float32) {
	first := r.grads[0]
	for i := range r.engines {
		r.engines[i].collect(grads, &first.cells[i])
	}
	take(grads[len(grads)-2], first.head)
	take(grads[len(grads)-1], first.bias)
}

// collect adds g to grads, which has a slice for each parameter of the model, and sets it to zero.
func (e *engine) collect(grads [][]float32, g *cellGrad) {
	to := e.own(grads)
	e.inputs.Collect(to.wx, g.inputs)
	e.recur.Collect(to.wh, g.recur)
	take(to.bias, g.bias)
	take(to.hiddenBias, g.hiddenBias)
}

// take adds from to to and sets from to zero.
func take(to, from []float32) {
	kernel.Axpy(to, 1, from)
	clear(from)
}
