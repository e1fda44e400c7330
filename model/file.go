package model

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// Format is the version of the model file, its metadata fdht.format.
const Format = "1"

// FormatQuantised is that of the files of models in integers, which package quant reads and writes.
const FormatQuantised = "1q"

// The keys of a file's metadata.
const (
	keyFormat      = "fdht.format"
	keyConfig      = "fdht.config"
	keyConventions = "fdht.conventions"
)

// File is a model: its configuration and its network.
type File struct {
	Config Config
	Net    *rnn.Model
}

// New makes a model with fresh weights, which depend on cfg and seed alone.
func New(cfg Config, seed uint64) (*File, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	net, err := rnn.New(cfg.RNN(), seed)
	if err != nil {
		return nil, err
	}
	return &File{Config: cfg, Net: net}, nil
}

// Save writes the model file to path: whole or, when there is an error, not at all. The same model gives the same bytes.
func (f *File) Save(path string) error {
	return atomicfile.Write(path, f.Encode)
}

// Encode writes the bytes of the model file.
func (f *File) Encode(w io.Writer) error {
	metadata, err := f.Metadata()
	if err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	for _, p := range f.Net.Params() {
		if i := slices.IndexFunc(p.Data, notFinite); i >= 0 {
			return fmt.Errorf("weight %d of %s is %v: a model is written only when all its weights are numbers", i, p.Name, p.Data[i])
		}
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, DType: safetensors.F32, Shape: p.Shape, Float32: p.Data})
	}
	return safetensors.Encode(w, metadata, tensors)
}

// Metadata is what a model file says beside its weights, and files for other programs say too: fdht.format, fdht.config and
// fdht.conventions.
func (f *File) Metadata() (map[string]string, error) {
	if err := f.Config.Validate(); err != nil {
		return nil, err
	}
	text, err := f.Config.text()
	if err != nil {
		return nil, err
	}
	return map[string]string{keyFormat: Format, keyConfig: text, keyConventions: f.Config.conventions()}, nil
}

func notFinite(x float32) bool { return x-x != 0 }

// Load reads the model file at path. Errors name the file and what is wrong in it.
func Load(path string) (*File, error) {
	buf, err := safetensors.ReadBytes(path)
	if err != nil {
		return nil, err
	}
	f, err := Decode(buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode reads a model from the bytes of a model file. It keeps nothing of buf.
func Decode(buf []byte) (*File, error) {
	st, err := safetensors.Decode(buf)
	if err != nil {
		return nil, err
	}
	cfg, err := readConfig(st)
	if err != nil {
		return nil, err
	}
	if err := cfg.RNN().Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	weights, biases, head, err := cfg.RNN().Count()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	if err := CheckSize(st, weights+biases+head); err != nil {
		return nil, err
	}
	net, err := rnn.Zero(cfg.RNN())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	f := &File{Config: cfg, Net: net}
	if err := fill(st, "", f.Net.Params()); err != nil {
		return nil, fmt.Errorf("tensors and config disagree: %w", err)
	}
	for _, p := range f.Net.Params() {
		if i := slices.IndexFunc(p.Data, notFinite); i >= 0 {
			return nil, fmt.Errorf("tensor %s holds %v at place %d: the file is damaged, or its training diverged", p.Name, p.Data[i], i)
		}
	}
	return f, nil
}

func readConfig(st *safetensors.File) (Config, error) {
	format, ok := st.Metadata[keyFormat]
	if !ok {
		return Config{}, fmt.Errorf("not an fdht model: its metadata has no %s", keyFormat)
	}
	if format == FormatQuantised {
		return Config{}, errors.New("a model in integers, as fdht quantize writes it: give the model of floats that it was made of")
	}
	if format != Format {
		return Config{}, fmt.Errorf("model file of format %q: this program reads format %q", format, Format)
	}
	cfg, err := ParseConfig([]byte(st.Metadata[keyConfig]))
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", keyConfig, err)
	}
	return cfg, nil
}

// CheckSize refuses a configuration that wants far more numbers than the file holds, before memory is taken for them.
// Smaller differences are left to whoever reads the tensors and can name the one that is wrong.
func CheckSize(st *safetensors.File, want int64) error {
	const slack = 1 << 22
	have := int64(0)
	for _, t := range st.Tensors {
		have += int64(t.Elements())
	}
	if want > have+slack {
		return fmt.Errorf("tensors and config disagree: the tensors hold %d numbers, the config wants %d", have, want)
	}
	return nil
}

// fill copies the tensors named prefix+param into params. The tensors with the prefix must be exactly those of params.
func fill(st *safetensors.File, prefix string, params []rnn.Param) error {
	found := make(map[string]safetensors.Tensor)
	for _, t := range st.Tensors {
		if strings.HasPrefix(t.Name, prefix) {
			found[t.Name] = t
		}
	}
	var wrong []string
	for _, p := range params {
		name := prefix + p.Name
		t, ok := found[name]
		delete(found, name)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("tensor %s of shape %s is missing", name, shapeText(p.Shape)))
		case !slices.Equal(t.Shape, p.Shape):
			wrong = append(wrong, fmt.Sprintf("tensor %s has shape %s, the config wants %s", name, shapeText(t.Shape), shapeText(p.Shape)))
		case t.DType != safetensors.F32:
			wrong = append(wrong, fmt.Sprintf("tensor %s is %s, the config wants F32", name, t.DType))
		default:
			if err := t.Floats(p.Data); err != nil {
				return err
			}
		}
	}
	for _, t := range st.Tensors { // in the file's order
		if _, ok := found[t.Name]; ok {
			wrong = append(wrong, fmt.Sprintf("tensor %s of shape %s is not one of the config's", t.Name, shapeText(t.Shape)))
		}
	}
	const most = 6
	if n := len(wrong); n > most {
		wrong = append(wrong[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}

func shapeText(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
}
