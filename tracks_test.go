package fdht_test

import (
	"strings"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// TestTracks: tracks that step together come to what streams of their own come to, from different starts and after a Reset.
func TestTracks(t *testing.T) {
	models := map[string]*fdht.Model{"integers": tinyIntegers(t)}
	for _, input := range []string{dataset.Grey, dataset.Diff, dataset.GreyDiff} {
		models[input] = tiny(t, input)
	}
	for name, m := range models {
		t.Run(name, func(t *testing.T) {
			_, frames := clip(t, 12)
			s, err := m.NewStepper(3)
			if err != nil {
				t.Fatal(err)
			}
			var tracks []*fdht.Track
			var streams []*fdht.Stream
			for range 3 {
				track, err := m.NewTrack()
				if err != nil {
					t.Fatal(err)
				}
				stream, err := m.NewStream()
				if err != nil {
					t.Fatal(err)
				}
				tracks, streams = append(tracks, track), append(streams, stream)
			}
			for n := range 12 {
				now := tracks[min(n/3, 2):] // the last one is in every step
				if n == 8 {
					tracks[2].Reset()
					streams[2].Reset()
				}
				for i, track := range now {
					if err := track.Frame(frames[(n+5*i)%12]); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Step(now); err != nil {
					t.Fatal(err)
				}
				for i, track := range now {
					want, err := streams[3-len(now)+i].Step(frames[(n+5*i)%12])
					if err != nil {
						t.Fatal(err)
					}
					got := track.Prediction()
					if got.Label != want.Label || got.Frames != want.Frames {
						t.Fatalf("%s after %d frames, want %s after %d", got.Label, got.Frames, want.Label, want.Frames)
					}
					near(t, "logits", got.Logits, want.Logits)
					near(t, "probabilities", got.Probs, want.Probs)
				}
			}
			if n := testing.AllocsPerRun(20, func() {
				for _, track := range tracks {
					if err := track.Frame(frames[0]); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Step(tracks); err != nil {
					t.Fatal(err)
				}
			}); n > 0 {
				t.Errorf("a step allocates %v times", n)
			}
		})
	}
}

func tinyIntegers(t *testing.T) *fdht.Model {
	t.Helper()
	_, frames := clip(t, 12)
	cfg := tiny(t, dataset.Grey).Config()
	f, err := model.New(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	var rows testmodels.Sequence
	for _, frame := range frames {
		row := make([]float32, len(frame))
		for i, v := range frame {
			row[i] = float32(v) / 255
		}
		rows = append(rows, row)
	}
	q, err := quant.Quantise(f, []rnn.Sequence{rows}, quant.Options{Bits: 8})
	if err != nil {
		t.Fatal(err)
	}
	m, err := fdht.FromQuantised(q)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTracksErrors(t *testing.T) {
	m := tiny(t, dataset.Grey)
	s, err := m.NewStepper(2)
	if err != nil {
		t.Fatal(err)
	}
	track := func(m *fdht.Model) *fdht.Track {
		track, err := m.NewTrack()
		if err != nil {
			t.Fatal(err)
		}
		return track
	}
	a, b, other := track(m), track(m), track(tiny(t, dataset.Grey))
	frame := make([]byte, 256)
	for _, one := range []*fdht.Track{a, other} {
		if err := one.Frame(frame); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := model.New(model.Config{Cell: "gru", Input: 8, Hidden: 2, Layers: 1, Pooling: "last", Classes: []string{"a", "b"}, Structure: factor.DenseSpec(6, 10)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	features, err := fdht.From(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{s.Step([]*fdht.Track{a, b, a}), "a step of 3 tracks, the stepper is for 2"},
		{s.Step([]*fdht.Track{a, a}), "track 1 is there twice"},
		{s.Step([]*fdht.Track{a, b}), "track 1 has nothing to take"},
		{s.Step([]*fdht.Track{a, other}), "track 1 is another model's"},
		{a.Frame(frame[:7]), "a frame of 7 bytes, want 16x16x1"},
		{a.Row(make([]float32, 256)), "use Frame"},
		{track(features).Frame(frame), "use Row"},
		{track(features).Row(make([]float32, 7)), "a row of 7 numbers, the model takes 8"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, want %q", c.err, c.want)
		}
	}
	if a.Prediction().Frames != 0 {
		t.Error("a step that failed was taken")
	}
	if err := s.Step([]*fdht.Track{a}); err != nil {
		t.Error(err)
	}
}
