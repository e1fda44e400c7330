// Package testmodels makes small models of all sorts, for the tests of engines that run them elsewhere.
package testmodels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

// All are models with random weights of every cell, kind and scope, one way, of 1 to 3 layers, both poolings, matrices of 1 to 6 modes, rows
// standardised in every way, and every kind of frames.
func All(t testing.TB) map[string]*model.File {
	t.Helper()
	all := map[string]*model.File{}
	n := 0
	for _, cell := range []string{"lstm", "gru", "rnn"} {
		for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR, factor.BT, factor.Dense} {
			for _, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
				name := fmt.Sprintf("%s-%s-%s", cell, kind, scope)
				all[name] = Random(t, sorts(cell, kind, scope, n), uint64(n))
				n++
			}
		}
	}
	for i, input := range []string{"rgb", "grey", "diff", "grey+diff"} {
		all["frames-"+input] = Random(t, Frames(input), uint64(i))
	}
	for i, l := range []lags.List{{1, 3}, {1, 2, 3, 4, 5, 6, 7, 20}} {
		all["frames-diff-"+l.String()] = Random(t, Frames("diff", l.Values()...), uint64(i))
		all["frames-grey+diff-"+l.String()] = Random(t, Frames("grey+diff", l.Values()...), uint64(i))
	}
	for _, d := range [][2][]int{{{30}, {24}}, {{6, 5}, {4, 6}}, {{3, 2, 5}, {4, 3, 2}}, {{3, 2, 1, 5, 2}, {2, 2, 3, 1, 2}}, {{2, 3, 2, 2, 3, 1}, {2, 2, 2, 3, 1, 1}}} {
		rank := 3
		if len(d[0]) == 1 {
			rank = 1
		}
		c := sorts("lstm", factor.HT, factor.Full, 2)
		c.Layers, c.Upper, c.Structure = 1, nil, factor.HTSpec(d[0], d[1], min(rank, smallest(d)), min(rank, smallest(d)))
		all[fmt.Sprintf("modes-%d", len(d[0]))] = Random(t, c, 5)
	}
	for i, scope := range []factor.Scope{factor.Full, factor.Partial} { // more columns than engines take at a time, and no divisor of their number
		c := model.Config{Cell: "lstm", Input: 2053, Hidden: 3, Layers: 1, Classes: []string{"a", "b"}, Pooling: "last", Structure: factor.DenseSpec(12, 2053)}
		if scope == factor.Full {
			c.Structure = factor.DenseSpec(12, 2056)
		}
		c.Structure = c.Structure.WithScope(scope)
		all[fmt.Sprintf("columns-%s", scope)] = Random(t, c, uint64(i))
	}
	return all
}

// smallest bounds the ranks of the matrices in All.
func smallest(d [2][]int) int {
	n := d[0][0] * d[1][0]
	for k, v := range d[0] {
		n = min(n, v*d[1][k])
	}
	return n
}

// sorts is a model of the given sort; n counts through the rest.
func sorts(cell string, kind factor.Kind, scope factor.Scope, n int) model.Config {
	gates := map[string]int{"lstm": 4, "gru": 3, "rnn": 1}[cell]
	c := model.Config{Cell: cell, Input: 22, Hidden: 6, Layers: 1 + n%3, Classes: []string{"a", "b\"?\\", "ç"}, Pooling: []string{"last", "mean"}[n/3%2]}
	out := map[string][]int{"lstm": {3, 2, 4}, "gru": {3, 2, 3}, "rnn": {1, 3, 2}}[cell]
	spec := func(in ...int) factor.Spec {
		switch kind {
		case factor.TT:
			return factor.TTSpec(in, out, 2)
		case factor.TR:
			return factor.TRSpec(in, out, 2)
		case factor.BT:
			return factor.BTSpec(in, out, 2, 2)
		case factor.Dense:
			columns := 1
			for _, n := range in {
				columns *= n
			}
			return factor.DenseSpec(gates*c.Hidden, columns)
		}
		return factor.HTSpec(in, out, 2, 2)
	}
	c.Structure = spec(2, 3, 5).WithScope(scope)
	if scope != factor.Full {
		c.Structure = spec(4, 3, 2).WithScope(scope)
	}
	upper := spec(3, 2, 2).WithScope(scope)
	c.Upper = &upper
	if scope == factor.Split {
		hidden := spec(2, 3, 2)
		c.Recurrent = &hidden
	}
	switch n % 4 {
	case 1:
		c.Standardise = &model.Standardise{Mean: []float64{0.3}, Std: []float64{0.7}}
	case 2:
		s := &model.Standardise{}
		for i := range c.Input {
			s.Mean = append(s.Mean, float64(i%5)/7)
			s.Std = append(s.Std, 0.5+float64(i%3)/4)
		}
		c.Standardise = s
	}
	return c
}

