package rnn

import (
	"math/rand/v2"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
)

// worker is the memory of one goroutine.
type worker struct {
	r                      *Runner
	start                  func() // work, made once: a goroutine begins with it and allocates nothing
	lens                   []int
	pack                   packing
	passes                 []pass       // as Runner.engines
	turned                 []turnedRows // of each layer, for its backward direction
	outs                   []layerRows  // of each layer
	pooled, mask           []float32    // [B, D H]
	logits, dlogits, dpool []float32    // [B, C], [B, C], [B, D H]
	dh, dx                 [2][]float32 // of each direction: [R, H] derivatives of its hidden states, [R, D H] of its inputs
	clips                  clipRows
	pcg                    rand.PCG
}

func newWorker(r *Runner) *worker {
	layers := r.m.cfg.Layers
	w := &worker{r: r, passes: make([]pass, len(r.engines)), turned: make([]turnedRows, layers), outs: make([]layerRows, layers)}
	w.start = w.work
	return w
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

// load lays out a shard's clips.
func (w *worker) load(batch []Sequence) {
	w.lens = w.lens[:0]
	for _, c := range batch {
		w.lens = append(w.lens, c.Len())
	}
	w.pack.pack(w.lens)
	if w.r.m.cfg.Bidirectional {
		w.pack.turned()
	}
	w.clips = clipRows{p: &w.pack, batch: batch}
}

// input gives the rows that direction d of layer l reads, in the order of its steps.
func (w *worker) input(l, d int) factor.Rows {
	var rows factor.Rows = &w.clips
	if l > 0 {
		rows = &w.outs[l-1]
	}
	if d == 0 {
		return rows
	}
	w.turned[l] = turnedRows{rows, &w.pack}
	return &w.turned[l]
}

// forward runs layer l.
func (w *worker) forward(l int) {
	D := w.r.m.cfg.Directions()
	w.outs[l] = layerRows{size: w.r.m.cfg.Hidden, p: &w.pack}
	for d := range D {
		a := &w.passes[l*D+d]
		a.forward(&w.r.engines[l*D+d], &w.pack, w.input(l, d), w.r.job.train)
		w.outs[l].h[d] = a.h
	}
}

// shard runs the clips lo..hi-1 of the batch, which are shard s.
func (w *worker) shard(s, lo, hi int) {
	r, j, p := w.r, &w.r.job, &w.pack
	H, C := r.m.cfg.Outputs(), r.m.cfg.Classes
	w.load(j.batch[lo:hi])
	for l := range r.m.cfg.Layers {
		w.forward(l)
	}
	w.pool(hi - lo)
	if j.train && j.dropout > 0 {
		w.drop(s)
	}
	// logits[b,c] = sum_h pooled[b,h] head[c,h] + bias[c]
	w.logits = grow(w.logits, (hi-lo)*C)
	repeat(w.logits, r.m.bias)
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
		r.losses[lo+clip] = j.loss(j.first+lo+clip, w.dlogits[b*C:(b+1)*C], w.logits[b*C:(b+1)*C])
	}
	w.backward(r.grads[s], hi-lo)
}

// pool writes the pooled hidden states of the top layer, [B, D H], clips in packed order.
func (w *worker) pool(clips int) {
	H, D := w.r.m.cfg.Hidden, w.r.m.cfg.Directions()
	w.pooled = grow(w.pooled, clips*D*H)
	for b := range clips {
		for d, h := range w.outs[len(w.outs)-1].h[:D] {
			to := w.pooled[(b*D+d)*H:][:H]
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
}

// unpool gives dpool back to the hidden states of the top layer.
func (w *worker) unpool(clips int) {
	H, D, p := w.r.m.cfg.Hidden, w.r.m.cfg.Directions(), &w.pack
	for d := range D {
		w.dh[d] = grow(w.dh[d], p.rows()*H)
		clear(w.dh[d])
	}
	for b := range clips {
		for d, dh := range w.dh[:D] {
			from := w.dpool[(b*D+d)*H:][:H]
			if w.r.m.cfg.Pooling == PoolLast {
				copy(dh[p.lastRow(b)*H:], from)
				continue
			}
			share := 1 / float32(p.lens[b])
			for t := range p.lens[b] {
				kernel.Axpy(dh[(p.off[t]+b)*H:][:H], share, from)
			}
		}
	}
}

// drop sets a random share of the pooled units to zero and enlarges the others to keep the mean. Each clip has random
// numbers of its own.
func (w *worker) drop(shard int) {
	H, j := w.r.m.cfg.Outputs(), &w.r.job
	w.mask = grow(w.mask, len(w.pooled))
	keep := 1 / (1 - j.dropout)
	for b, clip := range w.pack.clips {
		w.pcg.Seed(j.seed, uint64(j.first+shard*j.shard+clip))
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

// backward takes dlogits back through the head, the pooling and the layers.
func (w *worker) backward(g *shardGrad, clips int) {
	r := w.r
	H, C := r.m.cfg.Outputs(), r.m.cfg.Classes
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
	w.unpool(clips)
	w.back(g)
}

// back takes w.dh, the derivatives of the top layer's hidden states, back through all layers.
func (w *worker) back(g *shardGrad) {
	r, p, D := w.r, &w.pack, w.r.m.cfg.Directions()
	for l := r.m.cfg.Layers - 1; l >= 0; l-- {
		for d := range D {
			var dx []float32
			if l > 0 {
				dx = grow(w.dx[d], p.rows()*r.m.cfg.Outputs())
				w.dx[d] = dx
				clear(dx)
			}
			k := l*D + d
			w.passes[k].backward(&r.engines[k], p, w.input(l, d), &g.cells[k], w.dh[d], dx, nil, nil)
		}
		if l > 0 {
			w.descend()
		}
	}
}

// descend turns the derivatives of a layer's inputs into those of the hidden states of the layer below.
func (w *worker) descend() {
	if !w.r.m.cfg.Bidirectional {
		w.dh[0], w.dx[0] = w.dx[0], w.dh[0]
		return
	}
	// the inputs of row r are [h_forward of r ; h_backward of turn[r]] to the forward direction, and those of turn[r] to the other
	H := w.r.m.cfg.Hidden
	for r, k := range w.pack.turn {
		same, other := w.dx[0][r*2*H:][:2*H], w.dx[1][k*2*H:][:2*H]
		forward, backward := w.dh[0][r*H:][:H], w.dh[1][k*H:][:H]
		for u := range H {
			forward[u] = same[u] + other[u]
			backward[u] = same[H+u] + other[H+u]
		}
	}
}
