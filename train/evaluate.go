package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Report is how well a model does on a split.
type Report struct {
	Clips      int     `json:"clips"`
	Loss       float64 `json:"loss"` // mean cross-entropy, without label smoothing
	Top1       float64 `json:"top1"` // share of clips whose label has the largest logit
	Top5       float64 `json:"top5"` // share of clips whose label is among the 5 largest; 1 with 5 classes or fewer
	MeanRecall float64 `json:"mean_recall"`
	Classes    []Class `json:"classes"`
	// Confusion counts clips by true class (row) and predicted class (column).
	Confusion [][]int `json:"confusion"`
	// Predicted is the class of each clip, Confidence its probability.
	Predicted  []int     `json:"-"`
	Confidence []float32 `json:"-"`
}

// Class is how well a model does on one class. A ratio without anything to divide by is nil.
type Class struct {
	Label     string   `json:"label"`
	Clips     int      `json:"clips"`
	Recall    *float64 `json:"recall"`    // of the class's clips, the share that was recognised
	Precision *float64 `json:"precision"` // of the clips taken for the class, the share that is of it
}

// MaxViews is the most samplings of a clip that Evaluate takes.
const MaxViews = 1000

// EvalOptions says how Evaluate goes about it. No number depends on it but on Views.
type EvalOptions struct {
	Views    int                   // samplings of each clip, over which the mean of the probabilities is taken; 0: 1, of the middle frames
	Batch    int                   // clips at a time; 0: 32
	Workers  int                   // of the network; 0: all processors
	Loaders  int                   // clips prepared at once; 0: as many as Workers
	Watchdog time.Duration         // a clip that takes longer to be read is an error; 0: none is
	Progress func(done, total int) // clips, after each batch, each view a clip; may be nil
}

func (o EvalOptions) withDefaults() EvalOptions {
	if o.Batch == 0 {
		o.Batch = 32
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Loaders == 0 {
		o.Loaders = o.Workers
	}
	return o
}

// Evaluate runs every clip of src through the model. It stops between batches when ctx ends.
func Evaluate(ctx context.Context, m *model.File, src Source, o EvalOptions) (*Report, error) {
	if src.Len() == 0 {
		return nil, errors.New("no clips to evaluate")
	}
	if err := CheckWidth(m.Config, src); err != nil {
		return nil, err
	}
	by, err := model.NewScaler(m.Config.Standardise, m.Config.Input)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return evaluate(ctx, m.Net.NewRunner(o.Workers), m.Config.Classes, newLoader(src, o.Batch, o.Loaders, by, o.Watchdog), o.Views, o.Progress)
}

// Network is another network than an rnn.Model: Forward writes the logits [B, C] of a batch of sequences, whose rows are scaled but
// not standardised.
type Network interface {
	Forward(logits []float32, batch []rnn.Sequence)
}

// EvaluateNetwork is Evaluate for another network, of a model with configuration c.
func EvaluateNetwork(ctx context.Context, net Network, c model.Config, src Source, o EvalOptions) (*Report, error) {
	if src.Len() == 0 {
		return nil, errors.New("no clips to evaluate")
	}
	if err := CheckWidth(c, src); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return evaluate(ctx, net, c.Classes, newLoader(src, o.Batch, o.Loaders, nil, o.Watchdog), o.Views, o.Progress)
}

// CheckWidth is an error if the rows of src are not those that a model with configuration c takes.
func CheckWidth(c model.Config, src Source) error {
	if src.Width() != c.Input {
		return fmt.Errorf("the data's rows have %d numbers, the model takes %d: give both the same frame size, input kind or features", src.Width(), c.Input)
	}
	return nil
}

// evaluate fills a report; the runner knows the weights of now.
func evaluate(ctx context.Context, run Network, classes []string, l *loader, views int, progress func(done, total int)) (*Report, error) {
	c, n := len(classes), l.src.Len()
	t := newTally(c, n)
	views = max(views, 1)
	var sum []float32 // the mean of each clip's probabilities
	if views > 1 {
		sum = make([]float32, n*c)
	}
	logits := make([]float32, l.size*c)
	done := 0
	for view := range views {
		for b, err := range l.batches(ctx, inOrder(n), Draw{View: view, Views: views}) {
			if err != nil {
				return nil, l.team.fail(ctx, err)
			}
			run.Forward(logits[b.first*c:][:len(b.seqs)*c], b.seqs)
			if err := l.team.gather(logits[:len(b.labels)*c], c); err != nil {
				return nil, err
			}
			for k, label := range b.labels {
				z := logits[k*c : (k+1)*c]
				if views == 1 {
					t.count(z, label)
					continue
				}
				clip := sum[b.index[k]*c:][:c]
				AddView(clip, z, views)
				if view == views-1 {
					ViewLogits(clip)
					t.count(clip, label)
				}
			}
			if done += len(b.labels); progress != nil {
				progress(done, n*views)
			}
		}
	}
	return t.report(classes)
}

// tally counts clips into a report.
type tally struct {
	*Report
	top1, top5 int
}

func newTally(classes, clips int) *tally {
	r := &Report{Clips: clips, Predicted: make([]int, 0, clips), Confidence: make([]float32, 0, clips), Confusion: make([][]int, classes)}
	for i := range r.Confusion {
		r.Confusion[i] = make([]int, classes)
	}
	return &tally{Report: r}
}

// count adds a clip and turns its logits into probabilities.
func (t *tally) count(z []float32, label int) {
	t.Loss += CrossEntropy(nil, z, label, 0, 1)
	place := rank(z, label)
	if place == 0 {
		t.top1++
	}
	if place < 5 {
		t.top5++
	}
	guess := top(z)
	Softmax(z, z)
	t.Predicted = append(t.Predicted, guess)
	t.Confidence = append(t.Confidence, z[guess])
	t.Confusion[label][guess]++
}

func (t *tally) report(classes []string) (*Report, error) {
	n := float64(t.Clips)
	t.Loss /= n
	t.Top1, t.Top5 = float64(t.top1)/n, float64(t.top5)/n
	if math.IsNaN(t.Loss) || math.IsInf(t.Loss, 0) {
		return nil, fmt.Errorf("the model's outputs are not numbers: the mean loss over %d clips is %v", t.Clips, t.Loss)
	}
	t.perClass(classes)
	return t.Report, nil
}

func (r *Report) perClass(classes []string) {
	seen := 0
	for k, label := range classes {
		is, taken := 0, 0
		for j := range classes {
			is += r.Confusion[k][j]
			taken += r.Confusion[j][k]
		}
		c := Class{Label: label, Clips: is, Recall: ratio(r.Confusion[k][k], is), Precision: ratio(r.Confusion[k][k], taken)}
		if c.Recall != nil {
			seen++
			r.MeanRecall += *c.Recall
		}
		r.Classes = append(r.Classes, c)
	}
	r.MeanRecall /= float64(max(seen, 1))
}

func ratio(a, b int) *float64 {
	if b == 0 {
		return nil
	}
	x := float64(a) / float64(b)
	return &x
}
