// Package experiment runs a matrix of trainings and writes what came of it: rows (structures, cells, inputs, budgets of weights) whose
// settings are chosen from one grid by cross-validation on the training clips, then trained with several seeds on all of them, then
// measured on the test clips.
//
// It knows nothing of how a network is trained: a Trainer does that. It decides what is to be run, keeps results in a folder so that
// nothing is run twice or lost, chooses, and reports.
package experiment

import (
	"context"
	"fmt"
	"slices"

	"github.com/fdht/fdht/dataset"
)

// Design is what an experiment file asks for.
type Design struct {
	Name   string
	Title  string
	Note   string // Markdown for the page
	Rows   []Row
	Points []Point // the settings that are tried, the same for every row; at least one
	CV     CV      // how they are tried; not used with one point
	Seeds  []uint64

	Published []Published
}

// Row is a line of the results: one structure, trained with several seeds.
type Row struct {
	Name string // no two rows have the same
	Line string // rows of one line are joined in the plot
	From string // the row above whose trained network it begins with, of the same clips and seed; empty: fresh weights
}

// Point is one choice of the settings that are tuned.
type Point struct {
	Keys   []string
	Values []string
}

// String is like "lr 0.01, dropout 0.3"; "as given" where nothing is tuned.
func (p Point) String() string {
	if len(p.Keys) == 0 {
		return "as given"
	}
	text := ""
	for i, k := range p.Keys {
		if i > 0 {
			text += ", "
		}
		text += k + " " + p.Values[i]
	}
	return text
}

// CV is the cross-validation: every point is trained once for every fold and every seed.
type CV struct {
	dataset.FoldOptions
	Seeds []uint64
}

// Published is a result of others, for the table and the plot.
type Published struct {
	Name    string  `json:"name"`
	Weights int64   `json:"weights,omitempty"` // 0: not known
	Top1    float64 `json:"top1"`              // 0..1
	Source  string  `json:"source"`
}

// Job is one training.
type Job struct {
	Row, Point int
	Fold       int // counted from 0; -1: all training clips train
	Seed       uint64
	Start      string // id of the job whose network it begins with; empty: fresh weights
}

// Final reports whether j trains on all training clips.
func (j Job) Final() bool { return j.Fold < 0 }

// Trainer is who trains. Several goroutines may call Train at once, with jobs of different ids.
type Trainer interface {
	// Folds is the number of folds that a row's training clips are divided into.
	Folds(ctx context.Context, row int) (int, error)

	// Structure is the network of a row with the settings of a point.
	Structure(ctx context.Context, row, point int) (Structure, error)

	// ID names all that the numbers of a job depend on; jobs with the same id have the same result.
	ID(ctx context.Context, j Job) (string, error)

	// Train runs a job, or goes on with it, in its folder; those of other jobs lie beside it. It fills in what is not known
	// before. When ctx ends it returns an
	// error that is ctx's, and what is done so far stays in dir. progress is told the epochs.
	Train(ctx context.Context, j Job, dir string, progress func(done, total int)) (Result, error)

	// Finish removes what a finished job leaves in dir that nobody needs any more. A network that jobs of other rows begin with stays.
	Finish(j Job, dir string) error

	// Test measures the trained network in dir on the test clips.
	Test(ctx context.Context, j Job, dir string) (Score, error)
}

// Result is what a job came to.
type Result struct {
	Row       string    `json:"row"`
	Settings  string    `json:"settings"` // of the point
	Fold      int       `json:"fold"`     // counted from 1; 0: all training clips
	Seed      uint64    `json:"seed"`
	Structure Structure `json:"structure"`
	Epochs    int       `json:"epochs"`
	Clips     int       `json:"train_clips"`
	Diverged  string    `json:"diverged,omitempty"` // why there is no network
	Curve     []Epoch   `json:"curve"`
	Held      *Score    `json:"held_out,omitempty"` // of the fold, by the last epoch's weights
	Seconds   float64   `json:"seconds"`
}

// Structure is what the network is made of, in numbers.
type Structure struct {
	Text    string `json:"text"` // for people
	Weights int64  `json:"weights"`
	Dense   int64  `json:"dense_weights"` // of the dense network of the same shape
	Biases  int64  `json:"biases"`
	Head    int64  `json:"head"`
}

// Total counts everything that is trained.
func (s Structure) Total() int64 { return s.Weights + s.Biases + s.Head }

// Ratio is how many times fewer recurrent weights there are than in the dense network.
func (s Structure) Ratio() float64 { return float64(s.Dense) / float64(max(s.Weights, 1)) }

// Epoch is a point of the training curve.
type Epoch struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"acc"`
}

// Score is how well a network does on some clips.
type Score struct {
	Clips      int      `json:"clips"`
	Top1       float64  `json:"top1"`
	Top5       float64  `json:"top5"`
	MeanRecall float64  `json:"mean_recall"`
	Loss       float64  `json:"loss"`
	Labels     []string `json:"labels,omitempty"`
	Confusion  [][]int  `json:"confusion,omitempty"` // true class by predicted class
	Bytes      int64    `json:"bytes,omitempty"`     // of memory that a step of training takes
}

// Validate reports what no experiment can be made of.
func (d *Design) Validate() error {
	switch {
	case len(d.Rows) == 0:
		return fmt.Errorf("no variants: add a [[variant]] with a name")
	case len(d.Points) == 0:
		return fmt.Errorf("no settings to try")
	case len(d.Seeds) == 0:
		return fmt.Errorf("no seeds: such as seeds = [1, 2, 3]")
	case len(d.Points) > 1 && len(d.CV.Seeds) == 0:
		return fmt.Errorf("no seeds for the cross-validation: such as [cv] seeds = [1]")
	}
	seen := map[string]bool{}
	for _, r := range d.Rows {
		if seen[r.Name] {
			return fmt.Errorf("two rows are named %q", r.Name)
		}
		if r.From != "" && !seen[r.From] {
			return fmt.Errorf("%q is to begin with the network of %q, and no row above it is named so", r.Name, r.From)
		}
		seen[r.Name] = true
	}
	return nil
}

// From is the number of the row whose networks a row begins with; -1: fresh weights.
func (d *Design) From(row int) int {
	if d.Rows[row].From == "" {
		return -1
	}
	return slices.IndexFunc(d.Rows[:row], func(r Row) bool { return r.Name == d.Rows[row].From })
}
