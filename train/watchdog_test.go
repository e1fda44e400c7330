package train

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fdht/fdht/internal/watch"
	"github.com/fdht/fdht/rnn"
)

// hanging is a source one of whose clips never comes, until it is let go.
type hanging struct {
	made
	clip  int
	train bool // in training rather than before it
	let   chan bool
	gone  chan bool // it was
}

func (h *hanging) ID(i int) string { return []string{"a.avi", "b.avi", "c.avi"}[i] }

func (h *hanging) Clip(prev rnn.Sequence, i int, d Draw) (rnn.Sequence, error) {
	if i == h.clip && d.Train == h.train {
		defer func() { h.gone <- true }()
		<-h.let
	}
	return h.made.Clip(prev, i, d)
}

func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		name  string
		train bool
		val   bool
	}{{"as the weights' scale is fitted", false, false}, {"in training", true, false}, {"in validation", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			h := &hanging{made: made{clips: 3, classes: 3, width: 20}, clip: 1, train: c.train, let: make(chan bool), gone: make(chan bool, 8)}
			o := testOptions(t)
			o.Dir, o.Watchdog, o.Loaders = t.TempDir(), 100*time.Millisecond, 2
			if c.val {
				o.Val = h
			} else {
				o.Train = h
			}
			_, err := Run(context.Background(), o)
			var s *watch.StallError
			if !errors.As(err, &s) || err.Error() != "nothing has come from clip b.avi for 100ms" {
				t.Errorf("run ended with %v", err)
			}
			close(h.let)
			<-h.gone
		})
	}
}

// A clip that is slow and comes is no reason to stop.
func TestWatchdogWaits(t *testing.T) {
	want := whole(t)
	o := testOptions(t)
	o.Dir, o.Watchdog = t.TempDir(), time.Minute
	if mustRun(t, o) != want {
		t.Error("a run with a watchdog has other numbers")
	}
}
