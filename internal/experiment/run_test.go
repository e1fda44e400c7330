package experiment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// trainer is a Trainer whose jobs come to what a function says.
type trainer struct {
	id    func(Job) string
	train func(context.Context, Job) (Result, error)

	mu     sync.Mutex
	ran    []string
	tested int
}

func (*trainer) Folds(context.Context, int) (int, error) { return 2, nil }
func (*trainer) Structure(context.Context, int, int) (Structure, error) {
	return Structure{Weights: 1}, nil
}
func (t *trainer) ID(_ context.Context, j Job) (string, error) { return t.id(j), nil }
func (*trainer) Finish(Job, string) error                      { return nil }

func (t *trainer) Train(ctx context.Context, j Job, _ string, _ func(int, int)) (Result, error) {
	t.mu.Lock()
	t.ran = append(t.ran, t.id(j))
	t.mu.Unlock()
	return t.train(ctx, j)
}

func (t *trainer) Test(context.Context, Job, string) (Score, error) {
	t.tested++
	return Score{Clips: 1, Top1: 1}, nil
}

// silent is told and says nothing.
type silent struct{}

func (silent) Begun(int)                  {}
func (silent) At(int, int, Job, int, int) {}
func (silent) Done(Job, string, Result)   {}
func (silent) Waiting(string, int)        {}
func (silent) Looking(int)                {}

// idOf tells jobs apart by all that they are.
func idOf(j Job) string { return fmt.Sprintf("r%d-p%d-f%d-s%d", j.Row, j.Point, j.Fold, j.Seed) }

// held is a result whose accuracy on what was left out is that of its point.
func held(_ context.Context, j Job) (Result, error) {
	r := Result{Curve: []Epoch{{}}}
	if !j.Final() {
		r.Held = &Score{Top1: float64(1+j.Point) / 10}
	}
	return r, nil
}

func twoRows() *Design {
	return &Design{Name: "x", Rows: []Row{{Name: "a"}, {Name: "b"}}, Points: []Point{{Keys: []string{"lr"}, Values: []string{"1"}}, {Keys: []string{"lr"}, Values: []string{"2"}}},
		CV: CV{Seeds: []uint64{1}}, Seeds: []uint64{1, 2}}
}

// TestRunEverything: two rows of two points in two folds, then two seeds of the better point; and nothing again.
func TestRunEverything(t *testing.T) {
	tr := &trainer{id: idOf, train: held}
	o := Options{Store: Store{t.TempDir()}, Beside: 3, Notes: silent{}}
	if complete, err := Run(t.Context(), twoRows(), tr, o); err != nil || !complete || len(tr.ran) != 8+4 || tr.tested != 4 {
		t.Fatalf("%v, %v: %q ran, %d measured", complete, err, tr.ran, tr.tested)
	}
	for _, id := range tr.ran[8:] {
		if !strings.Contains(id, "-p1-f-1-") {
			t.Errorf("a final run is %s", id)
		}
	}
	if complete, err := Run(t.Context(), twoRows(), tr, o); err != nil || !complete || len(tr.ran) != 12 || tr.tested != 4 {
		t.Errorf("again: %v, %v: %q ran, %d measured", complete, err, tr.ran, tr.tested)
	}
}

// TestRunSameJobOnce: rows that are the same network share their runs.
func TestRunSameJobOnce(t *testing.T) {
	tr := &trainer{id: func(j Job) string { j.Row = 0; return idOf(j) }, train: held}
	complete, err := Run(t.Context(), twoRows(), tr, Options{Store: Store{t.TempDir()}, Beside: 2, Notes: silent{}})
	if err != nil || !complete || len(tr.ran) != 6 {
		t.Errorf("%v, %v: %q ran", complete, err, tr.ran)
	}
}

// TestRunFails: the error of the job that failed is told and not that of those it stopped, and a final run must not diverge; in neither case are the
// test clips looked at.
func TestRunFails(t *testing.T) {
	for want, train := range map[string]func(context.Context, Job) (Result, error){
		"b, lr 1, fold 1, seed 1: broken": func(ctx context.Context, j Job) (Result, error) {
			if j.Row == 1 && j.Point == 0 && j.Fold == 0 {
				return Result{}, errors.New("broken")
			}
			if j.Row == 1 {
				<-ctx.Done()
				return Result{}, ctx.Err()
			}
			return held(ctx, j)
		},
		"a, lr 2, seed 2: too large": func(ctx context.Context, j Job) (Result, error) {
			r, err := held(ctx, j)
			if j.Final() && j.Row == 0 && j.Seed == 2 {
				r.Diverged = "too large"
			}
			return r, err
		},
	} {
		dir := t.TempDir()
		tr := &trainer{id: idOf, train: train}
		complete, err := Run(t.Context(), twoRows(), tr, Options{Store: Store{dir}, Beside: 2, Notes: silent{}})
		if err == nil || err.Error() != want || complete || tr.tested != 0 {
			t.Errorf("%v, %v, %d measured; want %s", complete, err, tr.tested, want)
		}
		if _, err := os.Stat(filepath.Join(dir, looksFile)); err == nil {
			t.Errorf("%s: a look is written down", want)
		}
	}
}

// TestRunFrom: a row that begins with another one's networks begins with those of its chosen settings, of the same fold and seed, which are
// there by then; two shards come to the same without running anything twice.
func TestRunFrom(t *testing.T) {
	design := func() *Design {
		d := twoRows()
		d.Rows = append(d.Rows, Row{Name: "c", From: "b"})
		d.Rows[1].From = "a"
		return d
	}
	starts := map[string]string{}
	id := func(j Job) string { return idOf(j) + "(" + j.Start + ")" }
	store := Store{t.TempDir()}
	tr := &trainer{id: id, train: func(ctx context.Context, j Job) (Result, error) {
		if _, ok, err := store.Result(j.Start); j.Start != "" && (err != nil || !ok) {
			t.Errorf("%s runs before what it begins with", id(j))
		}
		starts[idOf(j)] = j.Start
		return held(ctx, j)
	}}
	if complete, err := Run(t.Context(), design(), tr, Options{Store: store, Notes: silent{}}); err != nil || !complete || len(tr.ran) != 12+6 {
		t.Fatalf("%v, %v: %q ran", complete, err, tr.ran)
	}
	for job, want := range map[string]string{
		"r0-p0-f0-s1":  "",
		"r1-p0-f1-s1":  "r0-p1-f1-s1()",
		"r2-p0-f0-s1":  "r1-p1-f0-s1(r0-p1-f0-s1())",
		"r1-p1-f-1-s2": "r0-p1-f-1-s2()",
		"r2-p1-f-1-s2": "r1-p1-f-1-s2(r0-p1-f-1-s2())",
	} {
		if starts[job] != want {
			t.Errorf("%s begins with %q, want %q", job, starts[job], want)
		}
	}
	ran := len(tr.ran)
	store = Store{t.TempDir()}
	tr.ran = nil
	for range 4 {
		for i := range 2 {
			if _, err := Run(t.Context(), design(), tr, Options{Store: store, Notes: silent{}, Shard: Shard{i + 1, 2}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(tr.ran) != ran {
		t.Errorf("two shards ran %d jobs, one process %d: %q", len(tr.ran), ran, tr.ran)
	}
	if d := design(); d.Validate() != nil {
		t.Error(d.Validate())
	}
	d := design()
	d.Rows[0].From = "c"
	if err := d.Validate(); err == nil {
		t.Error("a row begins with one below it")
	}
}
