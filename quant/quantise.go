package quant

import (
	"errors"
	"fmt"
	"math"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Options of Quantise.
type Options struct {
	Bits     int  // of weights: 8 or 16
	HeadRank int  // the classifier as two matrices [C, R] [R, H]; 0: one
	Memory   int  // bytes of activations that an input's blocks may take, if it can be done with so few; 0: as many as are fastest
	Plain    bool // keep the factors as they are, without evening out their slices
}

// Quantise makes integers of a trained model. clips are rows of a few training clips, scaled but not standardised: they show how large activations get.
func Quantise(f *model.File, clips []rnn.Sequence, o Options) (*Model, error) {
	if o.Bits != 8 && o.Bits != 16 {
		return nil, fmt.Errorf("%d bits: choose 8 or 16", o.Bits)
	}
	if len(clips) == 0 {
		return nil, errors.New("no clips to calibrate with: give at least one")
	}
	p, err := program.New(f, program.Options{Elements: program.Elements(o.Memory, 2)})
	if err != nil {
		return nil, err
	}
	m := &Model{Config: f.Config, Bits: o.Bits, Rank: o.HeadRank}
	values := valuesOf(f, o.Plain)
	if err := m.quantise(values); err != nil {
		return nil, err
	}
	features := m.calibrate(p, clips)
	if o.HeadRank > 0 {
		if values, err = splitHead(values, features, o.HeadRank); err != nil {
			return nil, err
		}
		if err := m.quantise(values); err != nil {
			return nil, err
		}
		m.fitMiddle(features)
	}
	return m, m.finish(p)
}

// value is a parameter before it becomes integers.
type value struct {
	param
	v []float64
}

// valuesOf are f's parameters, their slices evened out unless plain.
func valuesOf(f *model.File, plain bool) []value {
	var out []value
	for _, p := range f.Net.Params() {
		v := value{param{name: p.Name, shape: p.Shape, group: p.Group}, make([]float64, len(p.Data))}
		for i, x := range p.Data {
			v.v[i] = float64(x)
		}
		out = append(out, v)
	}
	if !plain {
		even(f, out)
	}
	return out
}

// quantise makes params of values.
func (m *Model) quantise(values []value) error {
	m.params = nil
	most := 0.0
	for i := range values {
		if p := &values[i]; p.bias() {
			most = max(most, largest(p.v))
		}
	}
	m.biasShift = 0
	for math.Ldexp(most, SumBits-m.biasShift) > math.MaxInt16 {
		if m.biasShift++; m.biasShift > maxBiasShift {
			return fmt.Errorf("a bias of %v is too large for integers: the largest is 8191", most)
		}
	}
	top := float64(int(1)<<(m.Bits-1) - 1)
	for i := range values {
		p := values[i] // a copy: values stay as they are
		if p.bias() {
			p.data = make([]int16, len(p.v))
			for k, x := range p.v {
				p.data[k] = int16(math.Round(math.Ldexp(x, SumBits-m.biasShift)))
			}
			m.params = append(m.params, p.param)
			continue
		}
		rows := 1
		if m.perRow(&p.param) {
			rows = p.shape[0]
		}
		n := len(p.v) / rows
		for r := range rows {
			row := p.v[r*n:][:n]
			scale := fit(row, top)
			p.scale = append(p.scale, scale)
			for _, x := range row {
				p.data = append(p.data, int16(max(-top, min(top, math.Round(x/scale)))))
			}
		}
		m.params = append(m.params, p.param)
	}
	return nil
}

// fit is the scale with which v, rounded to multiples of it from -top to top, is off by the least: it may pay to cut off what is rare and large.
func fit(v []float64, top float64) float64 {
	full := float64(float32(largest(v) / top)) // files keep float32
	if full == 0 {
		return 1
	}
	best, least := full, math.Inf(1)
	for cut := 1.0; cut > 0.6; cut -= 0.02 {
		scale, sum := float64(float32(full*cut)), 0.0
		for _, x := range v {
			d := x - scale*max(-top, min(top, math.Round(x/scale)))
			sum += d * d
		}
		if sum < least {
			best, least = scale, sum
		}
	}
	return best
}

func largest(v []float64) (most float64) {
	for _, x := range v {
		most = max(most, math.Abs(x))
	}
	return most
}
