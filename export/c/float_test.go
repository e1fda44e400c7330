package c

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
)

// stream gives the logits after every step, from rows or from frames.
func stream(t *testing.T, f *model.File, rows [][]float32, frames [][]byte) []float32 {
	t.Helper()
	m, err := fdht.From(f)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	step := func(p fdht.Prediction, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Logits...)
	}
	for _, r := range rows {
		step(s.StepRow(r))
	}
	for _, r := range frames {
		step(s.Step(r))
	}
	return out
}

// TestFloat: every sort of model, whole rows and parts, few and many blocks, in an engine that loads them, gives our logits.
func TestFloat(t *testing.T) {
	const steps = 4
	found := compilers(t)
	var in bytes.Buffer
	var names []string
	var want [][]float32
	all := testmodels.All(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		for part, memory := range []int{0, 1, 400} {
			b, err := FloatBuild(f, memory)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			fd := feed{program: b.Program, weights: b.Weights, biases: b.Biases, numbers: b.Numbers, layout: b.Layout,
				classes: len(f.Config.Classes), steps: steps, row: f.Config.Input, part: 7 * part}
			rows := testmodels.Rows(f.Config, steps, 1)
			fd.rows = slices.Concat(rows...)
			fd.write(t, &in)
			names, want = append(names, name), append(want, stream(t, f, rows, nil))
			if px := b.program.Pixels; px.Rule != 0 {
				frames := testmodels.Bytes(px.Frame, steps, 2)
				fd.rows, fd.lag, fd.row = slices.Concat(frames...), px.Lag, px.Frame
				fd.write(t, &in)
				names, want = append(names, name+" bytes"), append(want, stream(t, f, nil, frames))
			}
		}
	}
	header, source := Engine(Float)
	for _, cc := range found {
		out := bytes.NewReader(run(t, host(t, cc, header, source, sanitised...), bytes.NewReader(in.Bytes())))
		for i, w := range want {
			got := make([]float32, len(w))
			if err := binary.Read(out, binary.NativeEndian, got); err != nil {
				t.Fatal(err)
			}
			if d := farthest(got, w); !(d < 1e-5) {
				t.Errorf("%s, %s: logits %v, want %v", cc, names[i], got, w)
			}
		}
		if out.Len() > 0 || len(want) < 150 {
			t.Errorf("%s: %d bytes over, %d models", cc, out.Len(), len(want))
		}
	}
}

func farthest(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		if v := math.Abs(float64(a[i] - b[i])); !(v <= d) {
			d = v
		}
	}
	return d
}
