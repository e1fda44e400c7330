package rnn

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
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
	engines []engine
	whole   bool // the batch is one shard: a dense cell shares its work among goroutines itself
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

// shardGrad holds the gradients of one shard.
type shardGrad struct {
	cells []cellGrad
	head  []float32
	bias  []float32
}

// worker is the memory of one goroutine.
type worker struct {
	r                      *Runner
	lens                   []int
	pack                   packing
	passes                 []pass
	pooled, mask           []float32 // [B, H]
	logits, dlogits, dpool []float32 // [B, C], [B, C], [B, H]
	dh                     [2][]float32
	clips                  clipRows
	pcg                    rand.PCG
}

// NewRunner compiles m for the given number of workers, at least 1.
func (m *Model) NewRunner(workers int) *Runner {
	r := &Runner{m: m}
	for _, c := range m.cells {
		e := newEngine(c, m.cfg.Hidden)
		r.whole = r.whole || e.inputs.Exclusive()
		r.engines = append(r.engines, e)
	}
	for range max(workers, 1) {
		r.workers = append(r.workers, &worker{r: r, passes: make([]pass, len(r.engines))})
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
		go w.work()
	}
	if n > 0 {
		r.wg.Add(1)
		r.workers[0].work()
	}
	r.wg.Wait()
	r.job = job{}
}

// work takes shards until none is left.
func (w *worker) work() {
	defer w.r.wg.Done()
	for {
		s := int(w.r.next.Add(1)) - 1
		lo := s * w.r.job.shard
		if lo >= len(w.r.job.batch) {
			return
		}
		w.shard(s, lo, min(lo+w.r.job.shard, len(w.r.job.batch)))
	}
}

// clipRows gives the packed steps of a shard's clips as rows.
type clipRows struct {
	p     *packing
	batch []Sequence
	step  int
}

func (c *clipRows) Load(dst []float32, r int) {
	if c.step >= c.p.steps() || c.p.off[c.step] > r {
		c.step = 0
	}
	for c.p.off[c.step+1] <= r {
		c.step++
	}
	c.batch[c.p.clips[r-c.p.off[c.step]]].Load(dst, c.step)
}

// shard runs the clips lo..hi-1 of the batch, which are shard s.
func (w *worker) shard(s, lo, hi int) {
	r, j := w.r, &w.r.job
	H, C := r.m.cfg.Hidden, r.m.cfg.Classes
	w.lens = w.lens[:0]
	for _, c := range j.batch[lo:hi] {
		w.lens = append(w.lens, c.Len())
	}
	p := &w.pack
	p.pack(w.lens)
	w.clips = clipRows{p: p, batch: j.batch[lo:hi]}
	for l := range r.engines {
		w.passes[l].forward(&r.engines[l], p, w.input(l))
	}
	w.pool(hi - lo)
	if j.train && j.dropout > 0 {
		w.drop(s)
	}
	// logits[b,c] = sum_h pooled[b,h] head[c,h] + bias[c]
	w.logits = grow(w.logits, (hi-lo)*C)
	for b := range hi - lo {
		copy(w.logits[b*C:(b+1)*C], r.m.bias)
	}
	dot := kernel.Dot{M: hi - lo, N: C, K: H, Batch: 1, ARow: H, BRow: H, CRow: C, CCol: 1, Add: true}
	dot.Run(w.logits, w.pooled, r.m.head)
	if !j.train {
		for b, clip := range p.clips {
			copy(j.logits[(lo+clip)*C:(lo+clip+1)*C], w.logits[b*C:(b+1)*C])
		}
		return
	}
	w.dlogits = grow(w.dlogits, (hi-lo)*C)
	for b, clip := range p.clips {
		r.losses[lo+clip] = j.loss(lo+clip, w.dlogits[b*C:(b+1)*C], w.logits[b*C:(b+1)*C])
	}
	w.backward(r.grads[s], hi-lo)
}

// input gives the rows that cell l reads.
func (w *worker) input(l int) factor.Rows {
	if l == 0 {
		return &w.clips
	}
	return &w.passes[l-1].out
}

// pool writes the pooled hidden states of the top cell, [B, H], clips in packed order.
func (w *worker) pool(clips int) {
	H := w.r.m.cfg.Hidden
	h := w.passes[len(w.passes)-1].h
	w.pooled = grow(w.pooled, clips*H)
	for b := range clips {
		to := w.pooled[b*H : (b+1)*H]
		if w.r.m.cfg.Pooling == PoolLast {
			copy(to, h[w.pack.lastRow(b)*H:])
			continue
		}
		clear(to)
		share := 1 / float32(w.pack.lens[b])
		for t := range w.pack.lens[b] {
			kernel.Axpy(to, share, h[(w.pack.off[t]+b)*H:])
		}
	}
}

// drop sets a random share of the pooled units to zero and enlarges the others to keep the mean. Each clip has random
// numbers of its own.
func (w *worker) drop(shard int) {
	H, j := w.r.m.cfg.Hidden, &w.r.job
	w.mask = grow(w.mask, len(w.pooled))
	keep := 1 / (1 - j.dropout)
	for b, clip := range w.pack.clips {
		w.pcg.Seed(j.seed, uint64(shard*j.shard+clip))
		for u := range H {
			m := float32(0)
			if float32(w.pcg.Uint64()>>40)/(1<<24) >= j.dropout {
				m = keep
			}
			w.mask[b*H+u] = m
			w.pooled[b*H+u] *= m
		}
	}
}

