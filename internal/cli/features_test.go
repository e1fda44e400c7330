package cli

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/cnn"
	"google.golang.org/protobuf/encoding/protowire"
)

// field is a field of a protobuf message: a number or bytes.
func field(b []byte, n protowire.Number, v any) []byte {
	switch v := v.(type) {
	case int:
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
	case string:
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), []byte(v))
	}
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v.([]byte))
}

// valueInfo is float32 of a shape; -1 is an open axis.
func valueInfo(name string, axes ...int) []byte {
	var shape []byte
	for _, a := range axes {
		dim := field(nil, 1, a)
		if a < 0 {
			dim = field(nil, 2, "n")
		}
		shape = field(shape, 1, dim)
	}
	return field(field(nil, 1, name), 2, field(nil, 1, field(field(nil, 1, 1), 2, shape)))
}

// meanNetwork is an ONNX file whose features are the means of a frame's channels: frames [N, 3, 16, 24] -> GlobalAveragePool -> [N, 3, 1, 1].
func meanNetwork() []byte {
	node := field(field(field(nil, 1, "frames"), 2, "features"), 4, "GlobalAveragePool")
	graph := field(field(nil, 1, node), 2, "means")
	graph = field(graph, 11, valueInfo("frames", -1, 3, 16, 24))
	graph = field(graph, 12, valueInfo("features", -1, 3, 1, 1))
	return field(field(field(nil, 1, 8), 7, graph), 8, field(field(nil, 1, ""), 2, 17))
}

// TestFeatures computes the means of the channels of made clips by a network and holds them against those of the frames; without ONNX Runtime in
// this program it checks that the command says how to get it.
func TestFeatures(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustRun(t, "data", "made", at("clips"), "--frame", "16x24x3", "--frames", "5", "--train", "8", "--val", "0", "--test", "8", "--quiet")
	if err := os.WriteFile(at("means.onnx"), meanNetwork(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"features", "--cnn", at("means.onnx"), "--data", at("clips"), "--out", at("features"), "--steps", "3", "--json"}
	net, err := cnn.Open(at("means.onnx"), cnn.Options{})
	if errors.Is(err, cnn.ErrNotBuilt) {
		_, errs, code := call(t, t.Context(), args...)
		if code != ExitError || !strings.Contains(errs, "-tags onnxruntime") || !strings.Contains(errs, "npm install onnxruntime-node") || exists(at("features")) {
			t.Errorf("exit code %d: %s", code, errs)
		}
		return
	}
	if err != nil && os.Getenv("FDHT_NODE") == "" {
		t.Skip("needs npm's onnxruntime-node, in the folder that FDHT_NODE names")
	}
	if err == nil {
		err = net.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, args...)
	var r featured
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Clips != 16 || r.New != 16 {
		t.Fatalf("%v, %s", err, out)
	}
	ctx := t.Context()
	video, _, err := dataset.Open(ctx, at("clips"), dataset.Options{Input: dataset.Input{Kind: dataset.RGB, Height: 16, Width: 24}, CacheDir: at("cache")})
	if err != nil {
		t.Fatal(err)
	}
	defer closeData(video)
	feats, _, err := dataset.Open(ctx, at("features"), dataset.Options{})
	if err != nil || feats.Len() != video.Len() || feats.Width() != 3 {
		t.Fatal(feats, err)
	}
	var a, b dataset.Clip
	frame, row := make([]float32, video.Width()), make([]float32, 3)
	for i := range video.Len() {
		if err := errors.Join(video.Clip(&a, i, dataset.Sample{Steps: 3}), feats.Clip(&b, i, dataset.Sample{})); err != nil {
			t.Fatal(err)
		}
		if b.Len() != 3 || feats.Classes()[feats.Label(i)] != video.Classes()[video.Label(i)] {
			t.Fatalf("clip %d: %d steps, %s", i, b.Len(), feats.ID(i))
		}
		for s := range 3 {
			a.Load(frame, s)
			b.Load(row, s)
			for c := range 3 {
				want := 0.0
				for p := c; p < len(frame); p += 3 {
					want += float64(frame[p]) / float64(len(frame)/3)
				}
				want = (want - []float64{0.485, 0.456, 0.406}[c]) / []float64{0.229, 0.224, 0.225}[c]
				if math.Abs(want-float64(row[c])) > 1e-4 {
					t.Fatalf("clip %d step %d channel %d: %v, want %v", i, s, c, row[c], want)
				}
			}
		}
	}
	if again := mustRun(t, args...); !strings.Contains(again, `"new":0`) {
		t.Errorf("computed again: %s", again)
	}
}

// TestWideFeatures trains and measures on 2,048 features a step, with the modes and ranks of the paper's size for fewer hidden units.
func TestWideFeatures(t *testing.T) {
	dir := t.TempDir()
	for k := range 12 {
		v := make([]float32, 4*2048)
		for i := range v {
			v[i] = float32(math.Sin(float64(i*(1+k%2)) * 0.1))
		}
		path := filepath.Join(dir, "set", []string{"a", "b"}[k%2], "x_s"+string(rune('1'+k/2))+".npy")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err == nil {
			err = errors.Join(dataset.WriteNPY(f, v, 2048), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "train", "--data", filepath.Join(dir, "set"), "--out", filepath.Join(dir, "run"), "--hidden", "64", "--modes-in", "4,8,8,9", "--modes-out", "4,4,4,4", "--rank", "4",
		"--test-groups", "5,6", "--val", "0", "--epochs", "2", "--quiet")
	if out := mustRun(t, "eval", "--model", filepath.Join(dir, "run"), "--json"); !strings.Contains(out, `"clips":4`) {
		t.Error(out)
	}
}
