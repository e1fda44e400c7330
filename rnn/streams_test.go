package rnn

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
)

// TestStepper steps sequences that begin at different times and rest at different times, several at once, and compares each with a Stream of its own.
func TestStepper(t *testing.T) {
	for name, cfg := range configs(t) {
		if cfg.Bidirectional {
			continue
		}
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			m := fresh(t, cfg, 3)
			r := m.NewRunner(1)
			const all, most = 7, 5
			s, err := r.NewStepper(most)
			if err != nil {
				t.Fatal(err)
			}
			states, streams := make([]*State, all), make([]*Stream, all)
			for i := range all {
				if states[i], err = r.NewState(); err != nil {
					t.Fatal(err)
				}
				if streams[i], err = r.NewStream(); err != nil {
					t.Fatal(err)
				}
			}
			C := cfg.Classes
			logits, want := make([]float32, most*C), make([]float32, C)
			for range 30 {
				some := rng.Perm(all)[:1+rng.IntN(most)]
				if one := some[0]; rng.IntN(4) == 0 { // a sequence begins anew
					states[one].Reset()
					streams[one].Reset()
				}
				x := factor.Matrix{Data: random(rng, len(some)*cfg.Input), Stride: cfg.Input}
				before := slices.Clone(x.Data)
				var now []*State
				for _, i := range some {
					now = append(now, states[i])
				}
				s.Step(logits, now, x)
				if !slices.Equal(before, x.Data) {
					t.Fatal("the input was changed")
				}
				for b, i := range some {
					streams[i].Step(want, x.Data[b*cfg.Input:][:cfg.Input])
					if states[i].Steps() != streams[i].Steps() {
						t.Fatalf("%d steps, want %d", states[i].Steps(), streams[i].Steps())
					}
					for k, z := range logits[b*C : (b+1)*C] {
						if d := math.Abs(float64(z - want[k])); !(d <= 2e-5*(1+math.Abs(float64(want[k])))) {
							t.Fatalf("logits %v of sequence %d after %d steps, want %v", logits[b*C:(b+1)*C], i, states[i].Steps(), want)
						}
					}
				}
			}
			if cfg.Structure.Kind == factor.Dense && testing.Short() {
				return
			}
			x := factor.Matrix{Data: random(rng, most*cfg.Input), Stride: cfg.Input}
			rows := factor.Rows(x)
			if n := testing.AllocsPerRun(20, func() { s.Step(logits, states[:most], rows) }); n > 0 {
				t.Errorf("a step of %d sequences allocates %v times", most, n)
			}
		})
	}
}

// TestStepperSame checks that a sequence's numbers do not depend on what others step with it, as long as their number stays the same.
func TestStepperSame(t *testing.T) {
	cfg := configs(t)["d4-2-layers"]
	m := fresh(t, cfg, 3)
	r := m.NewRunner(1)
	s, err := r.NewStepper(4)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	row := random(rng, cfg.Input)
	var first []float32
	for place := range 4 {
		x := factor.Matrix{Data: random(rng, 4*cfg.Input), Stride: cfg.Input}
		copy(x.Data[place*cfg.Input:], row)
		states := make([]*State, 4)
		for i := range states {
			states[i], _ = r.NewState()
		}
		logits := make([]float32, 4*cfg.Classes)
		s.Step(logits, states, x)
		got := logits[place*cfg.Classes:][:cfg.Classes]
		if place == 0 {
			first = slices.Clone(got)
		} else if !slices.Equal(first, got) {
			t.Errorf("%v in place %d, %v in place 0", got, place, first)
		}
	}
}

func TestStepperMisuse(t *testing.T) {
	all := configs(t)
	both := fresh(t, all["lstm-ht-full-both=true"], 1).NewRunner(1)
	if _, err := both.NewStepper(2); !errors.Is(err, ErrBidirectional) {
		t.Errorf("stepper of a bidirectional network: %v", err)
	}
	if _, err := both.NewState(); !errors.Is(err, ErrBidirectional) {
		t.Errorf("state of a bidirectional network: %v", err)
	}
	r := fresh(t, all["d2"], 1).NewRunner(1)
	if _, err := r.NewStepper(0); err == nil || !strings.Contains(err.Error(), "0 sequences") {
		t.Errorf("a stepper of no sequences: %v", err)
	}
	s, _ := r.NewStepper(1)
	st, _ := r.NewState()
	other, _ := fresh(t, all["d2"], 1).NewRunner(1).NewState()
	for want, states := range map[string][]*State{"2 sequences, 1 at most": {st, st}, "another model's state": {other}} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, want) {
					t.Errorf("panic %q, want %q", p, want)
				}
			}()
			s.Step(make([]float32, 6), states, factor.Matrix{Data: make([]float32, 40), Stride: 20})
		}()
	}
}

func BenchmarkFrames64(b *testing.B) {
	cfg := paperConfig(4)
	r := fresh(b, cfg, 1).NewRunner(1)
	const B = 64
	s, err := r.NewStepper(B)
	if err != nil {
		b.Fatal(err)
	}
	states := make([]*State, B)
	for i := range states {
		if states[i], err = r.NewState(); err != nil {
			b.Fatal(err)
		}
	}
	x := factor.Rows(factor.Matrix{Data: paperClips(cfg, 1, B)[0].(matrix).data, Stride: cfg.Input})
	logits := make([]float32, B*cfg.Classes)
	for b.Loop() {
		s.Step(logits, states, x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/B/1e3, "µs/frame")
}
