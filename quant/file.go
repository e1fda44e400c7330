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

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// Format is fdht.format of a file with a model in integers.
const Format = model.FormatQuantised

// The keys of a file's metadata.
const (
	keyFormat = "fdht.format"
	keyConfig = "fdht.config"
	keyQuant  = "fdht.quantised"
)

// headScales is the tensor with the scale of each row of the head.
const headScales = "head.scale"

// maxText is the longest text fdht.quantised that is read.
const maxText = 1 << 20

// settings is the JSON text fdht.quantised.
type settings struct {
	Bits      int                `json:"bits"`
	HeadRank  int                `json:"head_rank,omitempty"`
	Input     float64            `json:"input"`      // the scale of x, standardised
	BiasShift int                `json:"bias_shift"` // a bias is its number 2^(bias_shift - 16)
	HeadShift int                `json:"head_shift,omitempty"`
	Scales    map[string]float64 `json:"scales"`   // of each factor
	Matrices  []matrixSettings   `json:"matrices"` // of each layer the input's, then the hidden half's
}

type matrixSettings struct {
	program.Way
	Shifts [][]int `json:"shifts"` // of each term (one, or one a block of bt and so on) the steps'
}

// Save writes the model file to path, whole or not at all.
func (m *Model) Save(path string) error { return atomicfile.Write(path, m.Encode) }

// Encode writes the bytes of the model file.
func (m *Model) Encode(w io.Writer) error {
	s := settings{Bits: m.Bits, HeadRank: m.Rank, Input: m.input, BiasShift: m.biasShift, HeadShift: m.headShift, Scales: map[string]float64{}}
	for _, a := range matrices(m.program) {
		ms := matrixSettings{Way: a.Way()}
		for _, t := range a.Terms {
			var shifts []int
			for _, st := range t.Steps {
				shifts = append(shifts, st.Shift)
			}
			ms.Shifts = append(ms.Shifts, shifts)
		}
		s.Matrices = append(s.Matrices, ms)
	}
	var tensors []safetensors.Tensor
	for i := range m.params {
		p := &m.params[i]
		dtype, data := m.pack(p)
		tensors = append(tensors, safetensors.Tensor{Name: p.name, DType: dtype, Shape: p.shape, Data: data})
		switch {
		case p.bias():
		case m.perRow(p):
			t := safetensors.Tensor{Name: headScales, DType: safetensors.F32, Shape: []int{len(p.scale)}}
			for _, v := range p.scale {
				t.Float32 = append(t.Float32, float32(v))
			}
			tensors = append(tensors, t)
		default:
			s.Scales[p.name] = p.scale[0]
		}
	}
	config, err := text(m.Config)
	if err != nil {
		return err
	}
	quantised, err := text(s)
	if err != nil {
		return err
	}
	return safetensors.Encode(w, map[string]string{keyFormat: Format, keyConfig: config, keyQuant: quantised}, tensors)
}

// pack gives the bytes of a parameter.
func (m *Model) pack(p *param) (safetensors.DType, []byte) {
	var b []byte
	if p.bias() || m.Bits == 16 {
		for _, v := range p.data {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		return safetensors.I16, b
	}
	for _, v := range p.data {
		b = append(b, byte(v))
	}
	return safetensors.I8, b
}

// perRow reports whether a parameter has a scale for each row: the matrix that gives the logits.
func (m *Model) perRow(p *param) bool { return p.name == "head.weight" || p.name == "head.left" }

// text is v as JSON on one line.
func text(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

// IsQuantised reports whether buf is a file with a model in integers.
func IsQuantised(buf []byte) bool {
	st, err := safetensors.Decode(buf)
	return err == nil && st.Metadata[keyFormat] == Format
}

// Open reads the model file at path, of floats or of integers: one of the two is nil. Errors name the file and what is wrong in it.
func Open(path string) (*model.File, *Model, error) {
	buf, err := safetensors.ReadBytes(path)
	if err != nil {
		return nil, nil, err
	}
	var f *model.File
	var m *Model
	if IsQuantised(buf) {
		m, err = Decode(buf)
	} else {
		f, err = model.Decode(buf)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, m, nil
}

// Load reads the model file at path. Errors name the file and what is wrong in it.
func Load(path string) (*Model, error) {
	buf, err := safetensors.ReadBytes(path)
	if err != nil {
		return nil, err
	}
	m, err := Decode(buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Decode reads a model from the bytes of a model file. It keeps nothing of buf.
func Decode(buf []byte) (*Model, error) {
	st, err := safetensors.Decode(buf)
	if err != nil {
		return nil, err
	}
	if got := st.Metadata[keyFormat]; got != Format {
		return nil, fmt.Errorf("model file of format %q: a model in integers has %q", got, Format)
	}
	cfg, err := model.ParseConfig([]byte(st.Metadata[keyConfig]))
	if err == nil {
		err = cfg.RNN().Validate()
	}
	if err == nil {
		_, err = frames.Input(cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	if cfg.Bidirectional {
		return nil, fmt.Errorf("%s: %w", keyConfig, program.ErrBidirectional)
	}
	s, err := readSettings(st.Metadata[keyQuant], cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyQuant, err)
	}
	f, err := zero(st, cfg, s.HeadRank)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: cfg, Bits: s.Bits, Rank: s.HeadRank, input: s.Input, biasShift: s.BiasShift, headShift: s.HeadShift}
	var ways []program.Way
	for _, a := range s.Matrices {
		ways = append(ways, a.Way)
		for _, t := range a.Shifts {
			m.shifts = append(m.shifts, t...)
		}
	}
	if err := m.fill(st, s, f); err != nil {
		return nil, fmt.Errorf("tensors and config disagree: %w", err)
	}
	p, err := program.New(f, program.Options{Ways: ways})
	if err == nil {
		err = m.finish(p)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyQuant, err)
	}
	return m, nil
}

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
