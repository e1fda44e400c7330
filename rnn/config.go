// Package rnn is the recurrent network: layers of LSTM, GRU or plain cells, one way or both, whose weight matrix, all gates,
// input-to-hidden and hidden-to-hidden joined, is one structured matrix (integrate, then decompose: Yin et al., CVPR 2021)
// or two, with a pooling over time and a linear classifier on top.
//
// Letters: B clips, T steps, R = all steps of all clips of a batch (rows), I inputs, H hidden units, C classes, G gate
// blocks (LSTM 4, GRU 3, plain 1), M = G H, D directions (1, bidirectional 2).
package rnn

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/factor"
)

// The poolings over time.
const (
	PoolLast = "last" // the hidden state of the last step; of the backward direction its own last step, the clip's first
	PoolMean = "mean" // the mean of the hidden states of all steps
)

// Config is the shape of a network.
//
// The scope of a cell's structure says what matrix it is. Full: W [M, N >= in + H] over [x ; h ; 0], which is the FDHT cell.
// Partial: only the input half W_x [M, N >= in], and the hidden half is a dense [M, H] matrix, as in the published
// TT-, TR-, BT- and HT-LSTM. Split: the input half, and the hidden half [M, N >= H] has a structure of its own, Recurrent.
// Columns beyond those needed are never read.
type Config struct {
	Cell          string       // lstm, gru or rnn
	Bidirectional bool         // a second cell in each layer goes through the steps from the last to the first
	Input         int          // I, features of a step
	Hidden        int          // H, of each direction
	Layers        int          // at least 1
	Structure     factor.Spec  // of layer 0
	Upper         *factor.Spec // of the layers above, which read D H inputs; nil: the same as Structure
	Recurrent     *factor.Spec // of the hidden half wherever the scope is split, itself of scope full; else nil
	Classes       int          // C
	Pooling       string       // last or mean
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	kind, ok := kindOf(c.Cell)
	switch {
	case !ok:
		return fmt.Errorf("unknown cell %q: choose lstm, gru or rnn", c.Cell)
	case c.Input < 1 || c.Hidden < 1 || c.Layers < 1 || c.Classes < 1:
		return fmt.Errorf("input %d, hidden %d, layers %d, classes %d: each is at least 1", c.Input, c.Hidden, c.Layers, c.Classes)
	case c.Input > math.MaxInt32 || c.Hidden > math.MaxInt32/8 || c.Layers > 64 || c.Classes > math.MaxInt32:
		return fmt.Errorf("input %d, hidden %d, layers %d, classes %d: too large", c.Input, c.Hidden, c.Layers, c.Classes)
	case c.Pooling != PoolLast && c.Pooling != PoolMean:
		return fmt.Errorf("unknown pooling %q: choose last or mean", c.Pooling)
	}
	split := false
	for l := range c.Layers {
		if err := c.validateLayer(l, kind); err != nil {
			return fmt.Errorf("cell %d: %w", l, err)
		}
		split = split || c.Spec(l).Scope == factor.Split
	}
	if c.Recurrent == nil {
		return nil
	}
	if !split {
		return fmt.Errorf("a structure of the hidden half alone goes with scope split only, the scope is %s", c.Structure.Scope)
	}
	if err := c.validateRecurrent(kind); err != nil {
		return fmt.Errorf("recurrent: %w", err)
	}
	return nil
}

func (c Config) validateLayer(l int, kind kind) error {
	s := c.Spec(l)
	if err := s.Validate(); err != nil {
		return err
	}
	if err := c.validateRows(s, kind); err != nil {
		return err
	}
	in := c.Inputs(l)
	if s.Scope == factor.Full {
		if s.Cols() < in+c.Hidden {
			return fmt.Errorf("input modes %v multiply to %d, fewer than %d inputs + %d hidden units = %d", s.In, s.Cols(), in, c.Hidden, in+c.Hidden)
		}
		return nil
	}
	if s.Cols() < in {
		return fmt.Errorf("input modes %v multiply to %d, fewer than %d inputs", s.In, s.Cols(), in)
	}
	if s.Scope == factor.Split && c.Recurrent == nil {
		return fmt.Errorf("scope split, and no structure of the hidden half: give one")
	}
	return nil
}

