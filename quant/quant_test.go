package quant

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
	"pgregory.net/rapid"
)

// quantised makes integers of a model, calibrated on the rows it is then tried on.
func quantised(t testing.TB, f *model.File, rows testmodels.Sequence, o Options) *Model {
	t.Helper()
	m, err := Quantise(f, []rnn.Sequence{rows}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func forward(m *Model, rows testmodels.Sequence) []float32 {
	logits := make([]float32, len(m.Config.Classes))
	m.NewRunner(2).Forward(logits, []rnn.Sequence{rows})
	return logits
}

// TestClose: integers give about the logits of the floats, 16 bits much closer than 8.
func TestClose(t *testing.T) {
	all := testmodels.All(t)
	sum := map[int]float64{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		rows := testmodels.Rows(f.Config, 6, 1)
		want := testmodels.Logits(t, f, rows)[len(rows)-1]
		for bits, tol := range map[int]float64{16: 2e-3, 8: 0.15} {
			got := forward(quantised(t, f, rows, Options{Bits: bits}), rows)
			for i, w := range want {
				d := math.Abs(float64(got[i] - w))
				sum[bits] += d
				if !(d < tol) {
					t.Errorf("%s, %d bits: logits %v, want %v", name, bits, got, want)
					break
				}
			}
		}
	}
	if !(sum[16]*50 < sum[8]) || sum[16] == 0 {
		t.Errorf("16 bits are off by %g in all, 8 bits by %g", sum[16], sum[8])
	}
}

// TestFile: a file gives the model back, to the bit.
func TestFile(t *testing.T) {
	all := testmodels.All(t)
	for n, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		rows := testmodels.Rows(f.Config, 3, 1)
		m := quantised(t, f, rows, Options{Bits: 8 << (n % 2), HeadRank: n % 3, Memory: 300})
		var b, again bytes.Buffer
		if err := m.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if !IsQuantised(b.Bytes()) {
			t.Errorf("%s: the file is not known again", name)
		}
		back, err := Decode(b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := back.Encode(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("%s: written again it is another file: %v", name, err)
		}
		if got, want := forward(back, rows), forward(m, rows); !slices.Equal(got, want) {
			t.Errorf("%s: logits %v after reading, %v before", name, got, want)
		}
		if _, err := model.Decode(b.Bytes()); err == nil {
			t.Errorf("%s: the reader of floats takes it", name)
		}
	}
}

// small is the file of a small model.
func small(t testing.TB) []byte {
	t.Helper()
	f := testmodels.Random(t, testmodels.Frames("diff"), 1)
	var b bytes.Buffer
	if err := quantised(t, f, testmodels.Rows(f.Config, 2, 1), Options{Bits: 8, HeadRank: 1, Memory: 100}).Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// edited is a file with an edited text, of the settings or else of the config, and edited tensors.
func edited(t *testing.T, buf []byte, from, to string, tensors func([]safetensors.Tensor) []safetensors.Tensor) []byte {
	t.Helper()
	st, err := safetensors.Decode(buf)
	if err != nil {
		t.Fatal(err)
	}
	meta := maps.Clone(st.Metadata)
	key := keyQuant
	if !strings.Contains(meta[key], from) {
		key = keyConfig
	}
	if !strings.Contains(meta[key], from) {
		t.Fatalf("%q is not in %s", from, meta)
	}
	meta[key] = strings.Replace(meta[key], from, to, 1)
	list := slices.Clone(st.Tensors)
	if tensors != nil {
		list = tensors(list)
	}
	var b bytes.Buffer
	if err := safetensors.Encode(&b, meta, list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecodeErrors(t *testing.T) {
	buf := small(t)
	st, err := safetensors.Decode(buf)
	if err != nil {
		t.Fatal(err)
	}
	text := st.Metadata[keyQuant]
	between := func(a, b string) string {
		rest := text[strings.Index(text, a):]
		return rest[:strings.Index(rest, b)+len(b)]
	}
	for _, c := range []struct{ from, to, want string }{
		{`"bits":8`, `"bits":9`, "bits is 9: it is 8 or 16"},
		{between(`"input":`, ","), `"input":0,`, "input is 0: it is a scale, above 0"},
		{between(`"bias_shift":`, ","), `"bias_shift":15,`, "bias_shift is 15: it goes from 0 to 14"},
		{`"head_rank":1`, `"head_rank":3`, "head_rank is 3: it goes from 0, none, to 2"},
		{between(`"head_shift":`, ","), `"head_shift":-1,`, "a shift is -1: it goes from 0 to 40"},
		{`"head_rank":1,`, ``, "tensor head.weight of shape [2 12] is missing"},
		{`"bits":8,`, `"bits":8,"colour":1,`, `unknown field "colour"`},
		{text, text + "x", "text follows"},
		{text, "{}", "bits is 0"},
		{between(`"cell.0.leaf.0":`, ","), ``, "the scale of cell.0.leaf.0 is 0: it must be above 0"},
		{between(`{"box"`, ","), `{"box":7,`, "blocks of 7 columns: the matrix cannot be cut so"},
		{between(`"order":[`, ","), `"order":[9,`, "want each of 5 factors once"},
		{between(`"shifts":[[`, ","), `"shifts":[[1,2,`, "shifts more than steps"},
		{between(`"shifts":[[`, ","), `"shifts":[[`, "fewer shifts than steps"},
		{between(`"input":`, ","), `"input":1e-300,`, "input is 1e-300: a row times 1 / input is no float32"},
		{`"input":"diff"`, `"input":"*/ x"`, `fdht.config: input "*/ x": want rgb, grey, diff or grey+diff`},
	} {
		_, err := Decode(edited(t, buf, c.from, c.to, nil))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %q", c.to, c.from, err, c.want)
		}
	}
	for want, edit := range map[string]func([]safetensors.Tensor) []safetensors.Tensor{
		"tensor cell.0.leaf.0 of shape": func(v []safetensors.Tensor) []safetensors.Tensor { return v[1:] },
		"the file has 11 tensors, the config wants 10": func(v []safetensors.Tensor) []safetensors.Tensor {
			return append(v, safetensors.Tensor{Name: "x", DType: safetensors.I8, Shape: []int{1}, Data: []byte{1}})
		},
		"tensor cell.0.leaf.0 is U8 of": func(v []safetensors.Tensor) []safetensors.Tensor { v[0].DType = safetensors.U8; return v },
		"tensor head.scale: want F32 of": func(v []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(v, func(t safetensors.Tensor) bool { return t.Name == headScales })
		},
		"the scale of head.left is +Inf: ": func(v []safetensors.Tensor) []safetensors.Tensor {
			i := slices.IndexFunc(v, func(t safetensors.Tensor) bool { return t.Name == headScales })
			v[i].Data = []byte{0, 0, 0x80, 0x7f, 0, 0, 0x80, 0x7f}
			return v
		},
	} {
		if _, err := Decode(edited(t, buf, "", "", edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	largest := func(v []safetensors.Tensor) []safetensors.Tensor {
		i := slices.IndexFunc(v, func(t safetensors.Tensor) bool { return t.Name == headScales })
		v[i].Data = []byte{0, 0, 0x7f, 0x7f, 0, 0, 0x7f, 0x7f}
		return v
	}
	const want = "the scale of logit 0 is +Inf: the model's weights are too large for integers"
	if _, err := Decode(edited(t, buf, between(`"head_shift":`, ","), `"head_shift":40,`, largest)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	var float bytes.Buffer
	if err := testmodels.Random(t, testmodels.Frames("diff"), 1).Encode(&float); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(float.Bytes()); err == nil || !strings.Contains(err.Error(), `format "1"`) {
		t.Errorf("floats: %v", err)
	}
}

func TestQuantiseErrors(t *testing.T) {
	f := testmodels.Random(t, testmodels.Frames("diff"), 1)
	clips := []rnn.Sequence{testmodels.Rows(f.Config, 2, 1)}
	for _, c := range []struct {
		clips []rnn.Sequence
		o     Options
		want  string
	}{
		{clips, Options{Bits: 4}, "4 bits: choose 8 or 16"},
		{nil, Options{Bits: 8}, "no clips"},
		{clips, Options{Bits: 8, HeadRank: 3}, "head rank 3: it goes from 1 to 2"},
	} {
		if _, err := Quantise(f, c.clips, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	for _, p := range f.Net.Params() {
		if p.Name == "cell.0.bias" {
			p.Data[3] = 9000
		}
	}
	if _, err := Quantise(f, clips, Options{Bits: 8}); err == nil || !strings.Contains(err.Error(), "a bias of 9000 is too large") {
		t.Errorf("%v", err)
	}
	both := testmodels.Frames("diff")
	both.Bidirectional = true
	if _, err := Quantise(testmodels.Random(t, both, 1), clips, Options{Bits: 8}); err != program.ErrBidirectional {
		t.Errorf("both directions: %v", err)
	}
}

// TestEven: evening out slices leaves the matrix as it was and makes the largest elements of both slices at an axis equal.
func TestEven(t *testing.T) {
	specs := map[string]factor.Spec{
		"ht": factor.HTSpec([]int{3, 2, 4}, []int{2, 3, 2}, 3, 4), "tt": factor.TTSpec([]int{3, 2, 4}, []int{2, 3, 2}, 3),
		"tr": factor.TRSpec([]int{3, 2, 4}, []int{2, 3, 2}, 2), "bt": factor.BTSpec([]int{3, 2, 4}, []int{2, 3, 2}, 2, 2),
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(specs))).Draw(t, "kind")
		w, err := factor.New(specs[name])
		if err != nil {
			t.Fatal(err)
		}
		var values []value
		for _, p := range w.Params() {
			v := value{param: param{shape: p.Shape}}
			for i := range p.Data {
				p.Data[i] = rapid.Float32Range(-1, 1).Draw(t, "w") * float32(math.Pow(10, float64(i%5-2)))
				v.v = append(v.v, float64(p.Data[i]))
			}
			values = append(values, v)
		}
		before := slices.Clone(w.Materialize().Data)
		evenMatrix(w.Spec(), values)
		for i, p := range w.Params() {
			for k := range p.Data {
				p.Data[k] = float32(values[i].v[k])
			}
		}
		scale := 0.0
		for _, v := range before {
			scale = max(scale, math.Abs(float64(v)))
		}
		for i, v := range w.Materialize().Data {
			if math.Abs(float64(v-before[i])) > 1e-4*scale {
				t.Fatalf("%s: element %d is %g, it was %g", name, i, v, before[i])
			}
		}
		last := bondsOf(w.Spec())[len(bondsOf(w.Spec()))-1]
		for i := range values[last.a].shape[last.axisA] {
			x, y := sliceMax(&values[last.a], last.axisA, i), sliceMax(&values[last.b], last.axisB, i)
			if x > 0 && y > 0 && math.Abs(x-y) > 1e-9*x {
				t.Fatalf("%s: slices of %g and %g", name, x, y)
			}
		}
	})
}

// TestSplitHead: of full rank two matrices are the one; of less, the logits of states in a space of that size are kept, the mean by the bias.
func TestSplitHead(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const C, H, N = 5, 7, 40
	draw := func(n int) (v []float64) {
		for range n {
			v = append(v, rng.NormFloat64())
		}
		return v
	}
	values := []value{{param{name: "head.weight", shape: []int{C, H}}, draw(C * H)}, {param{name: "head.bias", shape: []int{C}}, draw(C)}}
	for rank := 1; rank <= C; rank++ {
		basis, mean := draw(rank*H), draw(H)
		var features [][]float64
		for range N {
			f := slices.Clone(mean)
			for r, x := range draw(rank) {
				for h := range f {
					f[h] += 10 * x * basis[r*H+h]
				}
			}
			features = append(features, f)
		}
		out, err := splitHead(values, features, rank)
		if err != nil {
			t.Fatal(err)
		}
		worst, size := 0.0, 0.0
		for _, f := range features {
			for c := range C {
				want, got := values[1].v[c], out[2].v[c]
				for h, x := range f {
					want += values[0].v[c*H+h] * x
					for r := range rank {
						got += out[0].v[c*rank+r] * out[1].v[r*H+h] * x
					}
				}
				worst, size = max(worst, math.Abs(got-want)), max(size, math.Abs(want))
			}
		}
		if tol := map[bool]float64{true: 1e-9, false: 0.1}[rank == C]; worst > tol*size {
			t.Errorf("rank %d: logits of up to %g are off by %g", rank, size, worst)
		}
	}
}

// TestTable: gates are off by no more than the text says.
func TestTable(t *testing.T) {
	e := &Engine{table: Table()}
	for x := int64(-10 << 16); x <= 10<<16; x += 77 {
		v := float64(x) / (1 << 16)
		if d := math.Abs(float64(e.tanh(x, SumBits))/(1<<15) - math.Tanh(v)); d > 6e-5 {
			t.Fatalf("tanh(%g) is off by %g", v, d)
		}
		if d := math.Abs(float64(e.sigmoid(x))/(1<<15) - 1/(1+math.Exp(-v))); d > 6e-5 {
			t.Fatalf("sigmoid(%g) is off by %g", v, d)
		}
	}
}

// TestManyClasses: a head of two matrices over more classes than one matrix of that size would be read of is read back.
func TestManyClasses(t *testing.T) {
	f := testmodels.Random(t, testmodels.Frames("diff"), 1)
	m := quantised(t, f, testmodels.Rows(f.Config, 2, 1), Options{Bits: 8, HeadRank: 1})
	const C = 450_000 // times H is more than the slack of a reader
	m.Config.Classes = nil
	for i := range C {
		m.Config.Classes = append(m.Config.Classes, strconv.FormatInt(int64(i), 36))
	}
	H, n := f.Config.Hidden, len(m.params)
	left, right, bias := &m.params[n-3], &m.params[n-2], &m.params[n-1]
	left.shape, left.data, left.scale = []int{C, 1}, make([]int16, C), slices.Repeat([]float64{1}, C)
	bias.shape, bias.data = []int{C}, make([]int16, C)
	left.data[C-1] = 1
	var b bytes.Buffer
	if err := m.Encode(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, head := back.Count(); head != 2*C+H || !slices.Equal(back.params[n-2].data, right.data) || back.params[n-3].data[C-1] != 1 {
		t.Errorf("the head read back has %d numbers, want %d", head, 2*C+H)
	}
}

// TestMultiplier: 15 bits are kept, and what has no 32-bit form is an error.
func TestMultiplier(t *testing.T) {
	for _, c := range []float64{0, 1e-9, 1.0 / 3, 1, 32766.9, 32767.999, 1e6, math.Inf(1), math.Inf(-1), math.NaN(), -1} {
		mult, shift, err := multiplier(c)
		if bad := !(c >= 0 && c < 1<<15-0.5); bad != (err != nil) {
			t.Errorf("%g: %d / 2^%d, %v", c, mult, shift, err)
		}
		if err == nil && (mult < 0 || mult > 1<<15 || shift < 0 || shift > 30 || !(math.Abs(math.Ldexp(float64(mult), -shift)-c) <= max(c/(1<<15), 1.0/(1<<31)))) {
			t.Errorf("%g: %d / 2^%d", c, mult, shift)
		}
	}
}
