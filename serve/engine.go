package serve

import (
	"sync"

	"github.com/fdht/fdht"
)

// engine steps the streams of one model. Streams that have a frame ready stand in one line, each of them once, so that one that sends more waits for all others
// before its next step. A worker takes as many from the front as it can step together: what waits together goes through together.
type engine struct {
	model   *fdht.Model
	workers []*fdht.Stepper
	batch   int
	metrics *modelMetrics

	mu   sync.Mutex
	some sync.Cond // something in the line, or the end
	line []*job    // a ring: count of them from first on
	from int
	n    int
	over bool
}

// job is one step of one stream: made once a stream, used for all of its frames.
type job struct {
	track *fdht.Track // has its frame
	done  chan error  // capacity 1: the step is taken
}

func newEngine(m *fdht.Model, workers, batch int, metrics *modelMetrics) (*engine, error) {
	e := &engine{model: m, batch: batch, metrics: metrics, line: make([]*job, 64)}
	e.some.L = &e.mu
	for range workers {
		s, err := m.NewStepper(batch)
		if err != nil {
			return nil, err
		}
		e.workers = append(e.workers, s)
	}
	return e, nil
}

func (e *engine) start(wg *sync.WaitGroup) {
	for _, s := range e.workers {
		wg.Go(func() { e.work(s) })
	}
}

// end lets the workers go once the line is empty.
func (e *engine) end() {
	e.mu.Lock()
	e.over = true
	e.mu.Unlock()
	e.some.Broadcast()
}

// step puts a job at the end of the line and waits until it is done. It allocates only when the line is longer than ever before.
func (e *engine) step(j *job) error {
	e.mu.Lock()
	if e.n == len(e.line) {
		longer := make([]*job, 2*e.n)
		k := copy(longer, e.line[e.from:])
		copy(longer[k:], e.line[:e.from])
		e.line, e.from = longer, 0
	}
	e.line[(e.from+e.n)%len(e.line)] = j
	e.n++
	e.mu.Unlock()
	e.some.Signal()
	return <-j.done
}

// take moves jobs from the front of the line to jobs, at least one; none once the engine is over.
func (e *engine) take(jobs []*job) []*job {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.n == 0 && !e.over {
		e.some.Wait()
	}
	for e.n > 0 && len(jobs) < e.batch {
		jobs = append(jobs, e.line[e.from])
		e.line[e.from] = nil
		e.from = (e.from + 1) % len(e.line)
		e.n--
	}
	return jobs
}

func (e *engine) work(s *fdht.Stepper) {
	jobs, tracks := make([]*job, 0, e.batch), make([]*fdht.Track, 0, e.batch)
	for {
		jobs, tracks = e.take(jobs[:0]), tracks[:0]
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			tracks = append(tracks, j.track)
		}
		err := s.Step(tracks)
		e.metrics.batch.Observe(float64(len(jobs)))
		for _, j := range jobs {
			j.done <- err
		}
		clear(jobs) // a stream that ends is not held, with its messages, until as many come again
		clear(tracks)
	}
}