func (c Config) validateRows(s factor.Spec, kind kind) error {
	if want := kind.gates * c.Hidden; s.Rows() != want {
		return fmt.Errorf("output modes %v multiply to %d, %s of %d hidden units needs %d x %d = %d", s.Out, s.Rows(), kind.name, c.Hidden, kind.gates, c.Hidden, want)
	}
	return nil
}

func (c Config) validateRecurrent(kind kind) error {
	s := *c.Recurrent
	if err := s.Validate(); err != nil {
		return err
	}
	if s.Scope != factor.Full {
		return fmt.Errorf("scope %s: the hidden half is a matrix of its own, its scope is full", s.Scope)
	}
	if err := c.validateRows(s, kind); err != nil {
		return err
	}
	if s.Cols() < c.Hidden {
		return fmt.Errorf("input modes %v multiply to %d, fewer than %d hidden units", s.In, s.Cols(), c.Hidden)
	}
	return nil
}

// Gates is G, the number of blocks of H rows in the cell's matrix: 0 for a cell that there is not.
func (c Config) Gates() int {
	kind, _ := kindOf(c.Cell)
	return kind.gates
}

// Directions is D: 2 for a bidirectional network, else 1.
func (c Config) Directions() int {
	if c.Bidirectional {
		return 2
	}
	return 1
}

// Spec is the structure of the cells of layer l, by its scope of all of W or of its input half.
func (c Config) Spec(l int) factor.Spec {
	if l > 0 && c.Upper != nil {
		return *c.Upper
	}
	return c.Structure
}

// RecurrentSpec is the structure of the hidden half in layer l, where that is a matrix of its own: with scope partial a
// dense one [M, H].
func (c Config) RecurrentSpec(l int) (s factor.Spec, apart bool) {
	switch c.Spec(l).Scope {
	case factor.Partial:
		return factor.DenseSpec(c.Gates()*c.Hidden, c.Hidden), true
	case factor.Split:
		return *c.Recurrent, true
	}
	return factor.Spec{}, false
}

// Inputs is the number of inputs of layer l: I for the first, D H above.
func (c Config) Inputs(l int) int {
	if l > 0 {
		return c.Outputs()
	}
	return c.Input
}

// Outputs is the number of outputs of a layer and columns of the classifier: D H.
func (c Config) Outputs() int { return c.Directions() * c.Hidden }

// DenseWeights is the number of recurrent weights of the dense network of the same shape: sum over layers of D G H (in + H).
func (c Config) DenseWeights() int64 {
	var n int64
	for l := range c.Layers {
		n += int64(c.Outputs()) * int64(c.Gates()) * int64(c.Inputs(l)+c.Hidden)
	}
	return n
}

// Count is what Model.Count says of such a network, without making it. c must be valid.
func (c Config) Count() (weights, biases, head int64, err error) {
	kind, _ := kindOf(c.Cell)
	D, M := int64(c.Directions()), int64(kind.gates)*int64(c.Hidden)
	for l := range c.Layers {
		for _, s := range c.specs(l) {
			n, err := s.Params()
			if err != nil {
				return 0, 0, 0, fmt.Errorf("cell %d: %w", l, err)
			}
			weights += D * n
		}
		biases += D * M
		if kind.apart {
			biases += D * M
		}
	}
	return weights, biases, int64(c.Classes) * (int64(c.Outputs()) + 1), nil
}

// specs are the structures of a cell's matrices, one or two.
func (c Config) specs(l int) []factor.Spec {
	specs := []factor.Spec{c.Spec(l)}
	if s, apart := c.RecurrentSpec(l); apart {
		specs = append(specs, s)
	}
	return specs
}

// MAC is the number of multiply-adds of the recurrent matrices for one step of one sequence. c must be valid.
func (c Config) MAC() (int64, error) {
	var n int64
	for l := range c.Layers {
		for _, s := range c.specs(l) {
			cost, err := s.Cost(1)
			if err != nil {
				return 0, fmt.Errorf("cell %d: %w", l, err)
			}
			n += int64(c.Directions()) * cost.MAC
		}
	}
	return n, nil
}
