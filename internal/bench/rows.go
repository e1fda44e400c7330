package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/fdht/fdht/internal/kernel"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// Pass is what a network does in a row.
type Pass string

// The passes.
const (
	Frame Pass = "frame"     // one frame of a stream, state carried
	Clip  Pass = "clip24"    // one clip of 24 frames
	Batch Pass = "batch16x6" // 16 clips of 6 frames
	Train Pass = "train16x6" // forward, backward and a step of AdamW on such a batch
)

// Passes are all passes.
var Passes = []Pass{Frame, Clip, Batch, Train}

// size is the number of clips and of frames a clip.
func (p Pass) size() (clips, steps int, err error) {
	switch p {
	case Frame:
		return 1, 1, nil
	case Clip:
		return 1, 24, nil
	case Batch, Train:
		return 16, 6, nil
	}
	return 0, 0, fmt.Errorf("no pass %q", string(p))
}

// clip is a sequence of frames in memory, [T, I], bytes as a decoded video has them. They become floats when they are read.
type clip []uint8

func (c clip) Len() int                  { return len(c) / inputs }
func (c clip) Load(dst []float32, t int) { kernel.FromU8(dst, c[t*inputs:][:inputs], 4./255, -2) }

// MeasureRow measures a pass of a network with a number of workers, and the peak memory of this process after it.
func MeasureRow(ctx context.Context, name string, pass Pass, workers int, e Effort) (Measured, error) {
	spec, err := Structure(name)
	if err != nil {
		return Measured{}, err
	}
	clips, steps, err := pass.size()
	if err != nil {
		return Measured{}, err
	}
	net, err := rnn.New(config(spec), 1)
	if err != nil {
		return Measured{}, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	batch := make([]rnn.Sequence, clips)
	for i := range batch {
		frames := make(clip, steps*inputs)
		for j := range frames {
			frames[j] = uint8(rng.Uint32())
		}
		batch[i] = frames
	}
	run, err := prepare(net, pass, batch, workers)
	if err != nil {
		return Measured{}, err
	}
	d, err := median(ctx, e.Row, e.Runs, run)
	if err != nil {
		return Measured{}, err
	}
	return Measured{d.Seconds() * 1e3, peakMemory()}, nil
}

// prepare makes all that a pass needs and returns the pass.
func prepare(net *rnn.Model, pass Pass, batch []rnn.Sequence, workers int) (func(), error) {
	r := net.NewRunner(workers)
	logits := make([]float32, len(batch)*classes)
	switch pass {
	case Frame:
		s, err := r.NewStream()
		if err != nil {
			return nil, err
		}
		x := make([]float32, inputs)
		batch[0].Load(x, 0)
		return func() { s.Step(logits, x) }, nil
	case Train:
		return trainStep(net, r, batch), nil
	}
	return func() { r.Forward(logits, batch) }, nil
}

// trainStep is what train.Run does for a batch, but for loading clips and measuring norms.
func trainStep(net *rnn.Model, r *rnn.Runner, batch []rnn.Sequence) func() {
	s := train.DefaultSettings()
	params := net.Params()
	grads := make([][]float32, len(params))
	for i, p := range params {
		grads[i] = make([]float32, len(p.Data))
	}
	adam := train.NewAdamW(params, s.Beta1, s.Beta2, s.Eps, s.Decay)
	loss := func(clip int, dlogits, logits []float32) float64 {
		return train.CrossEntropy(dlogits, logits, clip%classes, 0, 1/float64(len(batch)))
	}
	return func() {
		for _, g := range grads {
			clear(g)
		}
		r.Train(grads, batch, 0, 1, loss)
		adam.Step(params, grads, 1e-3)
		r.Refresh()
	}
}
