package onnx

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
)

// TestChecker puts files of all sorts before ONNX's own checker, with shape inference.
func TestChecker(t *testing.T) {
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if python == "" && exec.Command(p, "-c", "import onnx").Run() == nil {
			python = p
		}
	}
	if python == "" {
		t.Skip("needs python3 with onnx")
	}
	dir := t.TempDir()
	all := configs()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		if n%4 != 0 || testing.Short() && n%20 != 0 {
			continue
		}
		o := Options{Lengths: n%8 == 0}
		if !all[name].Bidirectional && n%3 == 0 {
			o = Options{Stream: true}
		}
		if err := Save(filepath.Join(dir, name+".onnx"), testmodels.Random(t, all[name], 5), o); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(python, "testdata/check.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	} else {
		t.Logf("%s", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "damaged.onnx"), []byte("none"), 0o644); err != nil {
		t.Fatal(err)
	}
	if exec.Command(python, "testdata/check.py", dir).Run() == nil {
		t.Error("the checker passes a damaged file")
	}
}
