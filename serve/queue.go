package serve

import (
	"sync"
	"time"
)

// message is a frame as it came.
type message struct {
	data   []byte
	number int
	at     time.Time
	reset  bool // a new sequence begins with it
}

// queue are the messages of a stream that wait, and memory for those to come. One goroutine puts, another takes.
type queue struct {
	metrics *modelMetrics
	wake    chan struct{} // capacity 1: there is something for who takes to look at

	mu       sync.Mutex
	waiting  []message // the oldest first; its capacity is all there will be
	free     [][]byte
	dropped  int
	gone     bool // nothing more comes or goes
	draining bool
}

func newQueue(most int, metrics *modelMetrics) *queue {
	return &queue{metrics: metrics, wake: make(chan struct{}, 1), waiting: make([]message, 0, most)}
}

// memory is some that no message needs any more, of any size; nil: there is none.
func (q *queue) memory() (data []byte) {
	q.mu.Lock()
	if n := len(q.free); n > 0 {
		data, q.free = q.free[n-1], q.free[:n-1]
	}
	q.mu.Unlock()
	return data
}

// release gives the memory of a message back.
func (q *queue) release(data []byte) {
	q.mu.Lock()
	q.free = append(q.free, data)
	q.mu.Unlock()
}

// put queues a message; the newest wins: where there is no room, the oldest goes.
func (q *queue) put(m message) {
	q.mu.Lock()
	if q.draining {
		q.mu.Unlock()
		return
	}
	if len(q.waiting) == cap(q.waiting) {
		old := q.waiting[0]
		copy(q.waiting, q.waiting[1:])
		q.waiting = q.waiting[:len(q.waiting)-1]
		q.free = append(q.free, old.data)
		q.dropped++
		q.metrics.dropped.Inc()
		if next := &m; old.reset { // it begins with the one after it
			if len(q.waiting) > 0 {
				next = &q.waiting[0]
			}
			next.reset = true
		}
	} else {
		q.metrics.waiting.Inc()
	}
	q.waiting = append(q.waiting, m)
	q.mu.Unlock()
	q.look()
}

// look makes who takes look at the queue.
func (q *queue) look() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// get takes the oldest message; ok is false when there is none. over: there will be none.
func (q *queue) get() (m message, dropped int, ok, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return m, 0, false, true
	}
	if len(q.waiting) == 0 {
		return m, 0, false, q.draining
	}
	m = q.waiting[0]
	copy(q.waiting, q.waiting[1:])
	q.waiting = q.waiting[:len(q.waiting)-1]
	q.metrics.waiting.Dec()
	return m, q.dropped, true, false
}

// drain lets what waits be taken, and nothing more in.
func (q *queue) drain() {
	q.mu.Lock()
	q.draining = true
	q.mu.Unlock()
	q.look()
}

// close lets what waits go.
func (q *queue) close() {
	q.mu.Lock()
	q.gone = true
	q.metrics.waiting.Sub(float64(len(q.waiting)))
	q.waiting = nil
	q.mu.Unlock()
	q.look()
}
