package quant

import (
	"math"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/rnn"
)

// headroom is how much larger activations may get than the clips of the calibration showed, before they are held.
const headroom = 1.5

// calibrate runs clips through the network in floats, with the weights that integers give, and finds the scale of the input and the shifts. It returns the pooled
// hidden states of each clip.
func (m *Model) calibrate(p *program.Program, clips []rnn.Sequence) (features [][]float64) {
	o := newObserver(m, p)
	for _, c := range clips {
		o.clip(c)
	}
	m.input = float64(float32(max(o.input, 1e-6) * headroom / math.MaxInt16))
	for i, a := range matrices(p) {
		in := m.input
		if i > 0 {
			in = math.Ldexp(1, -StateBits)
		}
		for t := range a.Terms {
			scale := in
			for s := range a.Terms[t].Steps {
				st := &a.Terms[t].Steps[s]
				scale *= o.scale[st]
				shift := 0
				for math.Ldexp(scale, shift)*math.MaxInt16 < headroom*o.largest[st] {
					shift++
				}
				m.shifts = append(m.shifts, shift)
				scale = math.Ldexp(scale, shift)
			}
		}
	}
	return o.features
}

// fitMiddle finds the shift after the first product of a head of two matrices.
func (m *Model) fitMiddle(features [][]float64) {
	right := &m.params[len(m.params)-2]
	H := right.shape[1]
	most := 0.0
	for _, f := range features {
		for r := range m.Rank {
			sum := 0.0
			for h, v := range f {
				sum += float64(right.data[r*H+h]) * right.scale[0] * v
			}
			most = max(most, math.Abs(sum))
		}
	}
	scale := math.Ldexp(right.scale[0], -StateBits)
	for math.Ldexp(scale, m.headShift)*math.MaxInt16 < headroom*most {
		m.headShift++
	}
}

// observer is the network in floats that remembers the largest numbers.
type observer struct {
	m        *Model
	p        *program.Program
	run      *machine[float64]
	biases   []float64
	scale    map[*program.Step]float64 // of the step's factor
	largest  map[*program.Step]float64 // of its results
	input    float64
	features [][]float64 // pooled hidden states of each clip
}

func newObserver(m *Model, p *program.Program) *observer {
	o := &observer{m: m, p: p, scale: map[*program.Step]float64{}, largest: map[*program.Step]float64{}}
	var weights []float64
	scales := map[int]float64{}
	for i := range m.params {
		q := &m.params[i]
		if q.bias() {
			for _, v := range q.data {
				o.biases = append(o.biases, float64(v)*float64(m.biasUnit()))
			}
			continue
		}
		if q.group != rnn.Head {
			scales[len(weights)] = q.scale[0]
		}
		n := len(q.data) / len(q.scale)
		for k, v := range q.data {
			weights = append(weights, float64(v)*q.scale[k/n])
		}
	}
	for _, a := range matrices(p) {
		for t := range a.Terms {
			for s := range a.Terms[t].Steps {
				st := &a.Terms[t].Steps[s]
				o.scale[st] = factorScale(scales, st.At)
			}
		}
	}
	o.run = newMachine(newLayout(p, weights))
	o.run.stored = func(s *program.Step, v float64) float64 {
		if a := math.Abs(v); a > o.largest[s] {
			o.largest[s] = a
		}
		return v
	}
	o.run.sums = func(_ *program.Term, y, v float64) float64 { return y + v }
	return o
}

// clip runs one clip.
func (o *observer) clip(c rnn.Sequence) {
	cfg := o.m.Config
	H, M := cfg.Hidden, o.p.Layers[0].Input.Rows
	row, x := make([]float32, cfg.Input), make([]float64, cfg.Input)
	z, u := make([]float64, M), make([]float64, M)
	h, mem := make([]float64, H*cfg.Layers), make([]float64, H*cfg.Layers)
	pooled := make([]float64, H)
	for t := range c.Len() {
		c.Load(row, t)
		o.standardise(x, row)
		in := x
		for l := range o.p.Layers {
			p := &o.p.Layers[l]
			state := h[l*H:][:H]
			copy(z, o.biases[p.Bias:])
			o.run.product(z, &p.Input, in)
			hidden := z
			if p.HiddenBias >= 0 {
				copy(u, o.biases[p.HiddenBias:])
				hidden = u
			}
			if t > 0 {
				o.run.product(hidden, &p.Recurrent, state)
			}
			cell(cfg.Cell, state, mem[l*H:][:H], z, u)
			in = state
		}
		for i, v := range in {
			if cfg.Pooling == "last" {
				pooled[i] = v
			} else {
				pooled[i] += v / float64(c.Len())
			}
		}
	}
	o.features = append(o.features, pooled)
}

func (o *observer) standardise(x []float64, row []float32) {
	mean, inv := o.p.Pixels.Mean, o.p.Pixels.Inv
	for i, v := range row {
		x[i] = float64(v)
		if n := len(mean); n > 0 {
			k := min(i, n-1)
			x[i] = (x[i] - float64(mean[k])) * float64(inv[k])
		}
		o.input = max(o.input, math.Abs(x[i]))
	}
}

// cell is the step of a cell in floats.
func cell(kind string, h, c, z, u []float64) {
	n := len(h)
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for k := range h {
		switch kind {
		case rnn.LSTM:
			c[k] = sigmoid(z[n+k])*c[k] + sigmoid(z[k])*math.Tanh(z[2*n+k])
			h[k] = sigmoid(z[3*n+k]) * math.Tanh(c[k])
		case rnn.GRU:
			g := sigmoid(z[n+k] + u[n+k])
			h[k] = (1-g)*math.Tanh(z[2*n+k]+sigmoid(z[k]+u[k])*u[2*n+k]) + g*h[k]
		default:
			h[k] = math.Tanh(z[k])
		}
	}
}
