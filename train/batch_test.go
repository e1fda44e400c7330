package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/fdht/fdht/rnn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatches(t *testing.T) {
	src := &made{clips: 11, classes: 3, width: 20}
	for _, c := range []struct{ size, loaders, batches, last int }{{4, 1, 3, 3}, {4, 3, 3, 3}, {11, 2, 1, 11}, {50, 2, 1, 11}, {1, 1, 11, 1}} {
		l := newLoader(src, c.size, c.loaders, nil, 0)
		if l.steps() != c.batches {
			t.Errorf("%d steps of %d clips, want %d", l.steps(), c.size, c.batches)
		}
		order := make([]int, 11)
		shuffle(order, 1, 1)
		var got []int
		var n, last int
		for b, err := range l.batches(context.Background(), order, Draw{}) {
			if err != nil {
				t.Fatal(err)
			}
			n, last = n+1, len(b.seqs)
			for k, i := range b.index {
				if b.labels[k] != src.Label(i) || b.seqs[k].(*noisy).Seq.(*madeClip).key != mix(77, uint64(i)) {
					t.Errorf("clip %d is not where it should be", i)
				}
			}
			got = append(got, b.index...)
		}
		if n != c.batches || last != c.last || !slices.Equal(got, order) {
			t.Errorf("size %d: %d batches, the last of %d clips, order %v, want %v", c.size, n, last, got, order)
		}
	}
}

func TestBatchesStop(t *testing.T) {
	src := &made{clips: 11, classes: 3, width: 20, broken: map[int]int{5: 0, 4: 0}}
	l := newLoader(src, 3, 2, nil, 0)
	n := 0
	for _, err := range l.batches(context.Background(), inOrder(11), Draw{Train: true}) {
		if n++; n < 2 && err != nil || n == 2 && (err == nil || err.Error() != "clip 4 is broken") || n > 2 {
			t.Errorf("batch %d: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n = 0
	var last error
	for _, err := range l.batches(ctx, inOrder(11), Draw{}) {
		n++
		cancel()
		last = err
	}
	if n != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d batches after the context ended, error %v", n, last)
	}
	for range l.batches(context.Background(), inOrder(11), Draw{}) {
		break // leaves no goroutine behind
	}
}

// empty has a clip without rows.
type empty struct{ made }

func (e *empty) Clip(rnn.Sequence, int, Draw) (rnn.Sequence, error) { return &madeClip{}, nil }

func TestClipWithoutFrames(t *testing.T) {
	l := newLoader(&empty{made{clips: 2, classes: 1, width: 20}}, 2, 1, nil, 0)
	for _, err := range l.batches(context.Background(), inOrder(2), Draw{}) {
		if err == nil || err.Error() != "clip 0 of the split has no frames" {
			t.Errorf("got %v", err)
		}
	}
}