// backward takes dlogits back through the head, the pooling and the cells, from the top down.
func (w *worker) backward(g *shardGrad, clips int) {
	r, p := w.r, &w.pack
	H, C := r.m.cfg.Hidden, r.m.cfg.Classes
	// dhead[c,h] += sum_b dlogits[b,c] pooled[b,h]   dpool[b,h] = sum_c dlogits[b,c] head[c,h]
	mul := kernel.Mul{M: C, N: H, K: clips, Batch: 1, ARow: 1, ACol: C, BRow: H, CRow: H, Add: true}
	mul.Run(g.head, w.dlogits, w.pooled)
	w.dpool = grow(w.dpool, clips*H)
	mul = kernel.Mul{M: clips, N: H, K: C, Batch: 1, ARow: C, ACol: 1, BRow: H, CRow: H}
	mul.Run(w.dpool, w.dlogits, r.m.head)
	for b := range clips {
		kernel.Axpy(g.bias, 1, w.dlogits[b*C:(b+1)*C])
	}
	if r.job.dropout > 0 {
		for i, m := range w.mask[:clips*H] {
			w.dpool[i] *= m
		}
	}
	R := p.rows()
	dh := grow(w.dh[0], R*H)
	w.dh[0] = dh
	clear(dh)
	for b := range clips {
		from := w.dpool[b*H : (b+1)*H]
		if r.m.cfg.Pooling == PoolLast {
			copy(dh[p.lastRow(b)*H:], from)
			continue
		}
		share := 1 / float32(p.lens[b])
		for t := range p.lens[b] {
			kernel.Axpy(dh[(p.off[t]+b)*H:][:H], share, from)
		}
	}
	for l := len(r.engines) - 1; l > 0; l-- {
		dx := grow(w.dh[1], R*H)
		clear(dx)
		w.passes[l].backward(&r.engines[l], p, w.input(l), &g.cells[l], dh, dx, nil, nil)
		w.dh[0], w.dh[1], dh = dx, dh, dx
	}
	w.passes[0].backward(&r.engines[0], p, w.input(0), &g.cells[0], dh, nil, nil, nil)
}

func (r *Runner) newGrad() *shardGrad {
	g := &shardGrad{head: make([]float32, len(r.m.head)), bias: make([]float32, len(r.m.bias))}
	for i := range r.engines {
		e := &r.engines[i]
		g.cells = append(g.cells, cellGrad{e.inputs.NewGrad(), e.recur.NewGrad(), make([]float32, len(e.bias))})
	}
	return g
}

// aim points the gradients of dense cells, which are written in place, at grads.
func (r *Runner) aim(grads [][]float32) {
	at := 0
	for i := range r.engines {
		e := &r.engines[i]
		n := e.w.Factors()
		if e.inputs.Exclusive() {
			e.inputs.Aim(r.grads[0].cells[i].inputs, grads[at:at+n])
			e.recur.Aim(r.grads[0].cells[i].recur, grads[at:at+n])
		}
		at += n + 1
	}
}

// collect adds the shards' gradients, in the order of the shards, to grads, and sets them to zero.
func (r *Runner) collect(grads [][]float32, shards int) {
	for _, g := range r.grads[1:max(shards, 1)] {
		for i := range g.cells {
			first := &r.grads[0].cells[i]
			first.inputs.Merge(g.cells[i].inputs)
			first.recur.Merge(g.cells[i].recur)
			take(first.bias, g.cells[i].bias)
		}
		take(r.grads[0].head, g.head)
		take(r.grads[0].bias, g.bias)
	}
	at := 0
	for i := range r.engines {
		e, g := &r.engines[i], &r.grads[0].cells[i]
		n := e.w.Factors()
		e.inputs.Collect(grads[at:at+n], g.inputs)
		e.recur.Collect(grads[at:at+n], g.recur)
		take(grads[at+n], g.bias)
		at += n + 1
	}
	take(grads[at], r.grads[0].head)
	take(grads[at+1], r.grads[0].bias)
}

// take adds from to to and sets from to zero.
func take(to, from []float32) {
	kernel.Axpy(to, 1, from)
	clear(from)
}

// Calibrate fits a fresh network to its data: cell by cell it scales W so that the gate pre-activations W [x; 0] have
// deviation 1 about each unit's mean over all steps of seqs, and takes that mean off the bias. Without it frames that are mostly
// one colour start all gates alike and training is slow to find a beginning.
func (m *Model) Calibrate(seqs []Sequence) {
	r := m.NewRunner(1)
	w := r.workers[0]
	w.lens = w.lens[:0]
	for _, s := range seqs {
		w.lens = append(w.lens, s.Len())
	}
	w.pack.pack(w.lens)
	w.clips = clipRows{p: &w.pack, batch: seqs}
	M := 4 * m.cfg.Hidden
	R := w.pack.rows()
	z := make([]float32, R*M)
	mean := make([]float64, M)
	for l := range r.engines {
		e := &r.engines[l]
		clear(z)
		e.inputs.Apply(z, R, w.input(l), e.inputs.NewScratch())
		clear(mean)
		for i, v := range z {
			mean[i%M] += float64(v) / float64(R)
		}
		sum := 0.0
		for i, v := range z {
			d := float64(v) - mean[i%M]
			sum += d * d
		}
		if dev := math.Sqrt(sum / float64(len(z))); dev > 1e-12 {
			e.w.Scale(1 / dev)
			for u := range mean {
				e.bias[u] -= float32(mean[u] / dev)
			}
			e.refresh()
		}
		w.passes[l].forward(e, &w.pack, w.input(l))
	}
}
