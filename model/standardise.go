package model

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/internal/kernel"
	"github.com/fdht/fdht/rnn"
)

// Standardise is the shift and scale that every row goes through before the network: (x - mean) / std. Mean and Std have
// one entry for all features, or one a feature.
type Standardise struct {
	Mean []float64 `json:"mean"`
	Std  []float64 `json:"std"`
}

func (s Standardise) validate(width int) error {
	for _, v := range []struct {
		key    string
		values []float64
	}{{"mean", s.Mean}, {"std", s.Std}} {
		if n := len(v.values); n != 1 && n != width {
			return fmt.Errorf("standardise.%s has %d entries: give 1, or %d, one a feature", v.key, n, width)
		}
		for i, x := range v.values {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("standardise.%s entry %d is %v: it must be a number", v.key, i, x)
			}
		}
	}
	for i, x := range s.Std {
		if inv := 1 / x; x <= 0 || float32(inv) == 0 || inv > math.MaxFloat32 {
			return fmt.Errorf("standardise.std entry %d is %v: it must be above 0 and its inverse a float32", i, x)
		}
	}
	return nil
}

// Scaler applies a Standardise to rows in place: (x - mean) * (1/std), in float32. It is safe for use by several
// goroutines at once. The nil Scaler changes nothing.
type Scaler struct {
	mean, inv []float32 // both of length 1, or both of the row's
}

// NewScaler prepares s for rows of width numbers. A nil s gives a nil Scaler.
func NewScaler(s *Standardise, width int) (*Scaler, error) {
	if s == nil {
		return nil, nil
	}
	if err := s.validate(width); err != nil {
		return nil, err
	}
	n := max(len(s.Mean), len(s.Std))
	c := &Scaler{mean: make([]float32, n), inv: make([]float32, n)}
	for i := range n {
		c.mean[i] = float32(s.Mean[min(i, len(s.Mean)-1)])
		c.inv[i] = float32(1 / s.Std[min(i, len(s.Std)-1)])
	}
	return c, nil
}

// Apply standardises one row in place.
func (c *Scaler) Apply(row []float32) {
	if c == nil {
		return
	}
	if len(c.mean) == 1 {
		kernel.Affine(row, row, c.inv[0], -c.mean[0]*c.inv[0])
		return
	}
	if len(row) != len(c.mean) {
		panic(fmt.Sprintf("model: row of %d numbers for a scaler of %d", len(row), len(c.mean)))
	}
	mean, inv := c.mean[:len(row)], c.inv[:len(row)]
	for i, x := range row {
		row[i] = (x - mean[i]) * inv[i]
	}
}

// Scaled is a sequence whose rows go through By as they are loaded. Training, evaluation and prediction all feed the
// network through it. Load does not allocate.
type Scaled struct {
	Seq rnn.Sequence
	By  *Scaler
}

// Len is the number of rows T.
func (s *Scaled) Len() int { return s.Seq.Len() }

// Load writes row t, standardised, to dst.
func (s *Scaled) Load(dst []float32, t int) {
	s.Seq.Load(dst, t)
	s.By.Apply(dst)
}
