package c

import (
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
)

//go:embed engine/engine.h
var engineHeader string

//go:embed engine/core.c
var engineCore string

//go:embed engine/float.c
var engineFloat string

// Options of an export.
type Options struct {
	Name   string // what files and C names begin with; "": fdht
	Memory int    // bytes of working memory that an input's blocks may take, if it can be done with so few; 0: DefaultMemory
}

// DefaultMemory is Options.Memory where it is left 0.
const DefaultMemory = 64 << 10

// File is a file of an export.
type File struct {
	Name string
	Data []byte
}

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// Float writes m as C with float weights and activations: NAME.h, NAME.c and NAME_weights.h. Logits equal those of package rnn but for rounding. A bidirectional
// model and one too large for 32-bit indices are errors.
func Float(m *model.File, o Options) ([]File, error) {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	b, err := FloatModel(m, o.Memory)
	if err != nil {
		return nil, err
	}
	return b.files(o)
}

// Build is a model as the arrays that the engine reads (fdht_model in the header) and the memory that it wants (fdht_open).
type Build struct {
	Program []int32
	Weights []float32
	Biases  []float32
	Numbers []float32
	Layout  program.Layout
	MAC     float64 // multiply-adds of the recurrent matrices for one step
	program *program.Program
}

// FloatModel makes the arrays of a model with float weights. memory is Options.Memory, 0 for as much as is fastest.
func FloatModel(m *model.File, memory int) (*Build, error) {
	p, err := program.New(m, program.Options{Elements: memory / 4})
	if err != nil {
		return nil, err
	}
	code, layout, err := p.Encode()
	if err != nil {
		return nil, err
	}
	b := &Build{Program: code, Numbers: p.Pixels.Numbers(), Layout: layout, MAC: p.MAC(), program: p}
	for _, q := range m.Net.Params() {
		if program.IsBias(q) {
			b.Biases = append(b.Biases, q.Data...)
		} else {
			b.Weights = append(b.Weights, q.Data...)
		}
	}
	if len(b.Weights) > math.MaxInt32 {
		return nil, fmt.Errorf("the model has %d weights: exported programs count in 32 bits", len(b.Weights))
	}
	return b, nil
}

// files are the texts of an export.
func (b *Build) files(o Options) ([]File, error) {
	if o.Name == "" {
		o.Name = "fdht"
	}
	if !nameRule.MatchString(o.Name) {
		return nil, fmt.Errorf("name %q: want a C name in lower case, a letter and then letters, digits or _, 31 at most", o.Name)
	}
	header, source := engine(b.constants())
	out := []File{{"fdht.h", []byte(header)}, {"fdht.c", []byte(source)}, {"fdht_weights.h", b.weights()}}
	for i := range out {
		out[i] = File{rename(out[i].Name, o.Name), []byte(rename(string(out[i].Data), o.Name))}
	}
	return out, nil
}

var prefix = regexp.MustCompile(`\b(?:fdht|FDHT)(_|\.|\b)`)

// rename puts name in place of the engine's own.
func rename(text, name string) string {
	return prefix.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == 'F' {
			return strings.ToUpper(name) + s[4:]
		}
		return name + s[4:]
	})
}

// Write makes the folder dir with the files of an export. A folder that exists is an error; nothing is left half written.
func Write(dir string, files []File) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s exists: name a folder that does not", dir)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*.tmp")
	if err != nil {
		return fmt.Errorf("cannot make %s: %w", dir, errors.Unwrap(err))
	}
	err = os.Chmod(temp, 0o755)
	for _, f := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(temp, f.Name), f.Data, 0o644)
		}
	}
	if err == nil {
		err = os.Rename(temp, dir)
	}
	if err != nil {
		os.RemoveAll(temp)
		return fmt.Errorf("cannot write %s: %w", dir, err)
	}
	return nil
}
