package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Options says how Run goes about it. No number depends on it.
type Options struct {
	Store  Store
	Shard  Shard
	Beside int // jobs run at once; 0: 1
	Notes  Notes
}

// Shard is a share of the jobs: those whose number leaves Index-1 when divided by Count. The zero value is all.
type Shard struct{ Index, Count int } // Index counts from 1

func (s Shard) has(number int) bool { return s.Count <= 1 || number%s.Count == s.Index-1 }

// whole reports whether the shard is everything.
func (s Shard) whole() bool { return s.Count <= 1 }

// Notes is told how an experiment comes along. Calls come one at a time.
type Notes interface {
	Begun(left int)                              // a stage begins, with so many jobs to run
	At(done, left int, j Job, epoch, epochs int) // an epoch of a job is done
	Done(j Job, id string, r Result)             // a job is done
	Waiting(row string, jobs int)                // the row waits for so many jobs of other shards
	Looking(before int)                          // the test clips are looked at; before: how many looks there were
}

// lab is an experiment at work.
type lab struct {
	d *Design
	t Trainer
	o Options

	mu   sync.Mutex // of the notes
	done int
	left int
}

// Run runs what is missing: the cross-validation, then, of the rows whose choice is made, the final trainings. Only when there is nothing left
// to train, and the shard is everything, the networks are measured on the test clips, and complete is true. It ends at the first error of a
// job; what runs beside it is stopped and stays as far as it is.
func Run(ctx context.Context, d *Design, t Trainer, o Options) (complete bool, err error) {
	if err := d.Validate(); err != nil {
		return false, err
	}
	l := &lab{d: d, t: t, o: o}
	var s *Status
	for _, stage := range []func(*Status) []Planned{
		func(s *Status) []Planned { return s.CV },
		func(s *Status) []Planned { return s.Final },
	} {
		// what was run may be what other jobs begin with
		for ran := -1; ran != 0; {
			if s, err = l.see(ctx); err != nil {
				return false, err
			}
			if ran, err = l.train(ctx, stage(s)); err != nil {
				return false, err
			}
		}
	}
	l.waiting(s)
	if !s.Complete() || !o.Shard.whole() {
		return false, nil
	}
	return true, l.test(ctx, s)
}

// train runs those of a stage's jobs that are the shard's, not done, and begin with nothing that is missing, some at once. Jobs of the same id are
// run once. It returns how many there were.
func (l *lab) train(ctx context.Context, jobs []Planned) (int, error) {
	var left []Planned
	done, seen := map[string]bool{}, map[string]bool{}
	for _, p := range jobs {
		done[p.ID] = p.State == stateDone
	}
	for _, p := range jobs {
		if p.State == stateDone && l.o.Store.Begun(p.ID) { // it ended between its result and its end
			if err := l.t.Finish(p.Job, l.o.Store.Of(p.ID)); err != nil {
				return 0, err
			}
		}
		if p.State != stateDone && l.o.Shard.has(p.Number) && !seen[p.ID] && (p.Start == "" || done[p.Start]) {
			seen[p.ID] = true
			left = append(left, p)
		}
	}
	// what was begun comes first, so that little lies about
	slices.SortStableFunc(left, func(a, b Planned) int { return rank(a) - rank(b) })
	l.done, l.left = 0, len(left)
	l.o.Notes.Begun(len(left))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan Planned)
	var wg sync.WaitGroup
	for range min(max(l.o.Beside, 1), len(left)) {
		wg.Go(func() {
			for p := range next {
				if err := l.one(ctx, p); err != nil {
					cancel(err) // the first one counts: those after it may only be stopped by it
				}
			}
		})
	}
feed:
	for _, p := range left {
		select {
		case next <- p:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	return len(left), context.Cause(ctx)
}

func rank(p Planned) int {
	if p.State == stateBegun {
		return 0
	}
	return 1
}

// one runs a job.
func (l *lab) one(ctx context.Context, p Planned) error {
	dir := l.o.Store.Of(p.ID)
	r, err := l.t.Train(ctx, p.Job, dir, func(epoch, epochs int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.o.Notes.At(l.done, l.left, p.Job, epoch, epochs)
	})
	name := l.d.Describe(p.Job)
	if err == nil {
		r.Structure, err = l.t.Structure(ctx, p.Row, p.Point)
	}
	if err == nil && r.Diverged != "" && p.Final() {
		err = errors.New(r.Diverged)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.Row, r.Settings, r.Fold, r.Seed = l.d.Rows[p.Row].Name, l.d.Points[p.Point].String(), p.Fold+1, p.Seed
	if err := l.o.Store.saveResult(p.ID, r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := l.t.Finish(p.Job, dir); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	l.o.Notes.Done(p.Job, p.ID, r)
	return nil
}

// Describe names a job for people.
func (d *Design) Describe(j Job) string {
	parts := []string{d.Rows[j.Row].Name}
	if len(d.Points) > 1 {
		parts = append(parts, d.Points[j.Point].String())
	}
	if !j.Final() {
		parts = append(parts, fmt.Sprintf("fold %d", j.Fold+1))
	}
	return strings.Join(append(parts, fmt.Sprintf("seed %d", j.Seed)), ", ")
}

// waiting says which rows wait for other shards.
func (l *lab) waiting(s *Status) {
	if l.o.Shard.whole() {
		return
	}
	n := make([]int, len(l.d.Rows))
	for _, p := range append(slices.Clone(s.CV), s.Final...) {
		if p.State != stateDone {
			n[p.Row]++
		}
	}
	for row, jobs := range n {
		if jobs > 0 {
			l.o.Notes.Waiting(l.d.Rows[row].Name, jobs)
		}
	}
}

// test measures all networks. That it was done, and with which, is written down before.
func (l *lab) test(ctx context.Context, s *Status) error {
	look := s.look(l.d)
	looks, err := l.o.Store.Looks()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(looks, func(old Look) bool { return old.ID == look.ID }) {
		l.o.Notes.Looking(len(looks))
		if err := l.o.Store.addLooks(look); err != nil {
			return err
		}
	}
	for _, p := range s.Final {
		if _, ok, err := l.o.Store.Score(p.ID); err != nil {
			return err
		} else if ok {
			continue
		}
		score, err := l.t.Test(ctx, p.Job, l.o.Store.Of(p.ID))
		if err == nil {
			err = l.o.Store.saveScore(p.ID, score)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.d.Describe(p.Job), err)
		}
	}
	return nil
}