// Frames is a model of small video frames of the given kind; of differences over these lags, or over 2 source frames.
func Frames(input string, lag ...int) model.Config {
	if len(lag) == 0 {
		lag = []int{2}
	}
	channels := map[string]int{"rgb": 3, "grey": 1, "diff": len(lag), "grey+diff": 1 + len(lag)}[input]
	c := model.Config{
		Cell: "lstm", Input: 80 * channels, Hidden: 12, Layers: 1, Classes: []string{"left", "right"}, Pooling: "mean",
		Structure: factor.HTSpec([]int{10, 2, 5 * channels}, []int{4, 3, 4}, 3, 3),
		Frame:     &model.Frame{Height: 8, Width: 10, Channels: channels, Input: input}, Steps: 7,
		Standardise: &model.Standardise{Mean: []float64{0.1}, Std: []float64{0.3}},
	}
	if input == "diff" || input == "grey+diff" {
		copy(c.Frame.Lag[:], lag)
		c.Frame.Gain = 4
	}
	return c
}

// Random is a model of configuration c, calibrated on nothing: normal weights, so that gates are neither shut nor idle, and biases that are not zero.
func Random(t testing.TB, c model.Config, seed uint64) *model.File {
	t.Helper()
	f, err := model.New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 5))
	for _, p := range f.Net.Params() {
		if len(p.Shape) > 1 {
			continue
		}
		for i := range p.Data {
			p.Data[i] += float32(rng.NormFloat64() / 4)
		}
	}
	return f
}

// Sequence is rows in memory: an rnn.Sequence.
type Sequence [][]float32

// Len is the number of rows.
func (s Sequence) Len() int { return len(s) }

// Load copies row t.
func (s Sequence) Load(dst []float32, t int) { copy(dst, s[t]) }

// Logits are what package rnn makes of rows, not standardised, after each of them.
func Logits(t testing.TB, m *model.File, rows Sequence) [][]float32 {
	t.Helper()
	s, err := m.Net.NewRunner(1).NewStream()
	if err != nil {
		t.Fatal(err)
	}
	scaler, err := model.NewScaler(m.Config.Standardise, m.Config.Input)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, m.Config.Input)
	var out [][]float32
	for _, r := range rows {
		copy(row, r)
		scaler.Apply(row)
		logits := make([]float32, len(m.Config.Classes))
		s.Step(logits, row)
		out = append(out, logits)
	}
	return out
}

// Rows are T random rows of a model's input, before standardising.
func Rows(c model.Config, steps int, seed uint64) Sequence {
	rng := rand.New(rand.NewPCG(seed, 9))
	rows := make(Sequence, steps)
	for t := range rows {
		rows[t] = make([]float32, c.Input)
		for i := range rows[t] {
			rows[t][i] = float32(rng.Float64())
		}
	}
	return rows
}

// Bytes are T random frames, each near the one before.
func Bytes(size, steps int, seed uint64) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 11))
	frames := make([][]byte, steps)
	for t := range frames {
		frames[t] = make([]byte, size)
		for i := range frames[t] {
			v := rng.IntN(256)
			if t > 0 {
				v = max(0, min(255, int(frames[t-1][i])+rng.IntN(121)-60))
			}
			frames[t][i] = byte(v)
		}
	}
	return frames
}
