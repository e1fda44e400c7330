package c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// TestFiles: an export as it is written, under another name, has its model inside: logits, labels that need escapes, the size of its memory.
func TestFiles(t *testing.T) {
	found := compilers(t)
	f := testmodels.All(t)["gru-tt-split"]
	f.Config.Classes = []string{"a \"b\" \\ ??/", "ç\n1", "fdht fdht_x FDHT.%d"}
	rows := testmodels.Rows(f.Config, 5, 1)
	q, err := quant.Quantise(f, []rnn.Sequence{rows}, quant.Options{Bits: 8})
	if err != nil {
		t.Fatal(err)
	}
	floats, err := Export(f, Options{Name: "net_7"})
	if err != nil {
		t.Fatal(err)
	}
	integers, err := ExportQuantised(q, Options{Name: "net_7"})
	if err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile(filepath.Join("testdata", "own.c"))
	if err != nil {
		t.Fatal(err)
	}
	C := len(f.Config.Classes)
	for _, cc := range found {
		for kind, files := range [][]File{floats, integers} {
			dir := filepath.Join(t.TempDir(), "out")
			if err := Write(dir, files); err != nil {
				t.Fatal(err)
			}
			write(t, dir, File{"main.c", main})
			exe := compile(t, cc, dir, append([]string{"net_7.c", "main.c", "-O2"}, strict...)...)
			var in bytes.Buffer
			if err := binary.Write(&in, binary.NativeEndian, slices.Concat(rows...)); err != nil {
				t.Fatal(err)
			}
			want := stream(t, f, rows, nil)
			tol := 1e-5
			if kind == 1 {
				want, tol = engine(q, rows), 0
			}
			want = want[len(want)-C:]
			text := string(run(t, exe, &in))
			parts := strings.SplitN(text, " ", C+1)
			best := 0
			for i, w := range want {
				var got float32
				if _, err := fmt.Sscan(parts[i], &got); err != nil || !(math.Abs(float64(got-w)) <= tol) {
					t.Errorf("%s: %s, want logits %v", cc, text, want)
				}
				if w > want[best] {
					best = i
				}
			}
			if label := f.Config.Classes[best] + "\n"; parts[C] != label {
				t.Errorf("%s: label %q, want %q", cc, parts[C], label)
			}
			if i := slices.IndexFunc(files, func(f File) bool { return f.Name == "net_7_weights.h" }); !strings.Contains(string(files[i].Data), `"fdht fdht_x FDHT.%d"`) {
				t.Error("a label that is like the name of the engine is not as it was")
			}
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	files := []File{{"a", []byte("x")}, {"b", nil}}
	if err := Write(dir, files); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder that exists: %v", err)
	}
	bad := filepath.Join(dir, "bad")
	if err := Write(bad, []File{{"a", nil}, {filepath.Join("no", "such"), nil}}); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), filepath.Join(bad, "no", "such")) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if err := Write(filepath.Join(dir, "out"), files); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out", "a")); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestErrors(t *testing.T) {
	both := testmodels.Frames("grey")
	both.Bidirectional = true
	if _, err := Export(testmodels.Random(t, both, 1), Options{}); err != program.ErrBidirectional {
		t.Errorf("both directions: %v", err)
	}
	hostile := testmodels.Frames("grey")
	hostile.Frame.Input = "grey */ int x; /*"
	if _, err := Export(testmodels.Random(t, hostile, 1), Options{}); err == nil || !strings.Contains(err.Error(), `input "grey */ int x; /*": want rgb`) {
		t.Errorf("frames that nobody knows: %v", err)
	}
	f := testmodels.Random(t, testmodels.Frames("grey"), 1)
	for _, name := range []string{"Big", "7", "a-b", strings.Repeat("a", 32), "a b"} {
		if _, err := Export(f, Options{Name: name}); err == nil || !strings.Contains(err.Error(), "want a C name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
