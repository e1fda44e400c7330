package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// local is a Group of goroutines. Ranks that do not call the same methods in the same order with slices of the same sizes fail the test.
type local struct {
	t     *testing.T
	mu    sync.Mutex
	all   *sync.Cond
	size  int
	round int
	calls []call // of this round
	sent  int64  // floats, of AllToAll and AllGather, by rank 0 to others
}

type call struct {
	rank int
	what string
	do   func(rank int, v any) // takes what rank brought
	v    any
}

type localRank struct {
	*local
	rank int
}

func newLocal(t *testing.T, size int) []Group {
	l := &local{t: t, size: size}
	l.all = sync.NewCond(&l.mu)
	ranks := make([]Group, size)
	for r := range ranks {
		ranks[r] = &localRank{l, r}
	}
	return ranks
}

func (r *localRank) Rank() int    { return r.rank }
func (r *localRank) Size() int    { return r.size }
func (r *localRank) Host() string { return fmt.Sprintf("host%d", r.rank/2) }

// meet hands what every rank brought to every rank's do, by the last one to come.
func (r *localRank) meet(what string, v any, do func(rank int, v any)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) > 0 && r.calls[0].what != what {
		r.t.Errorf("rank %d calls %s where rank %d calls %s", r.rank, what, r.calls[0].rank, r.calls[0].what)
	}
	r.calls = append(r.calls, call{r.rank, what, do, v})
	round := r.round
	if len(r.calls) == r.size {
		for _, to := range r.calls {
			for _, from := range r.calls {
				to.do(from.rank, from.v)
			}
		}
		r.calls = nil
		r.round++
		r.all.Broadcast()
	}
	for r.round == round {
		r.all.Wait()
	}
	return nil
}

func (r *localRank) Gather(all, mine []byte) error {
	return r.meet(fmt.Sprint("Gather ", len(all), len(mine)), mine, func(from int, v any) { copy(all[from*len(mine):][:len(mine)], v.([]byte)) })
}

func (r *localRank) Broadcast(v []float32) error {
	return r.meet(fmt.Sprint("Broadcast ", len(v)), v, func(from int, w any) {
		if from == 0 && r.rank != 0 {
			copy(v, w.([]float32))
		}
	})
}

func (r *localRank) AllToAll(recv, send []float32) error {
	n := len(send) / r.size
	r.count(n * (r.size - 1))
	return r.meet(fmt.Sprint("AllToAll ", len(recv), len(send)), send, func(from int, v any) { copy(recv[from*n:][:n], v.([]float32)[r.rank*n:]) })
}

func (r *localRank) AllGather(all, mine []float32) error {
	r.count(len(mine) * (r.size - 1))
	return r.meet(fmt.Sprint("AllGather ", len(all), len(mine)), mine, func(from int, v any) { copy(all[from*len(mine):][:len(mine)], v.([]float32)) })
}

func (r *localRank) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rank == 0 {
		r.sent += int64(n)
	}
}

// outcome is what Run gave one rank.
type outcome struct {
	o   Options
	res Result
	err error
}

// together runs the options of each rank in a group.
func together(t *testing.T, size int, options func(rank int) Options) []outcome {
	t.Helper()
	return togetherCtx(t, size, func(int) context.Context { return context.Background() }, options)
}

func togetherCtx(t *testing.T, size int, ctx func(rank int) context.Context, options func(rank int) Options) []outcome {
	t.Helper()
	ranks := newLocal(t, size)
	out := make([]outcome, size)
	var wg sync.WaitGroup
	for r := range size {
		o := options(r)
		o.Group = ranks[r]
		out[r].o = o
		wg.Go(func() { out[r].res, out[r].err = Run(ctx(r), out[r].o) })
	}
	wg.Wait()
	return out
}

