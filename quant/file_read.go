package quant

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// readSettings reads the text of keyQuant, and holds it against cfg.
func readSettings(t string, cfg model.Config) (settings, error) {
	var s settings
	if len(t) > maxText {
		return s, fmt.Errorf("the text has %d bytes: at most %d are read", len(t), maxText)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(t)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("not valid JSON of a quantised model: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return s, errors.New("not valid JSON: text follows the closing }")
	}
	switch {
	case s.Bits != 8 && s.Bits != 16:
		return s, fmt.Errorf("bits is %d: it is 8 or 16", s.Bits)
	case !positive(s.Input):
		return s, fmt.Errorf("input is %v: it is a scale, above 0", s.Input)
	case s.BiasShift < 0 || s.BiasShift > maxBiasShift:
		return s, fmt.Errorf("bias_shift is %d: it goes from 0 to %d", s.BiasShift, maxBiasShift)
	case s.HeadRank < 0 || s.HeadRank > min(len(cfg.Classes), cfg.Hidden):
		return s, fmt.Errorf("head_rank is %d: it goes from 0, none, to %d", s.HeadRank, min(len(cfg.Classes), cfg.Hidden))
	case len(s.Matrices) != 2*cfg.Layers:
		return s, fmt.Errorf("matrices has %d entries: a model of %d layers has %d", len(s.Matrices), cfg.Layers, 2*cfg.Layers)
	}
	shifts := []int{s.HeadShift}
	for _, a := range s.Matrices {
		shifts = append(shifts, slices.Concat(a.Shifts...)...)
	}
	for _, n := range shifts {
		if n < 0 || n > maxShift {
			return s, fmt.Errorf("a shift is %d: it goes from 0 to %d", n, maxShift)
		}
	}
	return s, nil
}

func positive(x float64) bool { return x > 0 && x < math.MaxFloat32 }

// zero is a model of the structures of cfg with one class; its memory is within what the file has. The file's own head may be two
// matrices over more classes than one matrix has room for.
func zero(st *safetensors.File, cfg model.Config, rank int) (*model.File, error) {
	shape := cfg.RNN()
	shape.Classes = 1
	weights, biases, _, err := shape.Count()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	if err := model.CheckSize(st, weights+biases+headCount(int64(len(cfg.Classes)), int64(cfg.Hidden), int64(rank))); err != nil {
		return nil, err
	}
	net, err := rnn.Zero(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	return &model.File{Config: cfg, Net: net}, nil
}

// headCount is the number of a head's numbers as they are stored, biases with them.
func headCount(C, H, R int64) int64 {
	if R > 0 {
		return R*(C+H) + C
	}
	return C*H + C
}

// fill reads params, which are exactly the file's tensors.
func (m *Model) fill(st *safetensors.File, s settings, f *model.File) error {
	want := m.shapes(f)
	used := 0
	for i := range want {
		p := &want[i]
		t, ok := st.Find(p.name)
		dtype := safetensors.I16
		if m.bytes(*p) == 1 {
			dtype = safetensors.I8
		}
		switch {
		case !ok:
			return fmt.Errorf("tensor %s of shape %v is missing", p.name, p.shape)
		case !slices.Equal(t.Shape, p.shape) || t.DType != dtype:
			return fmt.Errorf("tensor %s is %s of shape %v, the config wants %s of %v", p.name, t.DType, t.Shape, dtype, p.shape)
		}
		used++
		p.data = unpack(t)
		switch {
		case p.bias():
			continue
		case m.perRow(p):
			t, ok := st.Find(headScales)
			if !ok || t.DType != safetensors.F32 || !slices.Equal(t.Shape, p.shape[:1]) {
				return fmt.Errorf("tensor %s: want F32 of shape %v", headScales, p.shape[:1])
			}
			used++
			v := make([]float32, p.shape[0])
			if err := t.Floats(v); err != nil {
				return err
			}
			for _, x := range v {
				p.scale = append(p.scale, float64(x))
			}
		default:
			p.scale = []float64{s.Scales[p.name]}
		}
		for _, x := range p.scale {
			if !positive(x) {
				return fmt.Errorf("the scale of %s is %v: it must be above 0", p.name, x)
			}
		}
	}
	if used != len(st.Tensors) {
		return fmt.Errorf("the file has %d tensors, the config wants %d", len(st.Tensors), used)
	}
	m.params = want
	return nil
}

// shapes are the parameters of a model of the structures of f, without numbers.
func (m *Model) shapes(f *model.File) []param {
	var out []param
	for _, p := range f.Net.Params() {
		if p.Group != rnn.Head {
			out = append(out, param{name: p.Name, shape: p.Shape, group: p.Group})
		}
	}
	C, H := len(m.Config.Classes), m.Config.Hidden
	if m.Rank > 0 {
		out = append(out, headParams(C, H, m.Rank)...)
	} else {
		out = append(out, param{name: "head.weight", shape: []int{C, H}, group: rnn.Head})
	}
	return append(out, param{name: "head.bias", shape: []int{C}, group: rnn.Head})
}

// headParams are those of a head of two matrices.
func headParams(C, H, R int) []param {
	return []param{{name: "head.left", shape: []int{C, R}, group: rnn.Head}, {name: "head.right", shape: []int{R, H}, group: rnn.Head}}
}

func unpack(t safetensors.Tensor) []int16 {
	out := make([]int16, t.Elements())
	for i := range out {
		if t.DType == safetensors.I8 {
			out[i] = int16(int8(t.Data[i]))
		} else {
			out[i] = int16(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	}
	return out
}
