// Package watch notices reads that never come back: from a network share that is gone, by a decoder that hangs.
package watch

import (
	"fmt"
	"sync"
	"time"
)

// looks is how often a task is seen without progress before it is given up. Looks are counted, not time, so that a process that was stopped for a while, or a
// machine that slept, gives nothing up when it goes on.
const looks = 10

// Dog watches tasks that are under way at once. The nil Dog watches nothing.
type Dog struct {
	limit time.Duration

	mu    sync.Mutex
	tasks map[*Task]struct{}
}

// New watches for tasks without progress for so long; with 0 it is nil.
func New(limit time.Duration) *Dog {
	if limit <= 0 {
		return nil
	}
	return &Dog{limit: limit, tasks: map[*Task]struct{}{}}
}

// Task is something under way.
type Task struct {
	dog        *Dog
	kind, name string
	idle       int // looks since the last progress
}

// Begin tells of a task, which is called by its kind and name, such as "clip " and "a.avi", where it comes to that.
func (d *Dog) Begin(kind, name string) *Task {
	if d == nil {
		return nil
	}
	t := &Task{dog: d, kind: kind, name: name}
	d.mu.Lock()
	d.tasks[t] = struct{}{}
	d.mu.Unlock()
	return t
}

func (t *Task) what() string { return t.kind + t.name }

// Progress tells that the task has come along.
func (t *Task) Progress() {
	if t != nil {
		t.dog.mu.Lock()
		t.idle = 0
		t.dog.mu.Unlock()
	}
}

// End tells that the task is over.
func (t *Task) End() {
	if t != nil {
		t.dog.mu.Lock()
		delete(t.dog.tasks, t)
		t.dog.mu.Unlock()
	}
}

// look counts, and returns the error about the task that has waited longest, if one has waited too long.
func (d *Dog) look() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var worst *Task
	for t := range d.tasks {
		t.idle++
		if worst == nil || t.idle > worst.idle || t.idle == worst.idle && t.what() < worst.what() {
			worst = t
		}
	}
	if worst != nil && worst.idle > looks {
		return &StallError{What: worst.what(), For: d.limit}
	}
	return nil
}

// Wait receives from c; ok is false when c is closed. When a task makes no progress meanwhile it returns a *StallError; whoever was to send may then wait for ever.
func Wait[T any](d *Dog, c <-chan T) (v T, ok bool, err error) {
	if d == nil {
		v, ok = <-c
		return v, ok, nil
	}
	select {
	case v, ok = <-c:
		return v, ok, nil
	default:
	}
	tick := time.NewTicker(max(d.limit/looks, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case v, ok = <-c:
			return v, ok, nil
		case <-tick.C:
			if err := d.look(); err != nil {
				return v, false, err
			}
		}
	}
}

// StallError is a task that made no progress for too long.
type StallError struct {
	What string
	For  time.Duration
}

// Error names the task.
func (e *StallError) Error() string {
	return fmt.Sprintf("nothing has come from %s for %v", e.What, e.For)
}

// Hint says what to do.
func (e *StallError) Hint() string {
	return "see whether its disk or network share answers and fdht data check can read it; leave the clip out, or wait longer with --watchdog, such as --watchdog 1h (0: for ever)"
}
