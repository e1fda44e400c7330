package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// reader is the Python program of docs/file-format.md.
func reader(t *testing.T) string {
	t.Helper()
	_, code, ok := strings.Cut(string(read(t, "../docs/file-format.md")), "```python\n")
	code, _, end := strings.Cut(code, "```")
	if !ok || !end {
		t.Fatal("docs/file-format.md holds no Python program")
	}
	return code
}

func numpy(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import numpy").Run() == nil {
			return python
		}
	}
	t.Skip("needs python3 with numpy")
	return ""
}

// The program of docs/file-format.md finds the same matrices and logits as we do.
func TestNumPyReader(t *testing.T) {
	python := numpy(t)
	example := exampleConfig(t) // 120 columns for 112: padded
	two := example
	two.Layers, two.Pooling, two.Frame, two.Steps = 2, "mean", nil, 0
	upper := factor.HTSpec([]int{2, 3, 4}, []int{4, 4, 3}, 2, 3)
	two.Upper = &upper
	odd := example
	odd.Structure.Tree, odd.Structure.Ranks = factor.Tree{}, nil
	odd.Structure.In, odd.Structure.Out = []int{5, 1, 2, 3, 4}, []int{1, 4, 3, 2, 2}
	odd.Structure = odd.Structure.WithRanks(2, 3)
	odd.Standardise = nil
	dense := example
	dense.Structure = factor.DenseSpec(48, 112)
	one := example
	one.Structure = factor.Spec{Kind: factor.HT, Scope: factor.Full, In: []int{113}, Out: []int{48}}
	all := sorts(t)
	all["example"], all["two layers"], all["balanced, five modes"], all["dense"], all["one mode"] = example, two, odd, dense, one
	dir := t.TempDir()
	files := map[string]*File{}
	for name, c := range all {
		files[name] = newModel(t, c, 7)
		writeForNumPy(t, filepath.Join(dir, name), files[name])
	}
	// one process for all of them: starting it takes most of the time
	cmd := exec.Command(python, "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(reader(t)+`
import os
for name in os.listdir("."):
    config, arrays = load(name + "/model.safetensors")
    for layer in range(config["layers"]):
        structure = config.get("upper", config["structure"]) if layer > 0 else config["structure"]
        matrix(structure, arrays, f"cell.{layer}.").astype("<f4").tofile(f"{name}/w{layer}")
    x = np.fromfile(name + "/x", "<f4").reshape(-1, config["input"])
    logits(config, arrays, x).astype("<f4").tofile(name + "/logits")
`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) { compareWithNumPy(t, filepath.Join(dir, name), f) })
	}
}

// numpyClip is what the models are given.
func numpyClip(width int) rows {
	clip := make(rows, 9)
	for step := range clip {
		clip[step] = make([]float32, width)
		for i := range clip[step] {
			clip[step][i] = float32(math.Sin(float64(step*31+i*i))) / 2
		}
	}
	return clip
}

func writeForNumPy(t *testing.T, dir string, f *File) {
	t.Helper()
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for _, row := range numpyClip(f.Config.Input) {
		binary.Write(&in, binary.LittleEndian, row)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), in.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func compareWithNumPy(t *testing.T, dir string, f *File) {
	for l := range f.Config.Layers {
		same(t, fmt.Sprintf("W of layer %d", l), floats(t, filepath.Join(dir, fmt.Sprint("w", l))), f.Net.Matrix(l, 0).Materialize().Data)
	}
	by, err := NewScaler(f.Config.Standardise, f.Config.Input)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(f.Config.Classes))
	f.Net.NewRunner(1).Forward(want, []rnn.Sequence{&Scaled{Seq: numpyClip(f.Config.Input), By: by}})
	same(t, "logits", floats(t, filepath.Join(dir, "logits")), want)
}

func floats(t *testing.T, path string) []float32 {
	t.Helper()
	b := read(t, path)
	out := make([]float32, len(b)/4)
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}
