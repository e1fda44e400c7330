package fdht_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// TestQuantised: a file of a model in integers predicts as package quant's engine does, to the bit: whole clips, streams of frames and of rows.
func TestQuantised(t *testing.T) {
	in := dataset.Input{Kind: dataset.Diff, Height: 16, Width: 16, Lag: lags.List{2}}.WithDefaults()
	c := testmodels.Frames(in.Kind)
	c.Frame = &model.Frame{Height: 16, Width: 16, Channels: 1, Input: in.Kind, Lag: in.Lag, Gain: float64(in.Gain)}
	c.Input, c.Structure.In = in.Size(), []int{10, 3, 9}
	clip, frames := clip(t, 7)
	live, err := dataset.NewLive(in)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(testmodels.Sequence, len(frames))
	for i, f := range frames {
		rows[i] = make([]float32, in.Size())
		if err := live.Load(rows[i], f); err != nil {
			t.Fatal(err)
		}
	}
	for _, bits := range []int{8, 16} {
		q, err := quant.Quantise(testmodels.Random(t, c, 4), []rnn.Sequence{rows}, quant.Options{Bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "q.safetensors")
		if err := q.Save(path); err != nil {
			t.Fatal(err)
		}
		m, err := fdht.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := m.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		row, err := m.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, 2)
		for range 2 {
			e := q.NewEngine()
			frame.Reset()
			row.Reset()
			for i, r := range rows {
				e.Step(r)
				e.Logits(want)
				a, err := frame.Step(frames[i])
				if err != nil {
					t.Fatal(err)
				}
				b, err := row.StepRow(r)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a.Logits, want) || !slices.Equal(b.Logits, want) || a.Frames != i+1 {
					t.Fatalf("%d bits, step %d: frame %+v, row %+v, want logits %v", bits, i, a, b, want)
				}
			}
		}
		p, err := m.PredictReading(context.Background(), clip, fdht.Reading{Steps: -1})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Logits, want) || p.Frames != 7 {
			t.Errorf("%d bits: the clip %+v, want logits %v", bits, p, want)
		}
	}
}
