package train

import (
	"slices"

	"github.com/fdht/fdht/internal/kernel"
	"github.com/fdht/fdht/rnn"
)

// sumFloats bounds the memory of a sum; larger ones go piece by piece. A variable for the tests.
var sumFloats = 4 << 20

// total writes to dst the sum of the vectors of all ranks, of which this one has own and rank r t.counts[r], in the order of ranks
// and vectors. Each rank adds up a part of the numbers for all, so that every rank comes to the same bits and sends as much as in a ring.
// dst may be one of own.
func (t *team) total(dst vector, own []vector) error {
	size, most := t.Size(), slices.Max(t.counts)
	n := dst.len()
	piece := max(sumFloats/(most+1), size)
	for at := 0; at < n; at += piece {
		m := min(piece, n-at)
		part := (m + size - 1) / size
		t.send, t.recv, t.sum = grow(t.send, size*most*part), grow(t.recv, size*most*part), grow(t.sum, (1+size)*part)
		for p := range size {
			lo, hi := min(p*part, m), min((p+1)*part, m)
			for k, v := range own {
				v.read(t.send[(p*most+k)*part:][:hi-lo], at+lo)
			}
		}
		if err := t.AllToAll(t.recv, t.send); err != nil {
			return err
		}
		sum, all := t.sum[:part], t.sum[part:]
		first := true
		for r, count := range t.counts {
			for k := range count {
				v := t.recv[(r*most+k)*part:][:part]
				if first {
					copy(sum, v)
					first = false
				} else {
					kernel.Axpy(sum, 1, v)
				}
			}
		}
		if err := t.AllGather(all, sum); err != nil {
			return err
		}
		dst.write(all[:m], at)
	}
	return nil
}

// gradients ends a backward pass: grads gets the sum of what all ranks' Runners have of a batch of n clips.
func (t *team) gradients(run *rnn.Runner, grads [][]float32, n int, ranks bool) error {
	if ranks || run.Unit() == 0 { // each rank adds up its own first
		run.Collect(grads)
		for r := range t.counts {
			t.counts[r] = 1
		}
		return t.total(grads, []vector{grads})
	}
	for r := range t.counts {
		lo, hi := t.shardsOf(r, n)
		t.counts[r] = hi - lo
	}
	err := run.Reduce(func(total []float32, shards [][]float32) error {
		own := make([]vector, len(shards))
		for i, s := range shards {
			own[i] = vector{s}
		}
		return t.total(vector{total}, own)
	})
	run.Collect(grads)
	return err
}

// grow makes v of length n.
func grow(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}

// vector is slices one after another.
type vector [][]float32

func (v vector) len() int {
	n := 0
	for _, s := range v {
		n += len(s)
	}
	return n
}

// each calls f for the pieces of v from number at on, n numbers in all; done is how many came before.
func (v vector) each(at, n int, f func(piece []float32, done int)) {
	done := 0
	for _, s := range v {
		if done == n {
			return
		}
		if at >= len(s) {
			at -= len(s)
			continue
		}
		piece := s[at:min(len(s), at+n-done)]
		f(piece, done)
		done, at = done+len(piece), 0
	}
}

func (v vector) read(to []float32, at int) {
	v.each(at, len(to), func(piece []float32, done int) { copy(to[done:], piece) })
}

func (v vector) write(from []float32, at int) {
	v.each(at, len(from), func(piece []float32, done int) { copy(piece, from[done:]) })
}
