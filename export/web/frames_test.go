package web

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/internal/testutil"
)

// TestFrames gives both engines the pictures of a folder, which fdht.Predict reads too: every kind of frame, pictures that are larger, smaller,
// of the same size, and wider but lower.
func TestFrames(t *testing.T) {
	needNode(t)
	type testCase struct {
		Model    string `json:"model"`
		Pictures string `json:"pictures"`
		Height   int    `json:"height"`
		Width    int    `json:"width"`
		Steps    []int  `json:"steps"`
	}
	const pictures = 13
	dir := t.TempDir()
	var names []string
	var cases []testCase
	var want [][]float64
	for k, of := range []struct {
		kind string
		lag  []int
	}{
		{dataset.RGB, nil}, {dataset.Grey, nil}, {dataset.Diff, []int{2}}, {dataset.GreyDiff, []int{2}},
		{dataset.Diff, []int{1, 4}}, {dataset.GreyDiff, []int{3, 8}}, {dataset.Diff, []int{1, 2, 3, 4, 5, 6, 7, 20}}, {dataset.GreyDiff, []int{1, 2, 3, 4, 5, 6, 7, 20}},
	} {
		m := testmodels.Random(t, testmodels.Frames(of.kind, of.lag...), uint64(k))
		site, err := Build(m, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range [][2]int{{37, 53}, {5, 6}, {8, 10}, {4, 90}, {1, 1}, {16, 10}} {
			name := fmt.Sprintf("%s-%s-%dx%d", of.kind, m.Config.Frame.Lag, size[0], size[1])
			c := testCase{filepath.Join(dir, name+".bin"), filepath.Join(dir, name+".rgba"), size[0], size[1], nil}
			for k := range m.Config.Steps {
				c.Steps = append(c.Steps, (2*k+1)*pictures/(2*m.Config.Steps)) // the middles of equal parts
			}
			var all []byte
			rng := rand.New(rand.NewPCG(uint64(len(cases)), 1))
			folder := filepath.Join(dir, name)
			if err := os.Mkdir(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			for i := range pictures {
				pic := picture(rng, size[0], size[1])
				all = append(all, pic.Pix...)
				f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%02d.png", i)))
				if err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(f, pic); err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
			for path, data := range map[string][]byte{c.Model: site.file("model.bin"), c.Pictures: all} {
				if err := os.WriteFile(path, data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			net, err := fdht.From(m)
			if err != nil {
				t.Fatal(err)
			}
			p, err := net.Predict(context.Background(), folder)
			if err != nil {
				t.Fatal(err)
			}
			wide := make([]float64, len(p.Logits))
			for i, z := range p.Logits {
				wide[i] = float64(z)
			}
			names, cases, want = append(names, name), append(cases, c), append(want, wide)
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
		var got [][2][]float32 // with older pictures given, and watched
		runNode(t, &got, "frames.mjs", filepath.Join("engine", engine), path)
		for i, name := range names {
			for _, logits := range got[i] {
				testutil.Close(t, engine+": "+name, logits, want[i], 1e-4)
			}
		}
	}
}

// picture is one with bright and dark patches.
func picture(rng *rand.Rand, h, w int) *image.NRGBA {
	pic := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range pic.Pix {
		pic.Pix[i] = byte(rng.IntN(256))
		if i%4 == 3 {
			pic.Pix[i] = 255
		}
	}
	return pic
}
