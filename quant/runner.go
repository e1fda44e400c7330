package quant

import (
	"sync"
	"sync/atomic"

	"github.com/fdht/fdht/rnn"
)

// Runner runs a Model over batches with a number of workers. It is for one goroutine.
type Runner struct {
	engines []*Engine
	rows    [][]float32
}

// NewRunner prepares m for the given number of workers, at least 1.
func (m *Model) NewRunner(workers int) *Runner {
	r := &Runner{}
	for range max(workers, 1) {
		r.engines, r.rows = append(r.engines, m.NewEngine()), append(r.rows, make([]float32, m.Config.Input))
	}
	return r
}

// Forward writes the logits [B, C] of a batch of sequences, whose rows are scaled but not standardised.
func (r *Runner) Forward(logits []float32, batch []rnn.Sequence) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for i, e := range r.engines {
		wg.Go(func() {
			C := len(e.m.Config.Classes)
			for {
				b := int(next.Add(1)) - 1
				if b >= len(batch) {
					return
				}
				e.Reset()
				for t := range batch[b].Len() {
					batch[b].Load(r.rows[i], t)
					e.Step(r.rows[i])
				}
				e.Logits(logits[b*C:][:C])
			}
		})
	}
	wg.Wait()
}
