package rnn

import (
	"sync"
	"sync/atomic"
)

// Sequence is one clip: Len steps, at least one, of Input floats each, scaled and standardised. Steps are made when asked
// for, from several goroutines for different clips, and may be asked for more than once.
type Sequence interface {
	Len() int
	Load(dst []float32, t int)
}

// shardClips is how many clips go through the network together. A batch is cut into shards of this size whatever the
// number of workers, and the shards' gradients are added up in their order, so results do not depend on the workers.
const shardClips = 4

// Runner runs a Model over batches with a number of workers. It is for one goroutine.
type Runner struct {
	m       *Model
	engines []engine // of layer l and direction d at l D + d
	whole   bool     // the batch is one shard: a dense cell shares its work among goroutines itself
	workers []*worker
	grads   []*shardGrad // one a shard of the batch
	losses  []float64
	job     job
	next    atomic.Int64
	wg      sync.WaitGroup
}

// job is what the workers are at.
type job struct {
	batch   []Sequence
	logits  []float32 // inference: [B, C]
	train   bool
	dropout float32
	seed    uint64
	loss    func(clip int, dlogits, logits []float32) float64
	shard   int // clips in a shard
}

// NewRunner compiles m for the given number of workers, at least 1.
func (m *Model) NewRunner(workers int) *Runner {
	r := &Runner{m: m}
	for _, c := range m.cells {
		e := newEngine(c)
		r.whole = r.whole || e.inputs.Exclusive() || e.recur.Exclusive()
		r.engines = append(r.engines, e)
	}
	for range max(workers, 1) {
		r.workers = append(r.workers, newWorker(r))
	}
	r.Refresh()
	return r
}

// Refresh takes over the model's current weights. Call it after changing them.
func (r *Runner) Refresh() {
	for i := range r.engines {
		r.engines[i].refresh()
	}
}

// Forward writes the logits [B, C] of a batch.
func (r *Runner) Forward(logits []float32, batch []Sequence) {
	r.run(job{batch: batch, logits: logits})
}

// Train runs a batch forward and back. loss is called once for each clip, from several goroutines, with the clip's
// place in the batch and its logits [C]; it writes the derivative of the loss for the logits and returns the loss.
// Train adds the gradients to grads, one slice a parameter as Params lists them, and returns the sum of the losses. dropout is the
// share of pooled hidden units that are set to zero, seed chooses which.
func (r *Runner) Train(grads [][]float32, batch []Sequence, dropout float32, seed uint64, loss func(clip int, dlogits, logits []float32) float64) float64 {
	size := r.shardSize(len(batch))
	shards := (len(batch) + size - 1) / size
	for len(r.grads) < shards {
		r.grads = append(r.grads, r.newGrad())
	}
	for i := len(r.losses); i < len(batch); i++ {
		r.losses = append(r.losses, 0)
	}
	if r.whole {
		r.aim(grads)
	}
	r.run(job{batch: batch, train: true, dropout: dropout, seed: seed, loss: loss})
	r.collect(grads, shards)
	sum := 0.0
	for _, l := range r.losses[:len(batch)] {
		sum += l
	}
	return sum
}

func (r *Runner) shardSize(clips int) int {
	if r.whole {
		return max(clips, 1)
	}
	return shardClips
}

func (r *Runner) run(j job) {
	j.shard = r.shardSize(len(j.batch))
	r.job = j
	r.next.Store(0)
	shards := (len(j.batch) + j.shard - 1) / j.shard
	n := min(len(r.workers), shards)
	for _, w := range r.workers[min(1, n):n] {
		r.wg.Add(1)
		go w.start()
	}
	if n > 0 {
		r.wg.Add(1)
		r.workers[0].work()
	}
	r.wg.Wait()
	r.job = job{}
}