// weightsOf is the model's file as bytes.
func weightsOf(t *testing.T, m *model.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRanksGiveTheNumbersOfOneProcess(t *testing.T) {
	whole := sumFloats
	defer func() { sumFloats = whole }()
	// 45 clips are 5 batches of 8 and one of 5, which is 2 shards: more ranks than that have nothing to do
	for _, batch := range []int{8, 13, 45} {
		o := testOptions(t)
		o.Batch, o.Epochs = batch, 2
		want := mustRun(t, o)
		for _, ranks := range []int{1, 2, 3, 4} {
			for _, floats := range []int{whole, 100} { // at once, or in many pieces
				if sumFloats = floats; floats < whole && batch != 13 {
					continue
				}
				dir := t.TempDir()
				out := together(t, ranks, func(rank int) Options {
					o := testOptions(t)
					o.Model = testModel(t, 1+uint64(rank)) // rank 0's weights are those of all
					o.Batch, o.Epochs, o.Workers, o.Dir = batch, 2, 1+rank%2, filepath.Join(dir, fmt.Sprint("rank", rank))
					return o
				})
				for r, got := range out {
					if got.err != nil {
						t.Fatalf("rank %d of %d: %v", r, ranks, got.err)
					}
					if numbers(t, got.o.Model, got.res) != want {
						t.Errorf("batch %d: rank %d of %d comes to other numbers than one process", batch, r, ranks)
					}
				}
				made, _ := os.ReadDir(dir)
				if len(made) != 1 || made[0].Name() != "rank0" {
					t.Errorf("folders %v, want that of rank 0 alone", made)
				}
			}
		}
	}
}

// sameToRounding holds the weights of two runs to each other.
func sameToRounding(t *testing.T, a, b outcome, tol float64) {
	t.Helper()
	for i, p := range a.o.Model.Net.Params() {
		q := b.o.Model.Net.Params()[i]
		for k := range p.Data {
			if d := float64(p.Data[k] - q.Data[k]); d > tol || d < -tol {
				t.Fatalf("%s[%d] is %v and %v", p.Name, k, p.Data[k], q.Data[k])
			}
		}
	}
}

func TestSumRanks(t *testing.T) {
	options := func(int) Options {
		o := testOptions(t)
		o.Batch, o.Epochs, o.SumRanks = 16, 2, true
		return o
	}
	one := outcome{o: options(0)}
	if one.res, one.err = Run(context.Background(), one.o); one.err != nil {
		t.Fatal(one.err)
	}
	out := together(t, 2, options)
	if out[0].err != nil || out[1].err != nil {
		t.Fatal(out[0].err, out[1].err)
	}
	if !bytes.Equal(weightsOf(t, out[0].o.Model), weightsOf(t, out[1].o.Model)) {
		t.Error("the ranks have different weights")
	}
	if bytes.Equal(weightsOf(t, out[0].o.Model), weightsOf(t, one.o.Model)) {
		t.Error("sums of sums are those of one process to the bit: the option does nothing")
	}
	sameToRounding(t, one, out[0], 2e-3)
}

// A dense matrix that is too large for the gradients of several shards.
func TestDenseRanks(t *testing.T) {
	c := testConfig()
	c.Hidden, c.Input = 300, 1000
	c.Structure = factor.DenseSpec(1200, 1300)
	options := func(int) Options {
		o := testOptions(t)
		m, err := model.New(c, 3)
		if err != nil {
			t.Fatal(err)
		}
		if m.Net.NewRunner(1).Unit() != 0 {
			t.Fatal("the matrix is not a large one")
		}
		o.Model, o.Epochs, o.Batch, o.EMA, o.LR = m, 1, 7, 0, 1e-3
		o.Train, o.Val = &made{clips: 15, classes: 3, width: 1000}, &made{clips: 5, classes: 3, width: 1000}
		return o
	}
	one := outcome{o: options(0)}
	if one.res, one.err = Run(context.Background(), one.o); one.err != nil {
		t.Fatal(one.err)
	}
	out := together(t, 3, options)
	for r := range out {
		if out[r].err != nil {
			t.Fatal(out[r].err)
		}
		if !bytes.Equal(weightsOf(t, out[0].o.Model), weightsOf(t, out[r].o.Model)) {
			t.Errorf("rank %d has other weights than rank 0", r)
		}
	}
	sameToRounding(t, one, out[0], 5e-4)
}

// Every rank ends with the error of the one that failed, wherever that was.
func TestErrorOfOneRank(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(rank int, o *Options)
		want string // of the ranks that did not fail; empty: all fail alike
		own  string // of the one that did
	}{
		"a clip":          {breaks(2, 1), "rank 2 on host1: the disk of rank 2 is broken", "the disk of rank 2 is broken"},
		"the first clip":  {breaks(1, 0), "rank 1 on host0: the disk of rank 1 is broken", "the disk of rank 1 is broken"},
		"clips of rank 0": {breaks(0, 1), "rank 0 on host0: the disk of rank 0 is broken", "the disk of rank 0 is broken"},
		"a validation clip": {func(r int, o *Options) {
			if r == 2 {
				o.Val = failing{o.Val, 2, -1}
			}
		}, "rank 2 on host1: the disk of rank 2 is broken", "the disk of rank 2 is broken"},
		"clips of two ranks": {func(r int, o *Options) {
			if r > 0 {
				o.Train = failing{o.Train, r, 0}
			}
		}, "rank 1 on host0: the disk of rank 1 is broken", "the disk of rank 1 is broken"},
		"no clips": {func(r int, o *Options) {
			if r == 1 {
				o.Train = &made{classes: 3, width: 20}
			}
		}, "rank 1 on host0: there are no training clips", "there are no training clips"},
		"no place": {func(r int, o *Options) { o.Dir = "/dev/null/a" }, "rank 0 on host0: cannot make /dev/null/a: not a directory", "cannot make /dev/null/a: not a directory"},
		"settings": {func(r int, o *Options) { o.LR *= 1 + float64(r) }, "", "rank 1 on host0 was given other settings than rank 0 on host0: all ranks need the same program, settings and data"},
		"data":     {func(r int, o *Options) { o.Data = fmt.Sprint(r / 2) }, "", "rank 2 on host1 was given other clips, divided or sampled in another way, than rank 0 on host0: all ranks need the same program, settings and data"},
		"model": {func(r int, o *Options) {
			if r == 1 {
				c := testConfig()
				c.Standardise.Mean[0] = 0.3
				o.Model, _ = model.New(c, 1)
			}
		}, "", "rank 1 on host0 was given another model (structure, classes, frame or standardisation) than rank 0 on host0: all ranks need the same program, settings and data"},
	} {
		t.Run(name, func(t *testing.T) {
			for rank, got := range together(t, 3, func(rank int) Options {
				o := testOptions(t)
				o.Dir, o.Batch = t.TempDir(), 16
				c.edit(rank, &o)
				return o
			}) {
				var remote *RankError
				own := c.own
				if errors.As(got.err, &remote) {
					own = c.want
				}
				if got.err == nil || got.err.Error() != own {
					t.Errorf("rank %d ended with %v, want %s", rank, got.err, own)
				}
			}
		})
	}
}

