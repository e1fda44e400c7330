package train

import (
	"context"
	"math"
	"slices"
	"testing"
)

func TestBell(t *testing.T) {
	const n = 1 << 18
	var sum, squares, fourth, within float64
	for i := range n {
		x := float64(bell(splitmix(uint64(i))))
		if math.Abs(x) > 3.5 {
			t.Fatalf("number %d is %v", i, x)
		}
		sum, squares, fourth = sum+x, squares+x*x, fourth+x*x*x*x
		if math.Abs(x) < 1 {
			within++
		}
	}
	// of a normal number 68.3 % are within one deviation; the fourth moment of a sum of four even ones is 2.7, not 3
	if mean, dev := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.01 || math.Abs(dev-1) > 0.01 || math.Abs(fourth/n-2.7) > 0.05 || math.Abs(within/n-0.683) > 0.02 {
		t.Errorf("mean %v, deviation %v, fourth moment %v, %v within one deviation", mean, dev, fourth/n, within/n)
	}
	if least, most := bell(0), bell(math.MaxUint64); least != -most || most < 3.4 {
		t.Errorf("from %v to %v", least, most)
	}
}

// A row with noise is the same however often it is loaded, another one for each clip, epoch, row and seed, and without noise where clips are measured.
func TestNoise(t *testing.T) {
	src := &made{clips: 2, classes: 2, width: 400}
	load := func(deviation float64, d Draw, i, row int) []float32 {
		l := newLoader(src, 1, 1, nil, 0)
		l.noise = deviation
		for b, err := range l.batches(context.Background(), []int{i}, d) {
			if err != nil {
				t.Fatal(err)
			}
			x, again := make([]float32, src.width), make([]float32, src.width)
			b.seqs[0].Load(x, row)
			b.seqs[0].Load(again, row)
			if !slices.Equal(x, again) {
				t.Fatal("a row is not twice the same")
			}
			return x
		}
		return nil
	}
	// noise alone: what a row has with it less what it has without
	noise := func(d Draw, i, row int) []float32 {
		x, plain := load(0.5, d, i, row), load(0, d, i, row)
		for k := range x {
			x[k] -= plain[k]
		}
		return x
	}
	base := Draw{Train: true, Seed: 1}
	first := noise(base, 0, 0)
	if dev := Norm(first) / math.Sqrt(float64(len(first))); math.Abs(dev-0.5) > 0.06 {
		t.Errorf("deviation %v, want 0.5", dev)
	}
	for name, other := range map[string][]float32{
		"row":   noise(base, 0, 1),
		"clip":  noise(base, 1, 0),
		"epoch": noise(Draw{Train: true, Seed: 1, Epoch: 1}, 0, 0),
		"seed":  noise(Draw{Train: true, Seed: 2}, 0, 0),
	} {
		var together float64
		for k := range first {
			together += float64(first[k]) * float64(other[k])
		}
		if r := together / (Norm(first) * Norm(other)); math.Abs(r) > 0.2 { // four deviations of 400 numbers
			t.Errorf("noise of another %s: correlation %v", name, r)
		}
	}
	measured := Draw{Seed: 1}
	if !slices.Equal(load(0.5, measured, 0, 0), load(0, measured, 0, 0)) {
		t.Error("a clip that is measured has noise")
	}
}

func TestNoiseTrains(t *testing.T) {
	o := testOptions(t)
	plain, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o = testOptions(t)
	o.Noise = 0.5
	with, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := plain.History[0].TrainLoss, with.History[0].TrainLoss; a == b {
		t.Errorf("noise changes nothing: loss %v", a)
	}
	for _, workers := range []int{1, 3} {
		o = testOptions(t)
		o.Noise, o.Workers, o.Loaders = 0.5, workers, workers
		again, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(again.History, with.History, func(a, b Epoch) bool { return a.TrainLoss == b.TrainLoss }) {
			t.Errorf("%d workers: other losses", workers)
		}
	}
}
