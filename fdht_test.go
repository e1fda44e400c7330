package fdht_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/video"
)

// tiny is an untrained model of grey+diff frames of 8x8 pixels, every number of it in use.
func tiny(t *testing.T, input string) *fdht.Model {
	t.Helper()
	in := dataset.Input{Kind: input, Height: 16, Width: 16, Lag: lags.List{2}}.WithDefaults()
	cfg := model.Config{
		Cell: "lstm", Input: in.Size(), Hidden: 8, Layers: 1, Pooling: "mean", Classes: []string{"a", "b", "c"}, Steps: 4,
		Structure:   factor.HTSpec([]int{in.Size()/16 + 1, 16}, []int{8, 4}, 3, 1),
		Frame:       &model.Frame{Height: 16, Width: 16, Channels: in.Channels(), Input: in.Kind, Lag: in.Lag, Gain: float64(in.Gain)},
		Standardise: &model.Standardise{Mean: []float64{0.2}, Std: []float64{0.3}},
	}
	f, err := model.New(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	m, err := fdht.From(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// clip writes a made clip of n frames as y4m and returns its name and grey frames as they are read back.
func clip(t *testing.T, n int) (path string, frames [][]byte) {
	t.Helper()
	made, err := dataset.NewMade(dataset.MadeOptions{Input: dataset.Input{Kind: dataset.Grey, Height: 16, Width: 16}, Frames: n, Test: 1, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "clip.y4m")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := video.NewY4MWriter(f, 10)
	for pix := made.Pixels(0); len(pix) > 0; pix = pix[256:] {
		if err := w.Write(video.Frame{Height: 16, Width: 16, Channels: 1, Pix: pix[:256]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for fr, err := range video.Frames(context.Background(), path, video.Options{Channels: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, append([]byte(nil), fr.Pix...))
	}
	return path, frames
}

// near holds logits to each other.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5*(1+math.Abs(float64(want[i]))) {
			t.Fatalf("%s: logits %v, want %v", what, got, want)
		}
	}
}

// TestStreamIsPredict: all frames of a file at once and one after another come to the same, also after a Reset, for every kind of input.
func TestStreamIsPredict(t *testing.T) {
	for _, input := range []string{dataset.Grey, dataset.Diff, dataset.GreyDiff} {
		m := tiny(t, input)
		path, frames := clip(t, 7)
		whole, err := m.PredictReading(context.Background(), path, fdht.Reading{Steps: -1})
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s.Reset()
			var p fdht.Prediction
			for _, f := range frames {
				if p, err = s.Step(f); err != nil {
					t.Fatal(err)
				}
			}
			near(t, input, p.Logits, whole.Logits)
			if p.Frames != 7 || whole.Frames != 7 || p.Label != whole.Label {
				t.Fatalf("%s: stream %+v, whole %+v", input, p, whole)
			}
		}
	}
}

func TestPredictTakesTheStepsOfTraining(t *testing.T) {
	m := tiny(t, dataset.Grey)
	path, frames := clip(t, 9)
	p, err := m.Predict(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float32
	for k := range 4 { // the middle of each of four segments
		row := make([]float32, 256)
		for i, v := range frames[(2*k+1)*9/8] {
			row[i] = float32(v) / 255
		}
		rows = append(rows, row)
	}
	want, err := m.PredictRows(rows)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "sampled", p.Logits, want.Logits)
	if p.Frames != 4 {
		t.Fatalf("%d frames, want 4", p.Frames)
	}
	sum := float32(0)
	for _, x := range p.Probs {
		sum += x
	}
	if math.Abs(float64(sum-1)) > 1e-5 || p.Top(5)[0] != p.Class || len(p.Top(5)) != 3 {
		t.Fatalf("probabilities %v, top %v, class %d", p.Probs, p.Top(5), p.Class)
	}
}

// Views of a clip are samplings with frames of their own; their probabilities are averaged.
func TestPredictViews(t *testing.T) {
	m := tiny(t, dataset.Grey)
	path, frames := clip(t, 9)
	mean := make([]float32, 3)
	for view := range 3 {
		var rows [][]float32
		for k := range 4 {
			row := make([]float32, 256)
			for i, v := range frames[(6*k+2*view+1)*9/24] {
				row[i] = float32(v) / 255
			}
			rows = append(rows, row)
		}
		p, err := m.PredictRows(rows)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range p.Probs {
			mean[i] += x / 3
		}
	}
	p, err := m.PredictReading(context.Background(), path, fdht.Reading{Views: 3})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean of three views", p.Probs, mean)
	if one, err := m.Predict(context.Background(), path); err != nil || slices.Equal(one.Probs, p.Probs) || p.Frames != 4 {
		t.Errorf("one view %v, three %v, of %d frames: %v", one.Probs, p.Probs, p.Frames, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := tiny(t, dataset.Diff)
	path, _ := clip(t, 8)
	want, err := m.Predict(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				p, err := m.Predict(context.Background(), path)
				if err != nil || p.Logits[0] != want.Logits[0] {
					t.Errorf("%v %v, want %v", p.Logits, err, want.Logits)
				}
				s, err := m.NewStream()
				if err == nil {
					_, err = s.StepRow(make([]float32, 256))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestErrors(t *testing.T) {
	m := tiny(t, dataset.Grey)
	path, _ := clip(t, 3)
	s, err := m.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	first := func(_ fdht.Prediction, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"short clip", first(m.Predict(context.Background(), path)), "has 3 frames, fewer than --steps 4"},
		{"all frames in views", first(m.PredictReading(context.Background(), path, fdht.Reading{Steps: -1, Views: 2})), "2 views, but all of it is taken"},
		{"too many views", first(m.PredictReading(context.Background(), path, fdht.Reading{Views: 1001})), "1001 views of a clip: want 1 to 1000"},
		{"no file", first(m.Predict(context.Background(), "nowhere.mp4")), "nowhere.mp4: no such file"},
		{"no rows", first(m.PredictRows(nil)), "no rows"},
		{"narrow row", first(m.PredictRows([][]float32{{1}})), "row 0 has 1 numbers, the model takes 256"},
		{"narrow step", first(s.StepRow([]float32{1})), "a row of 1 numbers, the model takes 256"},
		{"small frame", first(s.Step(make([]byte, 5))), "a frame of 5 bytes"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.name, c.err, c.want)
		}
	}
	if _, err := fdht.Load("nowhere.safetensors"); err == nil {
		t.Error("a model that is not there loads")
	}
	if p, err := m.PredictReading(context.Background(), path, fdht.Reading{Repeat: true}); err != nil || p.Frames != 4 {
		t.Errorf("with repeated frames: %v, %v", p.Frames, err)
	}
}

// TestTop: the largest first, equal ones in their order, as sorting all of them has it.
func TestTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var p fdht.Prediction
		var want []int
		for k := range 1 + rng.IntN(9) {
			p.Logits = append(p.Logits, float32(rng.IntN(5)))
			want = append(want, k)
		}
		slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(p.Logits[b], p.Logits[a]) })
		for n := range 11 {
			if got := p.AppendTop([]int{7}, n); !slices.Equal(got[1:], want[:min(n, len(want))]) || got[0] != 7 {
				t.Fatalf("%v: top %d %v, want %v", p.Logits, n, got, want)
			}
		}
	}
}
