package c

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/video"
)

// realFrames are the first frames of a clip of the data kept beside the project.
func realFrames(t *testing.T, height, width, count int) (frames [][]byte) {
	t.Helper()
	root := os.Getenv("FDHT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	clip := filepath.Join(root, "data", "utd-mhad", "depth", "03_wave", "a3_s2_t1.mp4")
	if _, err := os.Stat(clip); err != nil {
		t.Skip("skipped: no shared data (utd-mhad/depth)")
	}
	if _, err := video.FFmpegPath(video.Options{}); err != nil {
		t.Skip("skipped: no ffmpeg")
	}
	for f, err := range video.Frames(context.Background(), clip, video.Options{Height: height, Width: width, Channels: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) == count {
			break
		}
		frames = append(frames, slices.Clone(f.Pix))
	}
	return frames
}

// TestRealClip: a network of the size of the experiments on a real clip, fed line by line: floats as package rnn, integers to the bit as package quant.
func TestRealClip(t *testing.T) {
	found := compilers(t)
	frames := realFrames(t, 120, 160, 12)
	f := testmodels.Random(t, model.Config{
		Cell: "lstm", Input: 19200, Hidden: 256, Layers: 1, Classes: []string{"a", "b", "c"}, Pooling: "mean", Structure: factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8),
		Frame: &model.Frame{Height: 120, Width: 160, Channels: 1, Input: "diff", Lag: lags.List{5}, Gain: 4}, Standardise: &model.Standardise{Mean: []float64{0.01}, Std: []float64{0.1}},
	}, 1)
	rows := rowsOf(t, f.Config, frames)
	b, err := FloatBuild(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	fd := feed{program: b.Program, weights: b.Weights, biases: b.Biases, numbers: b.Numbers, layout: b.Layout,
		classes: 3, steps: len(frames), row: len(frames[0]), part: 160, lag: lags.List{5}, rows: slices.Concat(frames...)}
	floats := clipLogits(t, found[0], Float, fd, 3*len(frames))
	if d := farthest(floats, stream(t, f, nil, frames)); !(d < 1e-5) {
		t.Errorf("floats are off by %g", d)
	}
	m, err := quant.Quantise(f, []rnn.Sequence{rows}, quant.Options{Bits: 8, Memory: 1})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = IntBuild(m); err != nil {
		t.Fatal(err)
	}
	fd.program, fd.weights, fd.biases, fd.numbers, fd.layout = b.Program, narrow(b.IntWeights, Int8), b.IntBiases, b.Numbers, b.Layout
	want := engine(m, rows)
	if got := clipLogits(t, found[len(found)-1], b.Arithmetic, fd, len(want)); !slices.Equal(got, want) {
		t.Errorf("integers: %v, want %v", got, want)
	}
	if d := farthest(floats, want); !(d < 0.1) {
		t.Errorf("integers are off by %g", d)
	}
}

// clipLogits runs one model of a host.
func clipLogits(t *testing.T, cc string, a Arithmetic, fd feed, count int) []float32 {
	t.Helper()
	header, source := Engine(a)
	var in bytes.Buffer
	fd.write(t, &in)
	got := make([]float32, count)
	if err := binary.Read(bytes.NewReader(run(t, host(t, cc, header, source, "-O2"), &in)), binary.NativeEndian, got); err != nil {
		t.Fatal(err)
	}
	return got
}
