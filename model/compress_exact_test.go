package model

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// full is s with the largest ranks that its modes allow.
func full(s factor.Spec) factor.Spec {
	switch s.Kind {
	case factor.HT:
		for _, n := range s.DimensionTree().Nodes()[:2*len(s.In)-2] {
			s.Ranks[n] = s.MaxRank(n)
		}
	case factor.TT:
		for k := 1; k < len(s.In); k++ {
			s.Bonds[k] = s.MaxBond(k)
		}
	}
	return s
}

// The two dense networks of docs/results/compress.md, with larger weights than fresh ones, keep their logits at full rank.
func TestFullRankKeepsTheLogits(t *testing.T) {
	for _, c := range []struct {
		name              string
		inputs, classes   int
		in, out           []int
		rowsIn, columnsIn []int // modes of a block, which has one rank
	}{
		{"UTD-MHAD skeletons", 60, 27, []int{12, 4, 4}, []int{4, 8, 16}, []int{1, 188}, []int{512, 1}},
		{"JapaneseVowels", 12, 9, []int{9, 4, 4}, []int{4, 8, 16}, []int{1, 140}, []int{512, 1}},
	} {
		labels := make([]string, c.classes)
		for i := range labels {
			labels[i] = string(rune('a' + i))
		}
		f, err := New(Config{Cell: "lstm", Input: c.inputs, Hidden: 128, Layers: 1, Structure: factor.DenseSpec(512, c.inputs+128), Classes: labels, Pooling: "mean"}, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Net.Params() {
			for i := range p.Data {
				p.Data[i] *= 4
			}
		}
		rng := rand.New(rand.NewPCG(3, 9))
		var clips []rnn.Sequence
		for range 4 {
			s := make(sequence, 12)
			for i := range s {
				s[i] = make([]float32, c.inputs)
				for j := range s[i] {
					s[i][j] = float32(rng.NormFloat64())
				}
			}
			clips = append(clips, s)
		}
		logits := func(m *rnn.Model) []float32 {
			out := make([]float32, len(clips)*c.classes)
			m.NewRunner(len(clips)).Forward(out, clips)
			return out
		}
		want := logits(f.Net)
		largest := 0.0
		for _, v := range want {
			largest = max(largest, math.Abs(float64(v)))
		}
		if largest < 1 {
			t.Fatalf("%s: the largest logit is %v: too small to tell anything", c.name, largest)
		}
		for _, s := range []factor.Spec{
			full(factor.HTSpec(c.in, c.out, 1, 1)), full(factor.TTSpec(c.in, c.out, 1)), factor.TRSpec(c.in, c.out, 300),
			factor.BTSpec(c.rowsIn, c.columnsIn, 1, c.inputs+128),
		} {
			g, _, err := Compress(context.Background(), f, Compression{Structure: []factor.Spec{s}, Target: compress.Target{}})
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, s.Kind, err)
			}
			most := 0.0
			for i, v := range logits(g.Net) {
				most = max(most, math.Abs(float64(v)-float64(want[i])))
			}
			if !(most <= 1e-4) {
				t.Errorf("%s, %s: logits of up to %.3g are off by up to %.3g", c.name, s.Kind, largest, most)
			}
			t.Logf("%s, %s: logits of up to %.3g are off by up to %.3g", c.name, s.Kind, largest, most)
		}
	}
}
