package quant

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
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
