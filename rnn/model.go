package rnn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fdht/fdht/factor"
)

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
	cells  []cell // of layer l and direction d at l D + d
	params []Param
	head   []float32 // [C, D H]
	bias   []float32 // [C]
}

// cell is one direction of one layer: z = W_x x + W_h h + b.
type cell struct {
	kind       kind
	in, hidden int
	wx         *factor.Linear // its first columns are the input half; scope full: the hidden half follows
	wh         *factor.Linear // the hidden half is its columns from at on; scope full: wx
	at         int
	bias       []float32 // [M]
	hiddenBias []float32 // [M], nil unless the kind keeps the hidden half apart
	first      int       // place of the first parameter in the model's list
}

// New returns a network with fresh weights, normal so that the entries of W have deviation 1/sqrt(in + H), but those of a
// hidden half of its own 1/sqrt(H). Biases are zero, but for the LSTM's forget gate, where they are 1, and the head is
// uniform within 1/sqrt(D H). Calibrate fits the scale of W to data.
func New(cfg Config, seed uint64) (*Model, error) {
	m, err := Zero(cfg)
	if err != nil {
		return nil, err
	}
	// Each matrix has random numbers of its own.
	stream := func(layer, direction, half int) *rand.Rand {
		return rand.New(rand.NewPCG(seed, uint64(layer|direction<<8|half<<9)))
	}
	D := cfg.Directions()
	for i, c := range m.cells {
		c.wx.Init(1/math.Sqrt(float64(c.in+cfg.Hidden)), stream(i/D, i%D, 0))
		if c.wh != c.wx {
			c.wh.Init(1/math.Sqrt(float64(cfg.Hidden)), stream(i/D, i%D, 1))
		}
		if cfg.Cell == LSTM {
			for u := range cfg.Hidden {
				c.bias[cfg.Hidden+u] = 1
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	bound := 1 / math.Sqrt(float64(cfg.Outputs()))
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
	cfg.Structure, cfg.Upper, cfg.Recurrent = cfg.Structure.Clone(), clone(cfg.Upper), clone(cfg.Recurrent)
	m := &Model{cfg: cfg}
	for l := range cfg.Layers {
		for d := range cfg.Directions() {
			if err := m.addCell(l, d); err != nil {
				return nil, fmt.Errorf("cell %d: %w", l, err)
			}
		}
	}
	m.head = make([]float32, cfg.Classes*cfg.Outputs())
	m.bias = make([]float32, cfg.Classes)
	m.params = append(m.params,
		Param{"head.weight", []int{cfg.Classes, cfg.Outputs()}, m.head, Head},
		Param{"head.bias", []int{cfg.Classes}, m.bias, Head})
	return m, nil
}

func clone(s *factor.Spec) *factor.Spec {
	if s == nil {
		return nil
	}
	c := s.Clone()
	return &c
}

// addCell makes the cell of direction d in layer l.
func (m *Model) addCell(l, d int) error {
	kind, _ := kindOf(m.cfg.Cell)
	wx, err := factor.New(m.cfg.Spec(l))
	if err != nil {
		return err
	}
	M := kind.gates * m.cfg.Hidden
	c := cell{kind: kind, in: m.cfg.Inputs(l), hidden: m.cfg.Hidden, wx: wx, wh: wx, bias: make([]float32, M), first: len(m.params)}
	c.at = c.in
	prefix := fmt.Sprintf("cell.%d.", l)
	if d == 1 {
		prefix += "reverse."
	}
	m.addMatrix(prefix, wx)
	if s, apart := m.cfg.RecurrentSpec(l); apart {
		if c.wh, err = factor.New(s); err != nil {
			return err
		}
		c.at = 0
		m.addMatrix(prefix+"recurrent.", c.wh)
	}
	m.params = append(m.params, Param{prefix + "bias", []int{M}, c.bias, Biases})
	if kind.apart {
		c.hiddenBias = make([]float32, M)
		m.params = append(m.params, Param{prefix + "recurrent_bias", []int{M}, c.hiddenBias, Biases})
	}
	m.cells = append(m.cells, c)
	return nil
}

func (m *Model) addMatrix(prefix string, w *factor.Linear) {
	for _, p := range w.Params() {
		m.params = append(m.params, Param{prefix + p.Name, p.Shape, p.Data, Weights})
	}
}

// own are a cell's slices in a list with one for each parameter of the model.
type own struct {
	wx, wh           [][]float32 // scope full: the same
	bias, hiddenBias []float32
}

func (c *cell) own(list [][]float32) own {
	list = list[c.first:]
	n := c.wx.Factors()
	o := own{wx: list[:n], wh: list[:n]}
	if c.wh != c.wx {
		o.wh = list[n : n+c.wh.Factors()]
		n += c.wh.Factors()
	}
	o.bias = list[n]
	if c.kind.apart {
		o.hiddenBias = list[n+1]
	}
	return o
}

// Config is the network's shape.
func (m *Model) Config() Config { return m.cfg }

// Params lists all parameters in a stable order: of each cell the factors of its matrix, cell.{l}.<factor>, those of the hidden
// half where that is a matrix of its own, cell.{l}.recurrent.<factor>, the bias cell.{l}.bias [M] and the GRU's second one,
// cell.{l}.recurrent_bias [M]; of the backward direction the same behind cell.{l}.reverse.; then head.weight [C, D H] and
// head.bias [C].
func (m *Model) Params() []Param { return append([]Param(nil), m.params...) }

// Matrix is the matrix of layer l, in direction 0 (forward) or 1 (backward): with scope full all of W, else its input half.
func (m *Model) Matrix(l, direction int) *factor.Linear {
	return m.cells[l*m.cfg.Directions()+direction].wx
}

// RecurrentMatrix is the matrix of the hidden half of layer l where that is one of its own, else nil.
func (m *Model) RecurrentMatrix(l, direction int) *factor.Linear {
	c := m.cells[l*m.cfg.Directions()+direction]
	if c.wh == c.wx {
		return nil
	}
	return c.wh
}

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
