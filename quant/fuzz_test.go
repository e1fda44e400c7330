package quant_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/fdht/fdht/export/c"
	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/quant"
)

// FuzzDecode: no file panics, and what is read can be written, run and exported.
func FuzzDecode(f *testing.F) {
	if seeds, err := filepath.Glob("testdata/fuzz/FuzzDecode/*"); err != nil || len(seeds) == 0 {
		f.Fatal("the committed seeds in testdata/fuzz/FuzzDecode are gone")
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		var m *quant.Model
		var err error
		testutil.Bounded(t, 500*len(buf)+32<<20, func() { m, err = quant.Decode(buf) })
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := m.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := quant.Decode(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		p, _, _, numbers := m.Program()
		for i, v := range numbers {
			if v-v != 0 {
				t.Fatalf("number %d of the engine is %v", i, v)
			}
		}
		const most = 1 << 20 // of a step's work
		if p.MAC() > most || m.Config.Input > most || m.Config.Hidden*m.Config.Layers > most {
			return
		}
		e, row, logits := m.NewEngine(), make([]float32, m.Config.Input), make([]float32, len(m.Config.Classes))
		for i := range row {
			row[i] = float32(i%7-3) * 1e3
		}
		for range 3 {
			e.Step(row)
			e.Logits(logits)
		}
		if _, err := c.ExportQuantised(m, c.Options{}); err != nil {
			t.Fatal(err)
		}
	})
}
