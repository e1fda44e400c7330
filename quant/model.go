package quant

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Model is a network in integers.
type Model struct {
	Config model.Config
	Bits   int // of a weight: 8 or 16
	Rank   int // of a head of two matrices [C, R] [R, H]; 0: one

	params []param // in the order of rnn.Model.Params, the head's after them
	input  float64 // x is so much for 1
	shifts []int   // of all steps of all matrices, in order

	program   *program.Program // with shifts and multipliers
	weights   []int16          // of params, without biases
	biases    []int16
	biasShift int // from the scale of biases to that of sums
	headShift int // of the first product of a head of two matrices
	headScale []float32
	mean, k   []float32 // of the input: (x - mean) k, rounded
	compiled  func() compiled
}

// param is a tensor in integers: an element is Scale times its number. A head has a scale for each row.
type param struct {
	name  string
	shape []int
	group rnn.Group
	data  []int16
	scale []float64
}

// Bytes of a param's element in a file or in C.
func (m *Model) bytes(p param) int {
	if p.bias() {
		return 2
	}
	return m.Bits / 8
}

func (p *param) bias() bool { return len(p.shape) == 1 }

// count is the number of elements.
func (p *param) count() int {
	n := 1
	for _, s := range p.shape {
		n *= s
	}
	return n
}

// biasUnit is what a bias is in units of.
func (m *Model) biasUnit() float32 { return float32(math.Ldexp(1, m.biasShift-SumBits)) }

// Count is the number of parameters of each group.
func (m *Model) Count() (weights, biases, head int) {
	for i := range m.params {
		p := &m.params[i]
		switch n := p.count(); {
		case p.group == rnn.Head:
			head += n
		case p.bias():
			biases += n
		default:
			weights += n
		}
	}
	return weights, biases, head
}

// finish makes what follows from params, input and shifts: p gets its shifts and multipliers.
func (m *Model) finish(p *program.Program) (err error) {
	m.program = p
	p.Integers, p.HeadRank, p.BiasShift, p.HeadShift = true, m.Rank, m.biasShift, m.headShift
	m.weights, m.biases = nil, nil
	scales := map[int]float64{} // by where a factor begins
	for i := range m.params {
		q := &m.params[i]
		if q.bias() {
			m.biases = append(m.biases, q.data...)
			continue
		}
		if q.group != rnn.Head {
			scales[len(m.weights)] = q.scale[0]
		}
		m.weights = append(m.weights, q.data...)
	}
	m.mean, m.k = []float32{0}, []float32{float32(1 / m.input)}
	if px := p.Pixels; len(px.Mean) > 0 {
		m.mean, m.k = px.Mean, nil
		for _, inv := range px.Inv {
			m.k = append(m.k, float32(float64(inv)/m.input))
		}
	}
	if i := slices.IndexFunc(m.k, notFinite); i >= 0 {
		return fmt.Errorf("input is %v: a row times 1 / input is no float32", m.input)
	}
	p.Pixels.Mean, p.Pixels.Inv = m.mean, m.k
	shifts := m.shifts
	for i, a := range matrices(p) {
		in := m.input
		if i > 0 {
			in = math.Ldexp(1, -StateBits)
		}
		for t := range a.Terms {
			term := &a.Terms[t]
			scale := in
			for s := range term.Steps {
				st := &term.Steps[s]
				if len(shifts) == 0 {
					return errors.New("there are fewer shifts than steps")
				}
				st.Shift, shifts = shifts[0], shifts[1:]
				scale *= math.Ldexp(factorScale(scales, st.At), st.Shift)
			}
			if term.Mult, term.Shift, err = multiplier(math.Ldexp(scale, SumBits)); err != nil {
				return err
			}
		}
	}
	if len(shifts) > 0 {
		return fmt.Errorf("there are %d shifts more than steps", len(shifts))
	}
	head := m.params[len(m.params)-2-min(m.Rank, 1)]
	last := 1.0
	if m.Rank > 0 {
		last = m.params[len(m.params)-2].scale[0] * math.Ldexp(1, m.headShift)
	}
	m.headScale = nil
	for i, s := range head.scale {
		v := float32(s * last * math.Ldexp(1, -StateBits))
		if notFinite(v) {
			return fmt.Errorf("the scale of logit %d is %v: the model's weights are too large for integers", i, v)
		}
		m.headScale = append(m.headScale, v)
	}
	m.compiled = sync.OnceValue(m.compile)
	return nil
}

func notFinite(x float32) bool { return x-x != 0 }

// factorScale is the scale of the factor that holds place at.
func factorScale(scales map[int]float64, at int) float64 {
	begin := -1
	for b := range scales {
		if b <= at && b > begin {
			begin = b
		}
	}
	return scales[begin]
}

// multiplier writes c as mult / 2^shift with mult of 15 bits.
func multiplier(c float64) (mult int32, shift int, err error) {
	if !(c >= 0 && c < 1<<15-0.5) {
		return 0, 0, fmt.Errorf("scale %v of a sum: the model's weights are too large for integers", c)
	}
	frac, exp := math.Frexp(c) // c = frac 2^exp, frac from 1/2 to 1
	shift = 15 - exp
	m := math.Round(math.Ldexp(frac, 15))
	if m == 1<<15 {
		m, shift = 1<<14, shift-1
	}
	if shift > 30 { // next to nothing
		m, shift = math.Round(math.Ldexp(m, 30-shift)), 30
	}
	return int32(m), shift, nil
}

// Program is the network as an engine follows it, with the arrays that it reads: weights from -2^(Bits-1)+1, biases, and the numbers of Pixels, then the scale of each logit, then
// that of the biases. They are not to be changed.
func (m *Model) Program() (p *program.Program, weights, biases []int16, numbers []float32) {
	numbers = append(m.program.Pixels.Numbers(), m.headScale...)
	return m.program, m.weights, m.biases, append(numbers, m.biasUnit())
}
