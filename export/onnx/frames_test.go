package onnx

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/video"
)

// frameModel is a model of frames of the given input and size, all its modes but the first fixed.
func frameModel(t testing.TB, in dataset.Input, s *model.Standardise) *model.File {
	in = in.WithDefaults()
	hidden, modes := 12, []int{1, in.Height, in.Width}
	for modes[0]*modes[1]*modes[2] < in.Size()+hidden {
		modes[0]++
	}
	return testmodels.Random(t, model.Config{
		Cell: rnn.LSTM, Input: in.Size(), Hidden: hidden, Layers: 1, Classes: []string{"up", "down"}, Pooling: rnn.PoolMean,
		Structure: factor.HTSpec(modes, []int{4, 3, 4}, 3, 4), Steps: 5, Standardise: s,
		Frame: &model.Frame{Height: in.Height, Width: in.Width, Channels: in.Channels(), Input: in.Kind, Lag: in.Lag, Gain: float64(in.Gain)},
	}, 5)
}

// film is the frames of a video, [N][H][W][C].
type film struct {
	in     dataset.Input
	frames [][]byte
}

// feed are the inputs of the frames picked, with the axes lead.
func (f film) feed(b *bench, name string, lead []int, picked ...int) map[string]feed {
	dims := slices.Concat(lead, []int{f.in.Height, f.in.Width, f.in.SourceChannels()})
	shifted := func(lag int) feed {
		var data []byte
		for _, n := range picked {
			data = append(data, f.frames[max(n-lag, 0)]...)
		}
		return b.tensor(dims, data)
	}
	feeds := map[string]feed{name: shifted(0)}
	for _, lag := range f.in.Lag.Values() {
		feed := "earlier"
		if f.in.Lag.Len() > 1 {
			feed = fmt.Sprintf("earlier_%d", lag)
		}
		feeds[feed] = shifted(lag)
	}
	return feeds
}

// sequence is what our engine reads of the frames picked.
func (f film) sequence(t *testing.T, picked ...int) rows {
	t.Helper()
	live, err := dataset.NewLive(f.in)
	if err != nil {
		t.Fatal(err)
	}
	seq := rows{width: f.in.Size()}
	row := make([]float32, f.in.Size())
	for n, frame := range f.frames {
		if err := live.Load(row, frame); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(picked, n) {
			seq.data = append(seq.data, row...)
		}
	}
	return seq
}

// compare adds all forms of a model of these frames.
func (f film) compare(b *bench, name string, m *model.File) {
	b.t.Helper()
	ours := newEngine(b.t, m)
	picked := []int{0, 2, 3, 5}
	seq := f.sequence(b.t, picked...)
	want := ours.logits(seq)
	b.add(name, m, Options{}, want, nil, f.feed(b, "frames", []int{1, len(picked)}, picked...))
	b.add(name+" rows", m, Options{Rows: true}, want, nil, map[string]feed{"x": b.tensor([]int{1, len(picked), seq.width}, seq.data)})
	var feeds []map[string]feed
	want = nil
	for n := range f.frames {
		feeds = append(feeds, f.feed(b, "frame", []int{1}, n))
		all := f.sequence(b.t, []int{0, 1, 2, 3, 4, 5}[:n+1]...)
		want = append(want, ours.logits(all)...)
	}
	b.add(name+" stream", m, Options{Stream: true}, want, []int{1, stateSize(m.Net.Config())}, feeds...)
}

// TestRuntimeFrames: bytes of every kind of frames, whole and step by step, as the rows that our engine makes of them.
func TestRuntimeFrames(t *testing.T) {
	modules(t)
	b := &bench{t: t, dir: t.TempDir()}
	for _, in := range []dataset.Input{
		{Kind: dataset.RGB}, {Kind: dataset.Grey}, {Kind: dataset.Diff, Lag: lags.List{2}}, {Kind: dataset.GreyDiff, Lag: lags.List{2}},
		{Kind: dataset.Diff, Lag: lags.List{1, 3}}, {Kind: dataset.GreyDiff, Lag: lags.List{1, 2, 4}},
	} {
		in.Height, in.Width = 16, 20
		in = in.WithDefaults()
		kind := in.Kind + in.Lag.String()
		made, err := dataset.NewMade(dataset.MadeOptions{Input: in, Frames: 6, Train: 1, Val: 1, Test: 1})
		if err != nil {
			t.Fatal(err)
		}
		f := film{in: in, frames: slices.Collect(slices.Chunk(made.Pixels(0), in.Height*in.Width*in.SourceChannels()))}
		each := &model.Standardise{}
		for i := range in.Size() {
			each.Mean, each.Std = append(each.Mean, float64(i%5)/7), append(each.Std, 0.2+float64(i%3)/4)
		}
		f.compare(b, kind, frameModel(t, in, nil))
		f.compare(b, kind+" standardised", frameModel(t, in, &model.Standardise{Mean: []float64{0.4}, Std: []float64{0.2}}))
		f.compare(b, kind+" each standardised", frameModel(t, in, each))
	}
	b.check()
}

// TestRuntimeVideo: a depth video, as the network of docs/results/utd-mhad.md sees it.
func TestRuntimeVideo(t *testing.T) {
	modules(t)
	root := os.Getenv("FDHT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	clips, _ := filepath.Glob(filepath.Join(root, "data", "utd-mhad", "depth", "*", "*"))
	if len(clips) == 0 {
		t.Skip("skipped: no shared data (utd-mhad)")
	}
	in := dataset.Input{Kind: dataset.Diff, Height: 120, Width: 160, Lag: lags.List{5}}.WithDefaults()
	f := film{in: in}
	for v, err := range video.Frames(context.Background(), clips[0], video.Options{Height: in.Height, Width: in.Width, Channels: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		f.frames = append(f.frames, slices.Clone(v.Pix))
	}
	m := frameModel(t, in, &model.Standardise{Mean: []float64{0.01}, Std: []float64{0.2}})
	b := &bench{t: t, dir: t.TempDir()}
	var feeds []map[string]feed
	ours := newEngine(t, m)
	var want []float32
	var picked []int
	for n := range f.frames {
		picked = append(picked, n)
		feeds = append(feeds, f.feed(b, "frame", []int{1}, n))
	}
	all := f.sequence(t, picked...)
	for n := range f.frames {
		want = append(want, ours.logits(rows{all.data[:(n+1)*all.width], all.width})...)
	}
	b.add("video stream", m, Options{Stream: true}, want, []int{1, stateSize(m.Net.Config())}, feeds...)
	last := want[len(want)-len(m.Config.Classes):]
	b.add("video", m, Options{}, last, nil, f.feed(b, "frames", []int{1, len(picked)}, picked...))
	if math.Abs(float64(last[0])-float64(want[0])) < 1e-3 {
		t.Error("the video makes no difference to the logits")
	}
	b.check()
}
