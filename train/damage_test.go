package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
)

// TestDamagedCheckpoints: a bit that is flipped anywhere in the newest checkpoint, or a part of it that is missing, is found; the run goes on from the one before
// and comes to the same bits. (That every single byte is seen to is for TestEveryFlippedByteIsFound of package model.)
func TestDamagedCheckpoints(t *testing.T) {
	want := whole(t)
	from := interrupted(t, 3, 2, false)
	buf := readFile(t, filepath.Join(from.Dir, model.CheckpointFile))
	f, err := safetensors.Decode(buf)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func(b []byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"its length alone": func(b []byte) []byte { return b[:8] },
		"half":             func(b []byte) []byte { return b[:len(b)/2] },
		"all but a byte":   func(b []byte) []byte { return b[:len(b)-1] },
		"a byte more":      func(b []byte) []byte { return append(b, 0) },
		"a flip in length": func(b []byte) []byte { b[1] ^= 1; return b },
	}
	flip := func(name string, at int) {
		damage["a flip in "+name] = func(b []byte) []byte { b[at] ^= 1 << (at % 8); return b }
	}
	for _, key := range []string{"fdht.checkpoint", "fdht.config", "fdht.progress", "fdht.settings", "fdht.sha256"} {
		flip(key, strings.Index(string(buf), `"`+key+`":`)+len(key)+9)
	}
	at := len(buf)
	groups := 0
	for i := len(f.Tensors) - 1; i >= 0; i-- { // of each group, the last tensor
		at -= len(f.Tensors[i].Data)
		if strings.HasSuffix(f.Tensors[i].Name, "head.bias") {
			flip(f.Tensors[i].Name, at+len(f.Tensors[i].Data)/2)
			groups++
		}
	}
	if groups < 5 { // weights, two moments, average, best
		t.Fatalf("%d groups of tensors", groups)
	}
	for name, harm := range damage {
		if testing.Short() && strings.HasPrefix(name, "a flip in fdht.") {
			continue // the checksum is looked at in package model; here each costs a training
		}
		t.Run(name, func(t *testing.T) {
			o := from
			o.Dir = t.TempDir()
			if err := os.CopyFS(o.Dir, os.DirFS(from.Dir)); err != nil {
				t.Fatal(err)
			}
			bad := filepath.Join(o.Dir, model.CheckpointFile)
			if err := os.WriteFile(bad, harm(readFile(t, bad)), 0o666); err != nil {
				t.Fatal(err)
			}
			got, notes := resumed(t, o)
			if got != want {
				t.Error("the run comes to other numbers")
			}
			if len(notes) != 1 || !strings.HasPrefix(notes[0], bad+": ") || !strings.Contains(notes[0], "going on from "+filepath.Join(o.Dir, model.PreviousFile)+", epoch 1") {
				t.Errorf("notes %q", notes)
			}
		})
	}
	t.Run("the checkpoint before", func(t *testing.T) { // is not needed
		o := from
		o.Dir = t.TempDir()
		if err := os.CopyFS(o.Dir, os.DirFS(from.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(o.Dir, model.PreviousFile), 99); err != nil {
			t.Fatal(err)
		}
		if got, notes := resumed(t, o); got != want || len(notes) > 0 {
			t.Errorf("other numbers: %v; notes %q", got != want, notes)
		}
	})
}
