package quant

import (
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// BenchmarkEngine is a frame of 160x120.
func BenchmarkEngine(b *testing.B) {
	c := model.Config{Cell: "lstm", Input: 19200, Hidden: 256, Layers: 1, Classes: []string{"a", "b"}, Pooling: "mean", Structure: factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8)}
	rows := testmodels.Rows(c, 1, 1)
	m, err := Quantise(testmodels.Random(b, c, 1), []rnn.Sequence{rows}, Options{Bits: 8, Memory: 64 << 10})
	if err != nil {
		b.Fatal(err)
	}
	e := m.NewEngine()
	for b.Loop() {
		e.Step(rows[0])
	}
}
