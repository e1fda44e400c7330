package rnn

import (
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/factor"
)

// The paper's size: 57,600 inputs, 256 hidden units.
func paperConfig(rank int) Config {
	return Config{Cell: LSTM, Input: 57600, Hidden: 256, Layers: 1,
		Structure: factor.HTSpec([]int{8, 20, 20, 19}, []int{4, 4, 8, 8}, rank, rank), Classes: 11, Pooling: PoolLast}
}

func paperClips(cfg Config, clips, steps int) []Sequence {
	rng := rand.New(rand.NewPCG(1, 1))
	var out []Sequence
	for range clips {
		x := make([]float32, steps*cfg.Input)
		for i := range x {
			x[i] = rng.Float32()
		}
		out = append(out, matrix{x, cfg.Input})
	}
	return out
}

func BenchmarkFrame(b *testing.B) {
	cfg := paperConfig(4)
	m := fresh(b, cfg, 1)
	s, err := m.NewRunner(1).NewStream()
	if err != nil {
		b.Fatal(err)
	}
	x := paperClips(cfg, 1, 1)[0].(matrix).data
	logits := make([]float32, cfg.Classes)
	for b.Loop() {
		s.Step(logits, x)
	}
}

func BenchmarkClip24(b *testing.B) {
	cfg := paperConfig(4)
	m := fresh(b, cfg, 1)
	r := m.NewRunner(1)
	batch := paperClips(cfg, 1, 24)
	logits := make([]float32, cfg.Classes)
	for b.Loop() {
		r.Forward(logits, batch)
	}
}

func benchmarkBatch(b *testing.B, workers int, train bool) {
	cfg := paperConfig(4)
	m := fresh(b, cfg, 1)
	r := m.NewRunner(workers)
	batch := paperClips(cfg, 16, 6)
	logits := make([]float32, 16*cfg.Classes)
	grads := gradsOf(m)
	for b.Loop() {
		if train {
			r.Train(grads, batch, 0, 1, quadratic)
			r.Refresh()
		} else {
			r.Forward(logits, batch)
		}
	}
}

func BenchmarkBatch16x6(b *testing.B)    { benchmarkBatch(b, 1, false) }
func BenchmarkTrain16x6(b *testing.B)    { benchmarkBatch(b, 1, true) }
func BenchmarkTrain16x6Two(b *testing.B) { benchmarkBatch(b, 2, true) }
