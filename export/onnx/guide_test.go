package onnx

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/dataset"
)

// TestGuide runs the JavaScript of docs/guide-onnx.md: a label for each frame, those that we give.
func TestGuide(t *testing.T) {
	from, err := filepath.Abs(modules(t))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/guide-onnx.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(guide), "```js\n")
	code, _, ok := strings.Cut(code, "```")
	if !ok {
		t.Fatal("docs/guide-onnx.md has no JavaScript")
	}
	in := dataset.Input{Kind: dataset.RGB, Height: 16, Width: 20}
	made, err := dataset.NewMade(dataset.MadeOptions{Input: in, Frames: 9, Train: 1, Val: 1, Test: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := film{in: in, frames: slices.Collect(slices.Chunk(made.Pixels(0), in.Size()))}
	m := frameModel(t, in, nil)
	logits := func(n int) []float32 {
		picked := make([]int, n+1)
		for i := range picked {
			picked[i] = i
		}
		return newEngine(t, m).logits(f.sequence(t, picked...))
	}
	first, last := logits(0), logits(len(f.frames)-1)
	params := m.Net.Params()
	params[len(params)-1].Data[0] -= (first[0] - first[1] + last[0] - last[1]) / 2 // head.bias: the labels change on the way
	dir := t.TempDir()
	labels, err := json.Marshal(map[string][]string{"classes": m.Config.Classes})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"clip.rgb": made.Pixels(0), "demo.json": labels, "run.cjs": []byte(code)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Save(filepath.Join(dir, "demo-stream.onnx"), m, Options{Stream: true}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "run.cjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(from, "node_modules"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var want []string
	for n := range f.frames {
		l := logits(n)
		want = append(want, m.Config.Classes[slices.Index(l, slices.Max(l))])
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, want) || want[0] == want[len(want)-1] {
		t.Errorf("labels %v, want %v", got, want)
	}
}
