package c

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// engine gives the logits after every step of the Go engine.
func engine(m *quant.Model, rows [][]float32) []float32 {
	e := m.NewEngine()
	var out []float32
	logits := make([]float32, len(m.Config.Classes))
	for _, r := range rows {
		e.Step(r)
		e.Logits(logits)
		out = append(out, logits...)
	}
	return out
}

// rowsOf are the rows that frames become.
func rowsOf(t *testing.T, c model.Config, frames [][]byte) testmodels.Sequence {
	t.Helper()
	f := c.Frame
	live, err := dataset.NewLive(dataset.Input{Kind: f.Input, Height: f.Height, Width: f.Width, Lag: f.Lag, Gain: float32(f.Gain)})
	if err != nil {
		t.Fatal(err)
	}
	rows := make(testmodels.Sequence, len(frames))
	for i, frame := range frames {
		rows[i] = make([]float32, c.Input)
		if err := live.Load(rows[i], frame); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// TestFixed: every sort of model in 8 and 16 bits has bit for bit the logits of the Go engine, from rows, parts of rows and bytes, also where activations
// are far beyond what the calibration saw.
func TestFixed(t *testing.T) {
	found := compilers(t)
	const steps = 4
	in := map[Arithmetic]*bytes.Buffer{}
	want := map[Arithmetic][][]float32{}
	names := map[Arithmetic][]string{}
	all := testmodels.All(t)
	for n, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		rows := testmodels.Rows(f.Config, steps, 1)
		for i, o := range []quant.Options{{Bits: 8}, {Bits: 16, Memory: 1}, {Bits: 8, HeadRank: 2, Memory: 400}} {
			m, err := quant.Quantise(f, []rnn.Sequence{rows}, o)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			b, err := IntBuild(m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			a := b.Arithmetic
			if n%5 == 0 && a == Int8 {
				a = Int8Wide
			}
			if in[a] == nil {
				in[a] = new(bytes.Buffer)
			}
			fd := feed{program: b.Program, weights: narrow(b.IntWeights, a), biases: b.IntBiases, numbers: b.Numbers, layout: b.Layout,
				classes: len(f.Config.Classes), steps: steps, row: f.Config.Input, part: 5 * i}
			fed := rows
			if n%3 == 1 {
				fed = louder(rows)
			}
			fd.rows = slices.Concat(fed...)
			fd.write(t, in[a])
			want[a], names[a] = append(want[a], engine(m, fed)), append(names[a], name)
			if px := b.program.Pixels; px.Rule != 0 {
				frames := testmodels.Bytes(px.Frame, steps, 2)
				fd.rows, fd.lag, fd.row = slices.Concat(frames...), px.Lag, px.Frame
				fd.write(t, in[a])
				want[a], names[a] = append(want[a], engine(m, rowsOf(t, f.Config, frames))), append(names[a], name+" bytes")
			}
		}
	}
	for i, a := range []Arithmetic{Int8, Int8Wide, Int16} {
		if len(want[a]) < 10 {
			t.Errorf("arithmetic %d: %d models", a, len(want[a]))
		}
		header, source := Engine(a)
		checkFixed(t, host(t, found[i%len(found)], header, source, sanitised...), in[a].Bytes(), want[a], names[a])
		for _, cc := range found { // as it is shipped
			checkFixed(t, host(t, cc, header, source, "-O2"), in[a].Bytes(), want[a], names[a])
		}
	}
}

// checkFixed runs all models on a host and expects their logits to the bit.
func checkFixed(t *testing.T, exe string, in []byte, want [][]float32, names []string) {
	t.Helper()
	out := bytes.NewReader(run(t, exe, bytes.NewReader(in)))
	for i, w := range want {
		got := make([]float32, len(w))
		if err := binary.Read(out, binary.NativeEndian, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, w) {
			t.Errorf("%s, %s: logits %v, want %v", exe, names[i], got, w)
		}
	}
	if out.Len() > 0 {
		t.Errorf("%s: %d bytes over", exe, out.Len())
	}
}

// louder are rows of much larger numbers.
func louder(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows))
	for t, r := range rows {
		for i, v := range r {
			out[t] = append(out[t], (v-0.5)*float32(int(1)<<(4*t+i%7)))
		}
	}
	return out
}

// narrow gives weights in the type that they have in C.
func narrow(v []int16, a Arithmetic) any {
	if a == Int16 {
		return v
	}
	out := make([]int8, len(v))
	for i, x := range v {
		out[i] = int8(x)
	}
	return out
}
