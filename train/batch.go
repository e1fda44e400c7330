package train

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/fdht/fdht/internal/watch"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// batch is some clips ready for the network: its sequences and their labels.
type batch struct {
	index  []int // clips of the source
	labels []int
	first  int            // place of seqs[0] among them: a rank of a group has sequences of its share only
	seqs   []rnn.Sequence // point to the slots
	slots  []noisy
	err    error
}

func newBatch(size int, by *model.Scaler) *batch {
	b := &batch{index: make([]int, 0, size), labels: make([]int, size), seqs: make([]rnn.Sequence, size), slots: make([]noisy, size)}
	for i := range b.slots {
		b.slots[i].By = by
		b.seqs[i] = &b.slots[i]
	}
	return b
}

// loader prepares batches of one source, the next while the current one is used.
type loader struct {
	src     Source
	size    int // clips a batch
	loaders int // goroutines that prepare clips
	bufs    [2]*batch
	team    *team   // of whose batches this is a part, or nil
	noise   float64 // deviation, on training clips
	dog     *watch.Dog
}

func newLoader(src Source, size, loaders int, by *model.Scaler, patience time.Duration) *loader {
	size = max(1, min(size, src.Len()))
	return &loader{src: src, size: size, loaders: max(1, loaders), bufs: [2]*batch{newBatch(size, by), newBatch(size, by)}, dog: watch.New(patience)}
}

// steps is the number of batches, the last of which may be smaller.
func (l *loader) steps() int { return (l.src.Len() + l.size - 1) / l.size }

// batches goes through the clips in the given order. A batch is valid until the next one is asked for. The sequence ends after an
// error, be it a clip's, the context's, or that of a clip that never comes; what waits for that one is left behind.
func (l *loader) batches(ctx context.Context, order []int, d Draw) iter.Seq2[*batch, error] {
	return func(yield func(*batch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		free, full := make(chan *batch, len(l.bufs)), make(chan *batch)
		for _, b := range l.bufs {
			free <- b
		}
		var done sync.WaitGroup
		done.Go(func() {
			defer close(full)
			for len(order) > 0 {
				var b *batch
				select {
				case b = <-free:
				case <-ctx.Done():
					return
				}
				n := min(l.size, len(order))
				l.fill(ctx, b, order[:n], d)
				order = order[n:]
				last := b.err != nil // b is no longer ours once it is sent
				select {
				case full <- b:
				case <-ctx.Done():
					return
				}
				if last {
					return
				}
			}
		})
		stalled := false
		defer func() {
			cancel()
			if !stalled {
				done.Wait()
			}
		}()
		for {
			b, ok, err := watch.Wait(l.dog, full)
			if stalled = err != nil; stalled {
				yield(nil, err)
				return
			}
			if !ok {
				break
			}
			if b.err == nil {
				b.err = ctx.Err()
			}
			if !yield(b, b.err) || b.err != nil {
				return
			}
			free <- b
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// fillNow is fill for a batch that nothing is to go beside.
func (l *loader) fillNow(ctx context.Context, b *batch, index []int, d Draw) error {
	full := make(chan *batch, 1)
	go func() {
		l.fill(ctx, b, index, d)
		full <- b
	}()
	if _, _, err := watch.Wait(l.dog, full); err != nil {
		return err
	}
	return b.err
}

// fill prepares the clips of index in b, those of this process. Of several errors the first clip's is kept.
func (l *loader) fill(ctx context.Context, b *batch, index []int, d Draw) {
	b.index = append(b.index[:0], index...)
	b.labels = b.labels[:len(index)]
	for k, i := range index {
		b.labels[k] = l.src.Label(i)
	}
	lo, hi := l.team.share(len(index))
	n := hi - lo
	index, b.first = index[lo:hi], lo
	b.seqs, b.slots = b.seqs[:n], b.slots[:n]
	b.err = nil
	errs := make([]error, n)
	var wait sync.WaitGroup
	workers := min(l.loaders, n)
	for w := range workers {
		wait.Go(func() {
			for k := w; k < n && ctx.Err() == nil; k += workers {
				task := l.begin(index[k])
				b.slots[k].Seq, errs[k] = l.src.Clip(b.slots[k].Seq, index[k], d)
				task.End()
				b.slots[k].perturb(l.noise, d, index[k])
				if errs[k] == nil && b.slots[k].Seq.Len() == 0 {
					errs[k] = fmt.Errorf("clip %d of the split has no frames", index[k])
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			b.err = err
			return
		}
	}
	b.err = ctx.Err()
}

// begin tells the watchdog of a clip that is about to be read.
func (l *loader) begin(clip int) *watch.Task {
	if l.dog == nil {
		return nil
	}
	if named, ok := l.src.(interface{ ID(clip int) string }); ok {
		return l.dog.Begin("clip ", named.ID(clip))
	}
	return l.dog.Begin("", fmt.Sprintf("clip %d of the split", clip))
}

// inOrder lists 0..n-1.
func inOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
