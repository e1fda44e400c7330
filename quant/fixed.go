package quant

import "math"

// Scales that are the same in all models: a power of two each.
const (
	SumBits      = 16        // of pre-activations and cell states
	StateBits    = 15        // of hidden states and gates
	maxShift     = 40        // of a step
	maxBiasShift = 14        // biases then stay below mostSum / 2
	mostSum      = 1<<30 - 1 // two of them do not overflow
	mostState    = 1<<StateBits - 1
)

// shiftRight is v / 2^n rounded to nearest, ties up.
func shiftRight(v int64, n int) int64 {
	if n == 0 {
		return v
	}
	return (v + 1<<(n-1)) >> n
}

func clamp(v, most int64) int64 { return max(-most, min(v, most)) }

// The table of tanh: from 0 to 8 in steps of 2^-tableBits, of scale 2^-15.
const (
	tableBits = 6
	tableTop  = 8
)

// Table is tanh from 0 to 8 in 512 steps, in units of 2^-15; in between it is read by straight lines, wrong by at most 4e-5.
func Table() []int16 {
	t := make([]int16, tableTop<<tableBits+1)
	for i := range t {
		t[i] = int16(min(math.Round(math.Tanh(float64(i)/(1<<tableBits))*(1<<StateBits)), mostState))
	}
	return t
}

// tanh of x / 2^bits, in units of 2^-15.
func (e *Engine) tanh(x int64, bits int) int64 {
	m := max(x, -x)
	frac := bits - tableBits
	i := m >> frac
	if i >= tableTop<<tableBits {
		m = mostState
	} else {
		a, b := int64(e.table[i]), int64(e.table[i+1])
		m = a + shiftRight((b-a)*(m&(1<<frac-1)), frac)
	}
	if x < 0 {
		return -m
	}
	return m
}

// sigmoid of x / 2^16: (1 + tanh(x/2)) / 2.
func (e *Engine) sigmoid(x int64) int64 { return (1<<StateBits + e.tanh(x, SumBits+1)) >> 1 }
