package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/model"
)

// numbers is what must be equal between two runs: the history without its times, and the weights.
func numbers(t *testing.T, m *model.File, r Result) string {
	t.Helper()
	for i := range r.History {
		r.History[i].Seconds, r.History[i].ClipsPerSec = 0, 0
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	w.Write(b)
	if err := m.Encode(&w); err != nil {
		t.Fatal(err)
	}
	return w.String()
}

func mustRun(t *testing.T, o Options) string {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return numbers(t, o.Model, r)
}

// whole is the run of testOptions without interruption.
func whole(t *testing.T) string {
	o := testOptions(t)
	o.Dir = t.TempDir()
	return mustRun(t, o)
}

// hook is a Progress that calls functions.
type hook struct {
	step  func(Step)
	epoch func(Epoch)
	notes []string
}

func (h *hook) Step(s Step) {
	if h.step != nil {
		h.step(s)
	}
}

func (h *hook) Epoch(e Epoch) {
	if h.epoch != nil {
		h.epoch(e)
	}
}

func (h *hook) Note(text string) { h.notes = append(h.notes, text) }

func TestLearns(t *testing.T) {
	o := testOptions(t)
	o.Epochs, o.Dropout = 25, 0
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Best.Accuracy < 0.9 {
		t.Errorf("best validation accuracy %.2f at epoch %d after %d epochs", r.Best.Accuracy, r.Best.Epoch, r.Epochs)
	}
	// What is left in the model are the best weights.
	rep, err := Evaluate(context.Background(), o.Model, o.Val, EvalOptions{Batch: o.Batch})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Top1 != r.Best.Accuracy || rep.Loss != r.Best.Loss {
		t.Errorf("the model has accuracy %v and loss %v, the best epoch had %v and %v", rep.Top1, rep.Loss, r.Best.Accuracy, r.Best.Loss)
	}
}

func TestWorkersDoNotChangeTheNumbers(t *testing.T) {
	want := whole(t)
	for _, n := range []int{2, 3} {
		o := testOptions(t)
		o.Workers, o.Loaders = n, 5-n
		if mustRun(t, o) != want {
			t.Errorf("%d workers give other numbers than 1", n)
		}
	}
}

func TestFilesOfARun(t *testing.T) {
	o := testOptions(t)
	o.Dir = filepath.Join(t.TempDir(), "runs", "a")
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{model.PreviousFile, model.CheckpointFile, CurvesFile, MetricsFile, ModelFile}
	if !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}
	saved, err := model.Load(filepath.Join(o.Dir, ModelFile))
	if err != nil {
		t.Fatal(err)
	}
	if numbers(t, saved, r) != numbers(t, o.Model, r) {
		t.Error("the saved model is not the best one")
	}
	lines := strings.Split(strings.TrimSpace(string(readFile(t, filepath.Join(o.Dir, MetricsFile)))), "\n")
	if len(lines) != o.Epochs {
		t.Fatalf("%d lines of metrics for %d epochs", len(lines), o.Epochs)
	}
	for _, key := range []string{"epoch", "lr", "train_loss", "train_acc", "val_loss", "val_acc", "seconds", "clips_per_s", "grad_norm"} {
		if !strings.Contains(lines[0], `"`+key+`":`) {
			t.Errorf("no %s in %s", key, lines[0])
		}
	}
	// The folder is not taken a second time without Resume.
	if _, err := Run(context.Background(), o); err == nil || err.Error() != o.Dir+" already holds a run: go on with --resume "+o.Dir+", or choose another --out" {
		t.Errorf("second run: %v", err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// interrupted runs testOptions in a new folder and ends the context at the given step of the given epoch.
func interrupted(t *testing.T, epoch, step int, validating bool) Options {
	t.Helper()
	o := testOptions(t)
	o.Dir = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Progress = &hook{step: func(s Step) {
		if s.Epoch == epoch && s.Validating == validating && (validating || s.Step == step) {
			cancel()
		}
	}}
	r, err := Run(ctx, o)
	var stop *InterruptedError
	if !errors.As(err, &stop) || !errors.Is(err, context.Canceled) {
		t.Fatalf("run ended with %v", err)
	}
	if stop.Epoch != epoch || r.Epochs != epoch-1 {
		t.Fatalf("stopped in epoch %d with %d finished, want %d", stop.Epoch, r.Epochs, epoch)
	}
	if want := "stopped in epoch " + string(rune('0'+epoch)) + " of 5; go on with --resume " + o.Dir; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	return o
}

// resumed goes on with the run in o.Dir, from a model with other weights.
func resumed(t *testing.T, o Options) (string, []string) {
	t.Helper()
	h := &hook{}
	o.Model, o.Progress, o.Resume = testModel(t, 99), h, true
	return mustRun(t, o), h.notes
}

func TestResumeGivesTheSameNumbers(t *testing.T) {
	want := whole(t)
	for _, c := range []struct {
		name        string
		epoch, step int
		validating  bool
	}{{"first epoch", 1, 2, false}, {"in an epoch", 3, 3, false}, {"last step of an epoch", 3, 6, false}, {"in a validation", 4, 0, true}, {"last epoch", 5, 1, false}} {
		t.Run(c.name, func(t *testing.T) {
			o := interrupted(t, c.epoch, c.step, c.validating)
			got, notes := resumed(t, o)
			if got != want {
				t.Error("a resumed run gives other numbers")
			}
			if len(notes) > 0 {
				t.Errorf("notes %q", notes)
			}
			// A finished run resumed does nothing.
			again, _ := resumed(t, o)
			if again != want {
				t.Error("a finished run gives other numbers when it is resumed")
			}
		})
	}
}

// A process may be killed between any two of the steps of writing an epoch.
func TestResumeAfterACrash(t *testing.T) {
	want := whole(t)
	for name, crash := range map[string]func(dir string){
		"half a line of metrics": func(dir string) {
			f, _ := os.OpenFile(filepath.Join(dir, MetricsFile), os.O_APPEND|os.O_WRONLY, 0)
			f.WriteString(`{"epoch":3,"lr":0.0`)
			f.Close()
		},
		"a line of metrics without its checkpoint": func(dir string) {
			f, _ := os.OpenFile(filepath.Join(dir, MetricsFile), os.O_APPEND|os.O_WRONLY, 0)
			f.WriteString(`{"epoch":3,"lr":0.01,"train_loss":1}` + "\n")
			f.Close()
		},
		"half a checkpoint in a temporary file": func(dir string) {
			os.WriteFile(filepath.Join(dir, "."+model.CheckpointFile+".0badcafe.tmp"), []byte("half"), 0o666)
		},
		"between the two renames": func(dir string) {
			os.Rename(filepath.Join(dir, model.CheckpointFile), filepath.Join(dir, model.PreviousFile))
		},
		"before the model file": func(dir string) { os.Remove(filepath.Join(dir, ModelFile)) },
		"newest checkpoint cut short": func(dir string) {
			os.Truncate(filepath.Join(dir, model.CheckpointFile), 1000)
		},
		"newest checkpoint with a flipped bit": func(dir string) {
			p := filepath.Join(dir, model.CheckpointFile)
			b := readFile(t, p)
			b[len(b)-100] ^= 4
			os.WriteFile(p, b, 0o666)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := interrupted(t, 3, 2, false)
			crash(o.Dir)
			got, notes := resumed(t, o)
			if got != want {
				t.Error("a resumed run gives other numbers")
			}
			if strings.HasPrefix(name, "newest") {
				bad := filepath.Join(o.Dir, model.CheckpointFile)
				if len(notes) != 1 || !strings.HasPrefix(notes[0], bad+": ") || !strings.HasSuffix(notes[0], "going on from "+filepath.Join(o.Dir, model.PreviousFile)+", epoch 1; the damaged file is now "+filepath.Join(o.Dir, damagedFile)) {
					t.Errorf("notes %q", notes)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(o.Dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestResumeRefuses(t *testing.T) {
	o := interrupted(t, 2, 1, false)
	o.Resume, o.Progress = true, nil
	path := filepath.Join(o.Dir, model.CheckpointFile)
	for _, c := range []struct {
		name string
		edit func(o *Options)
		want string
	}{
		{"settings", func(o *Options) { o.Batch, o.Clip = 9, 2 }, path + ": a run goes on with the settings it began with: batch is 9 now and was 8; clip is 2 now and was 1"},
		{"clips", func(o *Options) { o.Train = &made{clips: 46, classes: 3, width: 20} }, path + ": a run goes on with the settings it began with: train-clips is 46 now and was 45"},
		{"config", func(o *Options) {
			c := testConfig()
			c.Pooling = "mean"
			o.Model, _ = model.New(c, 1)
		}, path + ": the run's model has another configuration (structure, classes, frame or standardisation) than the one given now"},
		{"no run", func(o *Options) { o.Dir = filepath.Join(o.Dir, "other") }, filepath.Join(o.Dir, "other") + " holds no checkpoint: there is neither checkpoint.safetensors nor checkpoint.previous.safetensors: file does not exist"},
		{"no folder", func(o *Options) { o.Dir = "" }, "no folder to resume from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			c.edit(&o)
			if _, err := Run(context.Background(), o); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(o *Options)
		want string
	}{
		{"lr", func(o *Options) { o.LR = -1 }, "--lr -1: want above 0 and at most 100; try 0.003"},
		{"lr NaN", func(o *Options) { o.LR = math.NaN() }, "--lr NaN: want above 0 and at most 100; try 0.003"},
		{"epochs", func(o *Options) { o.Epochs = 0 }, "--epochs 0: want from 1 to 1000000"},
		{"warmup", func(o *Options) { o.Warmup = 5 }, "--warmup 5: want epochs from 0 to below --epochs"},
		{"dropout", func(o *Options) { o.Dropout = 1 }, "--dropout 1: want from 0 to below 1"},
		{"schedule", func(o *Options) { o.Schedule = "step" }, `--schedule "step": choose cosine, onecycle or constant`},
		{"no clips", func(o *Options) { o.Train = &made{classes: 3, width: 20} }, "there are no training clips"},
		{"no validation clips", func(o *Options) { o.Val = &made{classes: 3, width: 20} }, "there are no validation clips: give the validation split some, or train without one"},
		{"width", func(o *Options) { o.Val = &made{clips: 3, classes: 3, width: 21} }, "the data's rows have 21 numbers, the model takes 20: give both the same frame size, input kind or features"},
		{"label", func(o *Options) { o.Train = &made{clips: 9, classes: 4, width: 20} }, "clip 3 has label 3, the model has 3 classes"},
		{"broken clip", func(o *Options) { o.Train = &made{clips: 9, classes: 3, width: 20, broken: map[int]int{4: 1}} }, "clip 4 is broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t)
			c.edit(&o)
			if _, err := Run(context.Background(), o); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDiverged(t *testing.T) {
	o := testOptions(t)
	o.Dir = t.TempDir()
	bad := &made{clips: 45, classes: 3, width: 20}
	o.Train = bad
	o.Progress = &hook{epoch: func(e Epoch) { bad.poison = e.Epoch == 2 }}
	r, err := Run(context.Background(), o)
	var d *DivergedError
	if !errors.As(err, &d) {
		t.Fatalf("run ended with %v", err)
	}
	for _, want := range []string{"training diverged at step 13 (epoch 3) with learning rate ", ": loss NaN, gradient norms cell.0.leaf.0 NaN, cell.0.leaf.1 NaN, ", "head.bias NaN; the weights of the last finished epoch are in " + filepath.Join(o.Dir, model.CheckpointFile)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if r.Epochs != 2 || !strings.Contains(d.Hint(), "--lr") {
		t.Errorf("%d epochs, hint %q", r.Epochs, d.Hint())
	}
	c, err := model.LoadCheckpoint(o.Dir)
	if err != nil || c.Progress.Epoch != 2 || c.Damaged != nil {
		t.Errorf("checkpoint of epoch %d (%v)", c.Progress.Epoch, err)
	}
	if _, err := model.Load(filepath.Join(o.Dir, ModelFile)); err != nil {
		t.Error(err)
	}
}

// A loss that is a number and beyond all reason ends a run, too, with the norms of the gradients as they were before they were scaled.
func TestExploded(t *testing.T) {
	o := testOptions(t)
	o.Calibrate = 0
	for _, p := range o.Model.Net.Params() {
		if p.Name == "head.weight" {
			for i := range p.Data {
				p.Data[i] = float32(i%7-3) * 1e5
			}
		}
	}
	_, err := Run(context.Background(), o)
	var d *DivergedError
	if !errors.As(err, &d) {
		t.Fatalf("run ended with %v", err)
	}
	if d.Step != 1 || d.Epoch != 1 || !(d.Loss > explodes) || math.IsInf(d.Loss, 0) || len(d.Grads) != len(o.Model.Net.Params()) {
		t.Errorf("%+v", d)
	}
	largest := 0.0
	for _, g := range d.Grads {
		largest = max(largest, g.Norm)
	}
	if largest <= o.Clip {
		t.Errorf("the largest norm is %v, after clipping to %v", largest, o.Clip)
	}
	if want := "training diverged at step 1 (epoch 1) with learning rate "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "gradient norms cell.0.leaf.0 ") || !strings.Contains(d.Hint(), "--lr") {
		t.Errorf("%v; hint: %s", err, d.Hint())
	}
}

func TestEarlyStopping(t *testing.T) {
	o := testOptions(t)
	o.Dir = t.TempDir()
	o.Epochs, o.Patience, o.LR, o.Schedule, o.Warmup = 50, 3, 1e-12, Constant, 0 // nothing gets better
	o.EMA = 0
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Early || r.Epochs-r.Best.Epoch != 3 {
		t.Errorf("stopped early: %v, after %d epochs, best %d", r.Early, r.Epochs, r.Best.Epoch)
	}
	o.Resume, o.Model = true, testModel(t, 5)
	again, err := Run(context.Background(), o)
	if err != nil || again.Epochs != r.Epochs || !again.Early {
		t.Errorf("a resumed run went on to epoch %d (%v)", again.Epochs, err)
	}
}

func TestBetter(t *testing.T) {
	epoch := func(acc, loss float64) Epoch { return Epoch{ValAccuracy: &acc, ValLoss: &loss} }
	for _, c := range []struct {
		best *Best
		e    Epoch
		want bool
	}{
		{nil, epoch(0, 9), true},
		{&Best{Accuracy: 0.5, Loss: 1}, epoch(0.6, 2), true},
		{&Best{Accuracy: 0.5, Loss: 1}, epoch(0.4, 0.1), false},
		{&Best{Accuracy: 0.5, Loss: 1}, epoch(0.5, 0.9), true},
		{&Best{Accuracy: 0.5, Loss: 1}, epoch(0.5, 1), false}, // equal: the earlier stays
		{&Best{Accuracy: 0.5, Loss: 1}, Epoch{}, true},        // no validation: the last one
	} {
		tr := &trainer{at: model.Progress{Best: c.best}}
		if got := tr.better(c.e); got != c.want {
			t.Errorf("better(%v) than %v: %v", c.e, c.best, got)
		}
	}
}

func TestWithoutValidation(t *testing.T) {
	o := testOptions(t)
	o.Val, o.Dir, o.EMA, o.Epochs = nil, t.TempDir(), 0, 3
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Best.Epoch != 3 || r.History[0].ValLoss != nil {
		t.Errorf("best %v", r.Best)
	}
}

func TestLock(t *testing.T) {
	o := testOptions(t)
	o.Dir = t.TempDir()
	l, err := lockDir(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	o.Begin = func() error { t.Error("a run began in a folder that another has"); return nil }
	_, err = Run(context.Background(), o)
	if err == nil || !strings.HasPrefix(err.Error(), o.Dir+" is in use by another fdht, process ") {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(o.Dir); len(entries) != 1 {
		t.Errorf("the second left %v", entries)
	}
	l.release()
	if l, err = lockDir(o.Dir); err != nil {
		t.Fatal(err)
	}
	l.release()
}

func TestStepDoesNotAllocate(t *testing.T) {
	o := testOptions(t)
	params := o.Model.Net.Params()
	adam, avg, grads := NewAdamW(params, 0.9, 0.999, 1e-8, 0.1), newAverage(params, 0.99), like(params)
	grads[0][0] = 1
	n := testing.AllocsPerRun(20, func() {
		ClipNorm(grads, 0.5)
		adam.Step(params, grads, 1e-3)
		avg.update(params, 3)
	})
	if n != 0 {
		t.Errorf("a step of the optimiser allocates %v times", n)
	}
}
