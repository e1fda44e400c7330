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
	shards  int // whose gradients wait for Collect
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
	first   int // place of the first clip in the batch that this one is a part of
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
	sum := 0.0
	for _, l := range r.Backward(grads, batch, 0, dropout, seed, loss) {
		sum += l
	}
	r.Collect(grads)
	return sum
}

// Unit is the clips of a shard. Runners that divide a batch among them, each taking a run of its shards, come to the bits that
// one comes to with all of it, when they add up the shards' gradients in the order of the shards. 0: the whole batch is one
// shard, and a divided batch gives the same to rounding.
func (r *Runner) Unit() int {
	if r.whole {
		return 0
	}
	return shardClips
}

// Backward is the first half of Train, for a run of a batch's clips of which the first has place first in the batch, a multiple of Unit. It returns
// the losses of these clips, valid until the next call. Gradients stay in the Runner until Collect, but for those of large dense matrices,
// which go to grads at once.
func (r *Runner) Backward(grads [][]float32, clips []Sequence, first int, dropout float32, seed uint64, loss func(clip int, dlogits, logits []float32) float64) []float64 {
	r.shards = r.count(len(clips))
	for len(r.grads) < max(r.shards, 1) {
		r.grads = append(r.grads, r.newGrad())
	}
	for i := len(r.losses); i < len(clips); i++ {
		r.losses = append(r.losses, 0)
	}
	if r.whole {
		r.aim(grads)
	}
	r.run(job{batch: clips, first: first, train: true, dropout: dropout, seed: seed, loss: loss})
	return r.losses[:len(clips)]
}

// Reduce lets f add up what the Backwards of several Runners left: shards are the gradients of this one, a vector a shard, all of one
// layout in all Runners of a model; f writes to total, which is the memory of the first of them or zero, the sum that Collect is to take.
func (r *Runner) Reduce(f func(total []float32, shards [][]float32) error) error {
	shards := make([][]float32, r.shards)
	for i := range shards {
		shards[i] = r.grads[i].all
	}
	err := f(r.grads[0].all, shards)
	for _, s := range shards[min(1, len(shards)):] {
		clear(s)
	}
	r.shards = min(1, r.shards)
	return err
}

// Collect is the second half of Train: it adds what Backward left to grads and sets it to zero.
func (r *Runner) Collect(grads [][]float32) {
	r.merge(r.shards)
	r.collect(grads)
	r.shards = 0
}

// count is the number of shards of so many clips.
func (r *Runner) count(clips int) int {
	size := r.shardSize(clips)
	return (clips + size - 1) / size
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
	n := min(len(r.workers), r.count(len(j.batch)))
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
