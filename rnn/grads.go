package rnn

import "github.com/fdht/fdht/internal/kernel"

// shardGrad holds the gradients of one shard.
type shardGrad struct {
	cells []cellGrad
	head  []float32
	bias  []float32
}

func (r *Runner) newGrad() *shardGrad {
	g := &shardGrad{head: make([]float32, len(r.m.head)), bias: make([]float32, len(r.m.bias))}
	for i := range r.engines {
		g.cells = append(g.cells, r.engines[i].newGrad())
	}
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

// collect adds the shards' gradients, in the order of the shards, to grads, and sets them to zero.
func (r *Runner) collect(grads [][]float32, shards int) {
	first := r.grads[0]
	for _, g := range r.grads[1:max(shards, 1)] {
		for i := range g.cells {
			to := &first.cells[i]
			to.inputs.Merge(g.cells[i].inputs)
			to.recur.Merge(g.cells[i].recur)
			take(to.bias, g.cells[i].bias)
			take(to.hiddenBias, g.cells[i].hiddenBias)
		}
		take(first.head, g.head)
		take(first.bias, g.bias)
	}
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
