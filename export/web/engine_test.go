package web

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/model"
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

// TestEngine compares both engines with package rnn: models of every sort.
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
	all := testmodels.All(t)
	for n, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if m.Config.Frame == nil { // a page takes frames: these have one line
			m.Config.Frame = &model.Frame{Height: 1, Width: m.Config.Input, Channels: 1, Input: dataset.Grey}
		}
		if m.Config.Steps == 0 {
			m.Config.Steps = 4
		}
		site, err := Build(m, 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := testCase{filepath.Join(dir, name+".bin"), filepath.Join(dir, name+".rows"), m.Config.Input, 4}
		rows := testmodels.Rows(m.Config, 5, uint64(n))
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, slices.Concat(rows...)); err != nil {
			t.Fatal(err)
		}
		for path, data := range map[string][]byte{c.Model: site.file("model.bin"), c.Rows: b.Bytes()} {
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		names, cases, want = append(names, name), append(cases, c), append(want, testmodels.Logits(t, m, rows))
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
