// Package rnn is the recurrent network: an LSTM whose whole weight matrix, all gates, input-to-hidden and
// hidden-to-hidden joined, is one structured matrix (integrate, then decompose: Yin et al., CVPR 2021), with a pooling
// over time and a linear classifier on top.
//
// Letters: B clips, T steps, R = all steps of all clips of a batch (rows), I inputs, H hidden units, C classes.
// A row of z has 4H entries in gate blocks i, f, g, o.
package rnn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fdht/fdht/factor"
)

// The poolings over time.
const (
	PoolLast = "last" // the hidden state of the last step
	PoolMean = "mean" // the mean of the hidden states of all steps
)

// LSTM is the one kind of cell.
const LSTM = "lstm"

// Config is the shape of a network.
type Config struct {
	Cell      string       // lstm
	Input     int          // I, features of a step
	Hidden    int          // H
	Layers    int          // at least 1
	Structure factor.Spec  // of cell 0: M = 4H rows, N >= I + H columns, the surplus unused
	Upper     *factor.Spec // of the cells above: M = 4H, N >= 2H; nil: the same as Structure
	Classes   int          // C
	Pooling   string       // last or mean
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Cell != LSTM:
		return fmt.Errorf("unknown cell %q: choose lstm", c.Cell)
	case c.Input < 1 || c.Hidden < 1 || c.Layers < 1 || c.Classes < 1:
		return fmt.Errorf("input %d, hidden %d, layers %d, classes %d: each is at least 1", c.Input, c.Hidden, c.Layers, c.Classes)
	case c.Input > math.MaxInt32 || c.Hidden > math.MaxInt32/8 || c.Layers > 64 || c.Classes > math.MaxInt32:
		return fmt.Errorf("input %d, hidden %d, layers %d, classes %d: too large", c.Input, c.Hidden, c.Layers, c.Classes)
	case c.Pooling != PoolLast && c.Pooling != PoolMean:
		return fmt.Errorf("unknown pooling %q: choose last or mean", c.Pooling)
	}
	for l := range c.Layers {
		s := c.Spec(l)
		if err := s.Validate(); err != nil {
			return fmt.Errorf("cell %d: %w", l, err)
		}
		in := c.Inputs(l)
		if s.Rows() != 4*c.Hidden {
			return fmt.Errorf("cell %d: output modes %v multiply to %d, an LSTM of %d hidden units needs 4 x %d = %d", l, s.Out, s.Rows(), c.Hidden, c.Hidden, 4*c.Hidden)
		}
		if s.Cols() < in+c.Hidden {
			return fmt.Errorf("cell %d: input modes %v multiply to %d, fewer than %d inputs + %d hidden units = %d", l, s.In, s.Cols(), in, c.Hidden, in+c.Hidden)
		}
	}
	return nil
}

// Spec is the structure of cell l.
func (c Config) Spec(l int) factor.Spec {
	if l > 0 && c.Upper != nil {
		return *c.Upper
	}
	return c.Structure
}

// Inputs is the number of inputs of cell l: I for the first, H above.
func (c Config) Inputs(l int) int {
	if l > 0 {
		return c.Hidden
	}
	return c.Input
}

// DenseWeights is the number of recurrent weights of the dense network of the same shape: sum over cells of 4H (I + H).
func (c Config) DenseWeights() int64 {
	var n int64
	for l := range c.Layers {
		n += 4 * int64(c.Hidden) * int64(c.Inputs(l)+c.Hidden)
	}
	return n
}

// Group says what a parameter is counted as.
type Group string

// The groups of parameters. Recurrent weights are what the paper counts.
const (
	Weights Group = "weight" // recurrent weights
	Biases  Group = "bias"   // of the gates
	Head    Group = "head"   // the classifier
)

// Param is a named view of a parameter: Data is live, row-major in Shape.
type Param struct {
	Name  string
	Shape []int
	Data  []float32
	Group Group
}

// Model holds the parameters of a network.
type Model struct {
	cfg    Config
	cells  []cell
	params []Param
	head   []float32 // [C, H]
	bias   []float32 // [C]
}

// cell is one layer: z = W [x; h; 0] + b.
type cell struct {
	w    *factor.Linear
	bias []float32 // [4H]
	in   int       // inputs, I or H
}

// New returns a network with fresh weights: factors normal so that the entries of W have deviation 1/sqrt(I + H), biases
// zero but for the forget gate's, which are 1, and the head uniform within 1/sqrt(H). Calibrate fits the scale of W to data.
func New(cfg Config, seed uint64) (*Model, error) {
	m, err := Zero(cfg)
	if err != nil {
		return nil, err
	}
	for l, c := range m.cells {
		c.w.Init(1/math.Sqrt(float64(c.in+cfg.Hidden)), rand.New(rand.NewPCG(seed, uint64(l))))
		for u := range cfg.Hidden {
			c.bias[cfg.Hidden+u] = 1
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	bound := 1 / math.Sqrt(float64(cfg.Hidden))
	for i := range m.head {
		m.head[i] = float32((2*rng.Float64() - 1) * bound)
	}
	return m, nil
}

// Zero returns a network with all parameters zero, to be filled.
func Zero(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Structure = cfg.Structure.Clone()
	if cfg.Upper != nil {
		u := cfg.Upper.Clone()
		cfg.Upper = &u
	}
	m := &Model{cfg: cfg}
	for l := range cfg.Layers {
		w, err := factor.New(cfg.Spec(l))
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", l, err)
		}
		c := cell{w, make([]float32, 4*cfg.Hidden), cfg.Inputs(l)}
		m.cells = append(m.cells, c)
		for _, p := range w.Params() {
			m.params = append(m.params, Param{fmt.Sprintf("cell.%d.%s", l, p.Name), p.Shape, p.Data, Weights})
		}
		m.params = append(m.params, Param{fmt.Sprintf("cell.%d.bias", l), []int{4 * cfg.Hidden}, c.bias, Biases})
	}
	m.head = make([]float32, cfg.Classes*cfg.Hidden)
	m.bias = make([]float32, cfg.Classes)
	m.params = append(m.params,
		Param{"head.weight", []int{cfg.Classes, cfg.Hidden}, m.head, Head},
		Param{"head.bias", []int{cfg.Classes}, m.bias, Head})
	return m, nil
}

// Config is the network's shape.
func (m *Model) Config() Config { return m.cfg }

// Params lists all parameters in a stable order: the factors and the bias of each cell, cell.{l}.<factor> and
// cell.{l}.bias [4H], then head.weight [C, H] and head.bias [C].
func (m *Model) Params() []Param { return append([]Param(nil), m.params...) }

// Matrix is the weight matrix of cell l.
func (m *Model) Matrix(l int) *factor.Linear { return m.cells[l].w }

// Count is the number of parameters of each group.
func (m *Model) Count() (weights, biases, head int64) {
	for _, p := range m.params {
		n := int64(len(p.Data))
		switch p.Group {
		case Weights:
			weights += n
		case Biases:
			biases += n
		default:
			head += n
		}
	}
	return weights, biases, head
}
