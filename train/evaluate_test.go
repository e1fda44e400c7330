package train

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/rnn"
)

func TestEvaluate(t *testing.T) {
	o := testOptions(t)
	src := &made{clips: 50, classes: 2, width: 20} // nothing of the third class
	done := 0
	r, err := Evaluate(context.Background(), o.Model, src, EvalOptions{Batch: 7, Workers: 2, Progress: func(d, total int) {
		if d <= done || total != 50 {
			t.Errorf("progress %d of %d after %d", d, total, done)
		}
		done = d
	}})
	if err != nil {
		t.Fatal(err)
	}
	right, loss := 0, 0.0
	counts := make([][]int, 3)
	for i := range counts {
		counts[i] = make([]int, 3)
	}
	run := o.Model.Net.NewRunner(1)
	l := newLoader(src, 50, 1, nil, 0)
	by := newBatch(50, nil)
	l.fill(context.Background(), by, inOrder(50), Draw{})
	logits := make([]float32, 150)
	for k := range by.slots {
		by.slots[k].By = scaler(t, o)
	}
	run.Forward(logits, by.seqs)
	for k, label := range by.labels {
		z := logits[3*k : 3*k+3]
		loss += CrossEntropy(nil, z, label, 0, 1) / 50
		counts[label][top(z)]++
		if top(z) == label {
			right++
		}
		if r.Predicted[k] != top(z) {
			t.Errorf("clip %d is taken for %d, want %d", k, r.Predicted[k], top(z))
		}
	}
	if r.Clips != 50 || done != 50 || r.Top1 != float64(right)/50 || r.Top5 != 1 || !near(r.Loss, loss, 1e-6) {
		t.Errorf("report %+v, want %d right and loss %v", r, right, loss)
	}
	for i := range counts {
		if !slices.Equal(counts[i], r.Confusion[i]) {
			t.Errorf("confusion %v, want %v", r.Confusion, counts)
		}
	}
	if c := r.Classes[2]; c.Clips != 0 || c.Recall != nil || c.Label != "fast" {
		t.Errorf("class without clips: %+v", c)
	}
	mean := 0.0
	for _, c := range r.Classes[:2] {
		mean += *c.Recall / 2
	}
	if !near(mean, r.MeanRecall, 1e-12) {
		t.Errorf("mean recall %v, want %v", r.MeanRecall, mean)
	}
}

