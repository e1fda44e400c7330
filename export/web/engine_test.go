package web

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// engines are the two builds.
var engines = []string{"engine.wasm", "engine-simd.wasm"}

// needNode skips without node, which runs the engine as a browser does.
func needNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: it runs the WebAssembly engine")
	}
	return node
}

// runNode runs a script of testdata and decodes what it prints.
func runNode(t *testing.T, out any, script string, args ...string) {
	t.Helper()
	cmd := exec.Command(needNode(t), append([]string{"--no-warnings", filepath.Join("testdata", script), filepath.Join("page", "engine.js")}, args...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, complaint.Bytes())
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%s printed %.200s: %v", script, text, err)
	}
}

// sort is a network of a kind, cell and scope with d modes, for "frames" of one line; n counts through the rest.
func sort(kind factor.Kind, cell string, scope factor.Scope, d, n int) model.Config {
	hidden := 24
	in := [][]int{{100}, {10, 12}, {5, 6, 4}, {3, 4, 2, 5}, {2, 3, 2, 5, 2}, {2, 1, 3, 2, 5, 2}}[d-1] // 100 to 120
	outs := map[string][][]int{
		rnn.LSTM: {{96}, {8, 12}, {4, 6, 4}, {4, 2, 3, 4}, {2, 2, 4, 3, 2}, {2, 2, 2, 3, 2, 2}},
		rnn.GRU:  {{72}, {8, 9}, {4, 6, 3}, {3, 2, 3, 4}, {2, 3, 2, 3, 2}, {2, 2, 2, 3, 1, 3}},
		rnn.RNN:  {{24}, {4, 6}, {2, 3, 4}, {2, 2, 3, 2}, {2, 1, 2, 3, 2}, {2, 2, 1, 3, 1, 2}},
	}
	out := outs[cell][d-1]
	make := func(in, out []int) factor.Spec {
		switch kind {
		case factor.Dense:
			return factor.DenseSpec(product(out), product(in))
		case factor.TT:
			return factor.TTSpec(in, out, 2)
		case factor.TR:
			return factor.TRSpec(in, out, 3)
		case factor.BT:
			return factor.BTSpec(in, out, 2, 2)
		}
		return factor.HTSpec(in, out, 2+d%2, 2)
	}
	c := model.Config{
		Cell: cell, Input: 70 + n%7, Hidden: hidden, Layers: 1 + n%3, Structure: make(in, out).WithScope(scope),
		Classes: []string{"a", "b", "c", "d", "e"}, Pooling: []string{rnn.PoolLast, rnn.PoolMean}[n%2], Steps: 4,
		Standardise: &model.Standardise{Mean: []float64{0.4}, Std: []float64{0.3}},
	}
	if n%3 == 0 {
		c.Standardise.Mean = nil
		for i := range c.Input {
			c.Standardise.Mean = append(c.Standardise.Mean, float64(i%5)/10)
		}
	}
	c.Frame = &model.Frame{Height: 1, Width: c.Input, Channels: 1, Input: dataset.Grey}
	if scope == factor.Split {
		r := make([]int{5, 5}, []int{outs[cell][1][0], outs[cell][1][1]})
		c.Recurrent = &r
	}
	return c
}

func product(v []int) int {
	n := 1
	for _, x := range v {
		n *= x
	}
	return n
}

// logitsOf is what package rnn makes of rows, after each of them.
func logitsOf(t *testing.T, m *model.File, rows []float32) [][]float32 {
	t.Helper()
	s, err := m.Net.NewRunner(1).NewStream()
	if err != nil {
		t.Fatal(err)
	}
	scaler, err := model.NewScaler(m.Config.Standardise, m.Config.Input)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	row := make([]float32, m.Config.Input)
	for ; len(rows) > 0; rows = rows[len(row):] {
		copy(row, rows)
		scaler.Apply(row)
		logits := make([]float32, len(m.Config.Classes))
		s.Step(logits, row)
		out = append(out, logits)
	}
	return out
}

// TestEngine compares both engines with package rnn: every kind in every cell and scope, and numbers of modes.
func TestEngine(t *testing.T) {
	needNode(t)
	type testCase struct {
		Model string `json:"model"`
		Rows  string `json:"rows"`
		Width int    `json:"width"`
		Slots int    `json:"slots"`
	}
	dir := t.TempDir()
	var names []string
	var cases []testCase
	var want [][][]float32
	n := 0
	for _, kind := range factor.Kinds {
		for _, cell := range []string{rnn.LSTM, rnn.GRU, rnn.RNN} {
			for _, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
				n++
				d := 1 + n%6
				name := fmt.Sprintf("%s-%s-%s-d%d", kind, cell, scope, d)
				if kind == factor.Dense {
					d = 1
				}
				m := testmodels.Random(t, sort(kind, cell, scope, d, n), uint64(n))
				site, err := Build(m, 1<<20)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				c := testCase{filepath.Join(dir, name+".bin"), filepath.Join(dir, name+".rows"), m.Config.Input, 4}
				rng := rand.New(rand.NewPCG(uint64(n), 9))
				rows := make([]float32, 5*m.Config.Input)
				for i := range rows {
					rows[i] = rng.Float32()
				}
				var b bytes.Buffer
				if err := binary.Write(&b, binary.LittleEndian, rows); err != nil {
					t.Fatal(err)
				}
				for path, data := range map[string][]byte{c.Model: site.file("model.bin"), c.Rows: b.Bytes()} {
					if err := os.WriteFile(path, data, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				names, cases, want = append(names, name), append(cases, c), append(want, logitsOf(t, m, rows))
			}
		}
	}
	list, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cases.json")
	if err := os.WriteFile(path, list, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, engine := range engines {
		var got [][][]float32
		runNode(t, &got, "run.mjs", filepath.Join("engine", engine), path)
		for i, name := range names {
			for s, logits := range want[i] {
				wide := make([]float64, len(logits))
				for k, v := range logits {
					wide[k] = float64(v)
				}
				testutil.Close(t, fmt.Sprintf("%s: %s, step %d", engine, name, s), got[i][s], wide, 1e-5)
			}
		}
	}
}

// file is the content of one of the site's files.
func (s *Site) file(name string) []byte {
	for _, f := range s.files {
		if f.name == name {
			return f.data
		}
	}
	return nil
}
