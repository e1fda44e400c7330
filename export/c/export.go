package c

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
)

//go:embed engine/engine.h
var engineHeader string

//go:embed engine/core.c
var engineCore string

//go:embed engine/ring.c
var engineRing string

//go:embed engine/float.c
var engineFloat string

//go:embed engine/fixed.c
var engineFixed string

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

// Export writes m as C with float weights and activations: NAME.h, NAME.c and NAME_weights.h. Logits equal those of package rnn but for rounding. A bidirectional
// model and one too large for 32-bit indices are errors.
func Export(m *model.File, o Options) ([]File, error) {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	b, err := FloatBuild(m, o.Memory)
	if err != nil {
		return nil, err
	}
	return b.Files(o.Name)
}

// ExportQuantised writes a model in integers as C; logits equal those of package quant bit for bit. How much memory its blocks take was decided when it was quantised.
func ExportQuantised(m *quant.Model, o Options) ([]File, error) {
	b, err := IntBuild(m)
	if err != nil {
		return nil, err
	}
	return b.Files(o.Name)
}

// Build is a model as the arrays that the engine reads (fdht_model in the header) and the memory that it wants (fdht_open).
type Build struct {
	Arithmetic            Arithmetic
	Program               []int32
	Weights, Biases       []float32 // Float
	IntWeights, IntBiases []int16   // others; those of 8 bits fit int8
	Numbers               []float32
	Layout                program.Layout
	MAC                   float64 // multiply-adds of the recurrent matrices for one step
	program               *program.Program
}

// FloatBuild makes the arrays of a model with float weights. memory is Options.Memory, 0 for as much as is fastest.
func FloatBuild(m *model.File, memory int) (*Build, error) {
	p, err := program.New(m, program.Options{Elements: program.Elements(memory, 4)})
	if err != nil {
		return nil, err
	}
	b, err := build(Float, p, p.Pixels.Numbers())
	if err != nil {
		return nil, err
	}
	for _, q := range m.Net.Params() {
		if program.IsBias(q) {
			b.Biases = append(b.Biases, q.Data...)
		} else {
			b.Weights = append(b.Weights, q.Data...)
		}
	}
	return b, nil
}

// IntBuild makes the arrays of a model in integers.
func IntBuild(m *quant.Model) (*Build, error) {
	p, weights, biases, numbers := m.Program()
	a := Int16
	if m.Bits == 8 {
		a = Int8
		if wide(p) {
			a = Int8Wide
		}
	}
	b, err := build(a, p, numbers)
	if err != nil {
		return nil, err
	}
	b.IntWeights, b.IntBiases = weights, biases
	return b, nil
}

// wide reports whether some sum of a model of 8 bits might not fit an int32.
func wide(p *program.Program) bool {
	for _, l := range p.Layers {
		for _, m := range []program.Matrix{l.Input, l.Recurrent} {
			for _, t := range m.Terms {
				for _, s := range t.Steps {
					if overflows(s.Sum, s.Shift) {
						return true
					}
				}
			}
		}
	}
	return overflows(p.Config.Hidden, p.HeadShift) || overflows(p.HeadRank, 0)
}

// overflows reports whether a sum of so many products of int16 and int8, with what a shift adds to round, might not fit an int32.
func overflows(sum, shift int) bool {
	return shift > 30 || int64(sum)<<22+1<<shift > math.MaxInt32
}

func build(a Arithmetic, p *program.Program, numbers []float32) (*Build, error) {
	code, layout, err := p.Encode()
	if err != nil {
		return nil, err
	}
	return &Build{Arithmetic: a, Program: code, Numbers: numbers, Layout: layout, MAC: p.MAC(), program: p}, nil
}

// Files are the texts of an export: NAME.h, NAME.c and NAME_weights.h; "" is fdht.
func (b *Build) Files(name string) ([]File, error) {
	if name == "" {
		name = "fdht"
	}
	if !nameRule.MatchString(name) {
		return nil, fmt.Errorf("name %q: want a C name in lower case, a letter and then letters, digits or _, 31 at most", name)
	}
	header, source := b.Arithmetic.engine(b.constants(), b.program.Pixels.Lag.Len() > 0)
	return []File{
		{name + ".h", []byte(rename(header, name))},
		{name + ".c", []byte(rename(source, name))},
		{name + "_weights.h", b.weights(name)},
	}, nil
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
	return atomicfile.Dir(dir, func(yield func(string, []byte) bool) {
		for _, f := range files {
			if !yield(f.Name, f.Data) {
				return
			}
		}
	})
}
