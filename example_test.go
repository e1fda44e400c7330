package fdht_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// slopes are noisy sequences that rise (class 0) or fall (class 1): a train.Source.
type slopes int

func (s slopes) Len() int        { return int(s) }
func (s slopes) Width() int      { return 2 }
func (s slopes) Label(i int) int { return i % 2 }

func (s slopes) Clip(_ rnn.Sequence, i int, d train.Draw) (rnn.Sequence, error) {
	rng := rand.New(rand.NewPCG(d.Seed, uint64(i)))
	step := 0.2
	if i%2 == 1 {
		step = -step
	}
	rows := make(rows, 6+i%4)
	for t := range rows {
		x := step*float64(t) + 0.1*rng.NormFloat64()
		rows[t] = []float32{float32(x), 1}
	}
	return rows, nil
}

// rows is a sequence in memory: an rnn.Sequence.
type rows [][]float32

func (r rows) Len() int                  { return len(r) }
func (r rows) Load(dst []float32, t int) { copy(dst, r[t]) }

// Train a small network, save it, and use it on a whole sequence and step by step.
func Example() {
	dir, err := os.MkdirTemp("", "fdht-example-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	// 2 inputs and 8 hidden units: W has 4 x 8 rows and 2 + 8 columns, here as a low-rank HT matrix of two modes.
	fresh, err := model.New(model.Config{
		Cell: "lstm", Input: 2, Hidden: 8, Layers: 1, Pooling: "mean", Classes: []string{"rises", "falls"},
		Structure: factor.HTSpec([]int{2, 5}, []int{8, 4}, 4, 1),
	}, 1)
	if err != nil {
		panic(err)
	}
	settings := train.DefaultSettings()
	settings.Epochs, settings.LR = 30, 0.02
	if _, err := train.Run(context.Background(), train.Options{Settings: settings, Model: fresh, Train: slopes(32), Val: slopes(8), Dir: dir}); err != nil {
		panic(err)
	}

	m, err := fdht.Load(filepath.Join(dir, train.ModelFile))
	if err != nil {
		panic(err)
	}
	p, err := m.PredictRows([][]float32{{0.1, 1}, {-0.2, 1}, {-0.3, 1}, {-0.7, 1}, {-0.8, 1}, {-1, 1}})
	if err != nil {
		panic(err)
	}
	fmt.Println("it", p.Label)

	s, err := m.NewStream()
	if err != nil {
		panic(err)
	}
	for t := range 6 {
		if p, err = s.StepRow([]float32{0.2 * float32(t), 1}); err != nil {
			panic(err)
		}
	}
	fmt.Println("after", p.Frames, "steps it", p.Label)
	// Output:
	// it falls
	// after 6 steps it rises
}
