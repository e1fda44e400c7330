package web

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// head is what a program begins with, struct head of engine/engine.h.
type head struct {
	Words, Weights, Memory              uint32
	Inputs, Rows, Classes, Slots        uint32
	X, Z, Slot, Logits                  uint32
	Scales, Mean, Inverse               uint32
	Setup, Input, Step, Reset           uint32
	Kind, Height, Width, Frames, Gain32 uint32
}

const headWords = 23

// builder makes a program: what is done once, for each frame, for each step, and at the beginning of a sequence.
type builder struct {
	weights                   []float32 // the memory begins with them
	memory                    int       // floats given out
	setup, input, step, reset code
}

// room gives out n floats of memory, which are zero at first.
func (b *builder) room(n int) int {
	at := b.memory
	b.memory += (n + 3) &^ 3 // vectors of four
	return at
}

// keep puts numbers at the beginning of the memory.
func (b *builder) keep(v []float32) int {
	at := b.room(len(v))
	b.weights = append(b.weights, v...)
	b.weights = append(b.weights, make([]float32, b.memory-len(b.weights))...)
	return at
}

// maxMemory bounds what the engine wants, in bytes: 1 GiB.
const maxMemory = 1 << 30

// compile makes the program of a network with frames, keeping the input halves of slots frames. The words are followed by the weights.
func compile(m *model.File, in dataset.Input, slots int) (words []uint32, weights []float32, err error) {
	b := &builder{}
	cfg := m.Net.Config()
	places := b.parameters(m.Net)
	h := head{
		Inputs: uint32(cfg.Input), Rows: uint32(cfg.Gates() * cfg.Hidden), Classes: uint32(cfg.Classes), Slots: uint32(slots),
		Height: uint32(in.Height), Width: uint32(in.Width), Frames: uint32(in.Lag.Last() + 1), Gain32: math.Float32bits(in.Gain),
	}
	for i, k := range []string{dataset.RGB, dataset.Grey, dataset.Diff, dataset.GreyDiff} {
		if in.Kind == k {
			h.Kind = uint32(i)
		}
	}
	if err := b.scaler(&h, m.Config.Standardise); err != nil {
		return nil, nil, err
	}
	b.network(&h, m.Net, places)
	h.Slot = uint32(b.room(slots * int(h.Rows)))
	kept := int64(in.Lag.Last()+1) * int64(in.Height*in.Width*in.SourceChannels()) // bytes of frames
	if all := kept + 4*int64(b.memory); all > maxMemory {
		return nil, nil, fmt.Errorf("the network and the frames that it looks back on want %d MiB of memory in the browser, more than %d", all>>20, maxMemory>>20)
	}
	for _, p := range []struct {
		part  code
		start *uint32
	}{{b.setup, &h.Setup}, {b.input, &h.Input}, {b.step, &h.Step}, {b.reset, &h.Reset}} {
		*p.start = uint32(headWords + len(words))
		words = append(append(words, p.part...), opEnd)
	}
	h.Words, h.Weights, h.Memory = uint32(headWords+len(words)), uint32(len(b.weights)), uint32(b.memory)
	return append(h.list(), words...), b.weights, nil
}

// list are the words in the order of the fields.
func (h *head) list() []uint32 {
	return []uint32{
		h.Words, h.Weights, h.Memory,
		h.Inputs, h.Rows, h.Classes, h.Slots,
		h.X, h.Z, h.Slot, h.Logits,
		h.Scales, h.Mean, h.Inverse,
		h.Setup, h.Input, h.Step, h.Reset,
		h.Kind, h.Height, h.Width, h.Frames, h.Gain32,
	}
}

// parameters keeps all parameters and says where each is.
func (b *builder) parameters(net *rnn.Model) []int {
	var places []int
	for _, p := range net.Params() {
		places = append(places, b.keep(p.Data))
	}
	return places
}

// scaler keeps the standardisation as model.Scaler has it: mean and 1/deviation.
func (b *builder) scaler(h *head, s *model.Standardise) error {
	if s == nil {
		return nil
	}
	n := max(len(s.Mean), len(s.Std))
	mean, inverse := make([]float32, n), make([]float32, n)
	for i := range n {
		mean[i] = float32(s.Mean[min(i, len(s.Mean)-1)])
		inverse[i] = float32(1 / s.Std[min(i, len(s.Std)-1)])
	}
	h.Scales, h.Mean, h.Inverse = uint32(n), uint32(b.keep(mean)), uint32(b.keep(inverse))
	return nil
}