// failing cannot read any clip in an epoch; in none when it is -1, which is a validation split that cannot be read.
type failing struct {
	Source
	rank, epoch int
}

func (f failing) Clip(prev rnn.Sequence, i int, d Draw) (rnn.Sequence, error) {
	if d.Train && d.Epoch == f.epoch || f.epoch < 0 {
		return nil, fmt.Errorf("the disk of rank %d is broken", f.rank)
	}
	return f.Source.Clip(prev, i, d)
}

// breaks has a rank fail in an epoch.
func breaks(rank, epoch int) func(int, *Options) {
	return func(r int, o *Options) {
		if r == rank {
			o.Train = failing{o.Train, rank, epoch}
		}
	}
}

// A signal to one rank, at any time, stops all of them in the same epoch, and the run goes on with another number of ranks to the same numbers.
func TestStopOfOneRank(t *testing.T) {
	want := whole(t)
	for _, c := range []struct {
		name       string
		step       int
		validating bool
	}{{"in an epoch", 2, false}, {"after the last batch", 6, false}, {"in validation", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			out := togetherCtx(t, 3, func(rank int) context.Context {
				if rank == 1 { // rank 0 has the progress
					return ctx
				}
				return context.Background()
			}, func(rank int) Options {
				o := testOptions(t)
				o.Dir = dir
				o.Progress = &hook{step: func(s Step) {
					if s.Epoch == 3 && s.Validating == c.validating && (c.validating || s.Step == c.step) {
						cancel()
					}
				}}
				return o
			})
			var first *InterruptedError
			for rank, got := range out {
				var stop *InterruptedError
				if !errors.As(got.err, &stop) || !errors.Is(got.err, context.Canceled) {
					t.Fatalf("rank %d ended with %v", rank, got.err)
				}
				if first == nil {
					first = stop
				}
				if stop.Epoch != first.Epoch || stop.Epoch < 3 || stop.Epoch > 4 {
					t.Errorf("rank %d was stopped in epoch %d, rank 0 in epoch %d", rank, stop.Epoch, first.Epoch)
				}
			}
			again := together(t, 2, func(rank int) Options {
				o := testOptions(t)
				o.Model, o.Dir, o.Resume = testModel(t, 99), dir, true
				return o
			})
			if again[0].err != nil || again[1].err != nil {
				t.Fatal(again[0].err, again[1].err)
			}
			if numbers(t, again[0].o.Model, again[0].res) != want {
				t.Error("a resumed run gives other numbers")
			}
			if !bytes.Equal(weightsOf(t, again[1].o.Model), weightsOf(t, again[0].o.Model)) {
				t.Error("rank 1 has other weights")
			}
		})
	}
}

