package c

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// TestLong: a sequence of integers ends after 65,535 steps, in C as in Go: what comes then changes nothing, until it begins anew.
func TestLong(t *testing.T) {
	cc := compilers(t)[0]
	f := testmodels.Random(t, model.Config{Cell: "rnn", Input: 2, Hidden: 2, Layers: 1, Classes: []string{"a", "b"}, Pooling: "mean", Structure: factor.DenseSpec(2, 4)}, 1)
	row := []float32{0.5, 0.25}
	m, err := quant.Quantise(f, []rnn.Sequence{testmodels.Sequence{row}}, quant.Options{Bits: 8})
	if err != nil {
		t.Fatal(err)
	}
	e := m.NewEngine()
	for range quant.MaxSteps + 1 {
		e.Step(row)
	}
	want, got := make([]float32, 2), make([]float32, 2)
	e.Logits(want)
	if e.Steps() != quant.MaxSteps {
		t.Errorf("%d steps count", e.Steps())
	}
	files, err := ExportQuantised(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile(filepath.Join("testdata", "long.c"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, append(files, File{"main.c", main})...)
	exe := compile(t, cc, dir, append([]string{"fdht.c", "main.c", "-O1"}, strict...)...)
	if err := binary.Read(bytes.NewReader(run(t, exe, nil)), binary.NativeEndian, got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("logits %v, of the Go engine %v", got, want)
	}
}
