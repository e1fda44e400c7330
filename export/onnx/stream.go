package onnx

import (
	"fmt"

	"github.com/fdht/fdht/rnn"
)

// stateSize is S, the numbers that a stream hands from step to step: h of each layer, and c of an LSTM, layer by layer; with
// pooling mean then the sum of the top layer's h and the number of steps.
func stateSize(cfg rnn.Config) int {
	sum := 0
	for _, n := range stateParts(cfg) {
		sum += n
	}
	return sum
}

func stateParts(cfg rnn.Config) (sizes []int) {
	for range cfg.Layers {
		sizes = append(sizes, cfg.Hidden)
		if cfg.Cell == rnn.LSTM {
			sizes = append(sizes, cfg.Hidden)
		}
	}
	if cfg.Pooling == rnn.PoolMean {
		sizes = append(sizes, cfg.Hidden, 1)
	}
	return sizes
}

// stateText says what the numbers of a stream's state are.
func stateText(cfg rnn.Config) string {
	text := fmt.Sprintf("of each layer, %d in all, h [%d]", cfg.Layers, cfg.Hidden)
	if cfg.Cell == rnn.LSTM {
		text += fmt.Sprintf(" and c [%d]", cfg.Hidden)
	}
	if cfg.Pooling == rnn.PoolMean {
		text += fmt.Sprintf("; then the sum of the top layer's h over the steps so far [%d] and their number [1]", cfg.Hidden)
	}
	return text
}

// stream is the graph of one step: a row x [B, I] and a state [B, S] to logits [B, C] and the next state.
func (n *network) stream(b builder, x array, before string) (logits, after string) {
	cfg := n.cfg
	parts := []string{before}
	if sizes := stateParts(cfg); len(sizes) > 1 {
		parts = b.ops("Split", len(sizes), []string{before, b.integers(sizes...)}, attribute{name: "axis", i: 1})
	}
	var next []string
	for _, c := range n.cells {
		b := b.named(c.prefix)
		s := state{h: parts[0]}
		parts = parts[1:]
		if c.memory() {
			s.c, parts = parts[0], parts[1:]
		}
		s = c.step(b, c.project(b, x).name, s)
		next = append(next, s.h)
		if c.memory() {
			next = append(next, s.c)
		}
		x = array{s.h, 1, []int{cfg.Hidden}}
	}
	pooled := x.name
	if cfg.Pooling == rnn.PoolMean {
		sum := b.op("Add", []string{parts[0], x.name})
		steps := b.op("Add", []string{parts[1], b.weights("one", []int{1}, []float32{1})})
		pooled = b.op("Div", []string{sum, steps})
		next = append(next, sum, steps)
	}
	return n.head(b, pooled), b.join(next, 1)
}