func TestDivergenceAndEarlyStopOnAllRanks(t *testing.T) {
	for rank, got := range together(t, 3, func(rank int) Options {
		o := testOptions(t)
		o.Train = &made{clips: 45, classes: 3, width: 20, poison: rank == 1} // NaN in the share of one rank
		return o
	}) {
		var d *DivergedError
		if !errors.As(got.err, &d) || d.Step != 1 {
			t.Errorf("rank %d ended with %v", rank, got.err)
		}
	}
	for rank, got := range together(t, 2, func(rank int) Options {
		o := testOptions(t)
		o.Epochs, o.Patience, o.LR, o.Schedule, o.Warmup, o.EMA = 50, 3, 1e-12, Constant, 0, 0
		return o
	}) {
		if got.err != nil || !got.res.Early || got.res.Epochs > 10 {
			t.Errorf("rank %d: early %v after %d epochs, %v", rank, got.res.Early, got.res.Epochs, got.err)
		}
	}
}

// Weights that are no longer the same on all ranks are found at the end of the epoch.
func TestRanksThatDrift(t *testing.T) {
	ranks := newLocal(t, 3)
	ranks[2] = flipping{ranks[2]}
	var wg sync.WaitGroup
	var got [3]error
	for r, g := range ranks {
		o := testOptions(t)
		o.Group = g
		wg.Go(func() { _, got[r] = Run(context.Background(), o) })
	}
	wg.Wait()
	for r, err := range got {
		if want := "after epoch 1 rank 2 has other weights than rank 0"; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("rank %d: %v, want %s", r, err, want)
		}
	}
}

// flipping gets a bit wrong, a high one of the fraction.
type flipping struct{ Group }

func (f flipping) AllGather(all, mine []float32) error {
	err := f.Group.AllGather(all, mine)
	all[0] = math.Float32frombits(math.Float32bits(all[0]) ^ 1<<22)
	return err
}

func TestIdleRanksAreSaid(t *testing.T) {
	h := &hook{}
	out := together(t, 4, func(rank int) Options {
		o := testOptions(t)
		o.Epochs, o.Warmup = 1, 0
		if rank == 0 {
			o.Progress = h
		}
		return o
	})
	if out[0].err != nil {
		t.Fatal(out[0].err)
	}
	if want := "2 of 4 ranks have nothing to do: a batch of 8 clips is divided by 4"; len(h.notes) != 1 || h.notes[0] != want {
		t.Errorf("notes %q, want %q", h.notes, want)
	}
}

func TestLongErrorsBetweenRanks(t *testing.T) {
	ranks := newLocal(t, 2)
	long := errors.New(strings.Repeat("\x01", 3*tellBytes))
	var wg sync.WaitGroup
	var got [2]error
	wg.Go(func() { got[0] = Agree(ranks[0], nil) })
	wg.Go(func() { got[1] = Agree(ranks[1], long) })
	wg.Wait()
	var e *RankError
	if got[1] != long || !errors.As(got[0], &e) || e.Rank != 1 || !strings.HasPrefix(long.Error(), strings.TrimSuffix(e.Text, "...")) {
		t.Errorf("rank 0: %.100v", got[0])
	}
	if b, _ := json.Marshal(e); len(b) > tellBytes {
		t.Errorf("%d bytes", len(b))
	}
}