// Probabilities are averaged over the views, not logits, and not labels.
func TestEvaluateViews(t *testing.T) {
	o := testOptions(t)
	src := &viewed{made{clips: 9, classes: 3, width: 20}}
	// Of the three views of a clip two speak for class 0 a little, one for its own class much.
	net := loudest(func(view, label int) []float32 {
		z := []float32{1, 0, 0}
		if view == 1 {
			z = make([]float32, 3)
			z[label] = 4
		}
		return z
	})
	done := 0
	r, err := EvaluateNetwork(context.Background(), net, o.Model.Config, src, EvalOptions{Views: 3, Batch: 4, Progress: func(d, total int) {
		if d <= done || total != 27 {
			t.Errorf("progress %d of %d after %d", d, total, done)
		}
		done = d
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Top1 != 1 || r.Clips != 9 || done != 27 || len(r.Predicted) != 9 {
		t.Errorf("%+v after %d", r, done)
	}
	e, e4 := math.E, math.Exp(4)
	want := (2/(e+2) + e4/(e4+2)) / 3 // of a clip of class 1
	if got := float64(r.Confidence[1]); !near(got, want, 1e-6) {
		t.Errorf("confidence %v, want %v", got, want)
	}
	same := (2*e/(e+2) + e4/(e4+2)) / 3
	if loss := -(math.Log(same) + 2*math.Log(want)) / 3; !near(r.Loss, loss, 1e-6) {
		t.Errorf("loss %v, want %v", r.Loss, loss)
	}
	if r, err = EvaluateNetwork(context.Background(), net, o.Model.Config, src, EvalOptions{}); err != nil || r.Top1 != 1./3 {
		t.Errorf("one view: %+v, %v", r, err)
	}
}

// A probability that is 0 in float32 in every view is a large loss, and no failure.
func TestEvaluateViewsSureAndWrong(t *testing.T) {
	src := &viewed{made{clips: 3, classes: 3, width: 20}}
	sure := loudest(func(int, int) []float32 { return []float32{300, 0, 0} })
	r, err := EvaluateNetwork(context.Background(), sure, testOptions(t).Model.Config, src, EvalOptions{Views: 2})
	if err != nil || r.Top1 != 1./3 || r.Loss < 50 {
		t.Errorf("%+v, %v", r, err)
	}
}

// viewed is a split whose clips say which view they are of which class.
type viewed struct{ made }

type view struct{ view, label int }

func (v *viewed) Clip(_ rnn.Sequence, i int, d Draw) (rnn.Sequence, error) {
	return view{d.View, v.Label(i)}, nil
}

func (view) Len() int            { return 1 }
func (view) Load([]float32, int) {}

// loudest is a network of a view's logits.
type loudest func(view, label int) []float32

func (f loudest) Forward(logits []float32, batch []rnn.Sequence) {
	for i, s := range batch {
		v := s.(*noisy).Seq.(view)
		copy(logits[3*i:], f(v.view, v.label))
	}
}

func TestSavePlots(t *testing.T) {
	r := &Report{Clips: 6, Top1: 4.0 / 6, Confusion: [][]int{{3, 1, 0}, {1, 1, 0}, {0, 0, 0}}}
	r.perClass([]string{"a", "b", "c"})
	dir := filepath.Join(t.TempDir(), "plots")
	paths, err := r.SavePlots(dir, "test split")
	if err != nil || len(paths) != 4 {
		t.Fatal(paths, err)
	}
	for _, p := range paths {
		if len(readFile(t, p)) < 1000 {
			t.Errorf("%s is hardly a plot", p)
		}
	}
}

func TestPerClass(t *testing.T) {
	r := &Report{Confusion: [][]int{{3, 1, 0}, {1, 1, 0}, {0, 0, 0}}}
	r.perClass([]string{"a", "b", "c"})
	a, b, c := r.Classes[0], r.Classes[1], r.Classes[2]
	if a.Clips != 4 || *a.Recall != 0.75 || *a.Precision != 0.75 || *b.Recall != 0.5 || *b.Precision != 0.5 || c.Recall != nil || c.Precision != nil || r.MeanRecall != 0.625 {
		t.Errorf("%+v", r)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	o := testOptions(t)
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	for _, c := range []struct {
		ctx  context.Context
		src  Source
		want string
	}{
		{context.Background(), &made{classes: 3, width: 20}, "no clips to evaluate"},
		{context.Background(), &made{clips: 3, classes: 3, width: 19}, "the data's rows have 19 numbers, the model takes 20"},
		{context.Background(), &made{clips: 3, classes: 3, width: 20, poison: true}, "the model's outputs are not numbers: the mean loss over 3 clips is NaN"},
		{ctx, &made{clips: 3, classes: 3, width: 20}, context.DeadlineExceeded.Error()},
	} {
		if _, err := Evaluate(c.ctx, o.Model, c.src, EvalOptions{}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// tiny is a data set with classes in another order than the model's.
type tiny struct{ classes []string }

func (d tiny) Name() string      { return "tiny" }
func (d tiny) Classes() []string { return d.classes }
func (d tiny) Len() int          { return 4 }
func (d tiny) ID(i int) string   { return "clip" + string(rune('0'+i)) }
func (d tiny) Label(i int) int   { return i % len(d.classes) }
func (d tiny) Group(int) string  { return "" }
func (d tiny) Width() int        { return 20 }
func (d tiny) Frames(int) int    { return 3 }

func (d tiny) Clip(_ *dataset.Clip, i int, s dataset.Sample) error {
	if i == 3 {
		return errors.New("clip3 cannot be read")
	}
	if s.Steps != 5 || !s.Train || s.Seed != 8 || s.Epoch != 2 {
		return errors.New("the sample does not come through")
	}
	return nil
}

func TestClips(t *testing.T) {
	classes := []string{"run", "sit", "walk"}
	c, err := NewClips(tiny{[]string{"sit", "run"}}, []int{3, 0, 1}, classes, dataset.Sample{Steps: 5})
	if err != nil {
		t.Fatal(err)
	}
	if c.Len() != 3 || c.Width() != 20 || c.Label(0) != 0 || c.Label(1) != 1 || c.ID(2) != "clip1" {
		t.Errorf("%d clips, labels %d %d", c.Len(), c.Label(0), c.Label(1))
	}
	d := Draw{Train: true, Seed: 8, Epoch: 2}
	var prev rnn.Sequence
	first, err := c.Clip(prev, 1, d)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Clip(first, 2, d); err != nil || again != first {
		t.Errorf("the memory of a clip is not used again (%v)", err)
	}
	if _, err := c.Clip(nil, 0, d); err == nil {
		t.Error("a clip that cannot be read was taken")
	}
	if all, err := NewClips(tiny{[]string{"sit"}}, nil, classes, dataset.Sample{}); err != nil || all.Len() != 4 {
		t.Errorf("not all clips (%v)", err)
	}
	_, err = NewClips(tiny{[]string{"sit", "jump"}}, nil, classes, dataset.Sample{})
	if err == nil || err.Error() != `clip clip1 of tiny is of class "jump", which the model does not know: its classes are run, sit, walk` {
		t.Errorf("got %v", err)
	}
}
