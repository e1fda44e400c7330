package quant

import (
	"math"

	"github.com/fdht/fdht/internal/program"
)

// Engine runs a Model over one sequence, a row at a time, in integers: the reference that the C engine equals bit for bit. It is for one goroutine.
type Engine struct {
	m       *Model
	run     *machine[int64]
	table   []int16
	row     []int64   // [I] quantised
	z, u    []int64   // [M] pre-activations, the hidden half's
	h, c    [][]int64 // [layers][H]
	pooled  []int64   // [H]
	middle  []int64   // [R] of a head of two matrices
	steps   int
	mean, k []float32 // of the input: (x - mean) k, rounded
}

// compiled is what engines of one model share and only read.
type compiled struct {
	layout *layout[int64]
	table  []int16
}

func (m *Model) compile() compiled {
	wide := make([]int64, len(m.weights))
	for i, x := range m.weights {
		wide[i] = int64(x)
	}
	return compiled{newLayout(m.program, wide), Table()}
}

// NewEngine starts a sequence.
func (m *Model) NewEngine() *Engine {
	H, M := m.Config.Hidden, m.program.Layers[0].Input.Rows
	c := m.compiled()
	e := &Engine{m: m, table: c.table, row: make([]int64, m.Config.Input), z: make([]int64, M), u: make([]int64, M),
		pooled: make([]int64, H), middle: make([]int64, m.program.HeadRank)}
	e.mean, e.k = m.mean, m.k
	e.run = newMachine(c.layout)
	e.run.stored = func(s *program.Step, total int64) int64 { return clamp(shiftRight(total, s.Shift), math.MaxInt16) }
	e.run.sums = func(t *program.Term, y, v int64) int64 { return clamp(y+shiftRight(v*int64(t.Mult), t.Shift), mostSum) }
	for range m.Config.Layers {
		e.h, e.c = append(e.h, make([]int64, H)), append(e.c, make([]int64, H))
	}
	return e
}

// Reset goes back to the start of a sequence.
func (e *Engine) Reset() {
	for l := range e.h {
		clear(e.h[l])
		clear(e.c[l])
	}
	clear(e.pooled)
	e.steps = 0
}

// Steps is the number of rows that count.
func (e *Engine) Steps() int { return e.steps }

// MaxSteps is the longest sequence.
const MaxSteps = 1<<16 - 1

// Step takes a row of Input numbers, scaled but not standardised. The first MaxSteps rows of a sequence count, others change nothing.
func (e *Engine) Step(x []float32) {
	if e.steps == MaxSteps {
		return
	}
	for i, v := range x {
		k := i
		if len(e.k) == 1 {
			k = 0
		}
		e.row[i] = round(float32(float32(v-e.mean[k]) * e.k[k])) // the conversions keep the operations apart, as in C
	}
	in := e.row
	for l := range e.m.program.Layers {
		p := &e.m.program.Layers[l]
		e.begin(e.z, p.Bias)
		e.run.product(e.z, &p.Input, in)
		hidden := e.z
		if p.HiddenBias >= 0 {
			e.begin(e.u, p.HiddenBias)
			hidden = e.u
		}
		if e.steps > 0 {
			e.run.product(hidden, &p.Recurrent, e.h[l])
		}
		e.cell(e.h[l], e.c[l])
		in = e.h[l]
	}
	for i, h := range in {
		if e.m.Config.Pooling == "last" {
			e.pooled[i] = 0
		}
		e.pooled[i] += h
	}
	e.steps++
}

// round is x to the nearest int16, ties away from zero.
func round(x float32) int64 {
	if x < 0 {
		return max(int64(max(x-0.5, -1e6)), -math.MaxInt16)
	}
	return min(int64(min(x+0.5, 1e6)), math.MaxInt16)
}

// begin sets pre-activations to a bias.
func (e *Engine) begin(z []int64, bias int) {
	for i := range z {
		z[i] = int64(e.m.biases[bias+i]) << e.m.biasShift
	}
}

// cell makes h, and c, from the pre-activations.
func (e *Engine) cell(h, c []int64) {
	n := len(h)
	z, u := e.z, e.u
	for k := range h {
		switch e.m.Config.Cell {
		case "lstm":
			i, f, g, o := e.sigmoid(z[k]), e.sigmoid(z[n+k]), e.tanh(z[2*n+k], SumBits), e.sigmoid(z[3*n+k])
			c[k] = clamp(shiftRight(f*c[k], StateBits)+shiftRight(i*g, 2*StateBits-SumBits), mostSum)
			h[k] = clamp(shiftRight(o*e.tanh(c[k], SumBits), StateBits), mostState)
		case "gru":
			r, g := e.sigmoid(z[k]+u[k]), e.sigmoid(z[n+k]+u[n+k])
			cand := e.tanh(z[2*n+k]+shiftRight(r*u[2*n+k], StateBits), SumBits)
			h[k] = clamp(shiftRight((1<<StateBits-g)*cand+g*h[k], StateBits), mostState)
		default:
			h[k] = e.tanh(z[k], SumBits)
		}
	}
}

// Logits writes the logits [C] of the sequence so far, which has at least one step.
func (e *Engine) Logits(dst []float32) {
	p := e.m.program
	in := e.pooled
	if e.m.Config.Pooling == "mean" {
		in = e.z[:len(e.pooled)] // free between steps
		for i, s := range e.pooled {
			in[i] = mean(s, int64(e.steps))
		}
	}
	head := e.run.weights[p.Head:]
	if R := p.HeadRank; R > 0 {
		for r := range e.middle {
			e.middle[r] = clamp(shiftRight(dot(head[len(dst)*R+r*len(in):], in), e.m.headShift), math.MaxInt16)
		}
		in = e.middle
	}
	unit := e.m.biasUnit()
	for c := range dst {
		v := float32(float32(dot(head[c*len(in):], in)) * e.m.headScale[c])
		dst[c] = v + float32(float32(e.m.biases[p.Bias+c])*unit)
	}
}

// mean is sum / n rounded to nearest, ties up.
func mean(sum, n int64) int64 {
	v := sum + n/2
	q := v / n
	if v%n < 0 {
		q--
	}
	return q
}

func dot(w, x []int64) (total int64) {
	for i, v := range x {
		total += w[i] * v
	}
	return total
}
