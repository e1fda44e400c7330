package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// torchCase is a network of testdata/torch_cells.json with PyTorch's weights and hidden states.
type torchCase struct {
	Cell          string
	Layers        int
	Bidirectional bool
	Input, Hidden int
	Lengths       []int
	X, H          []float64
	Weights       map[string][]float64
}

func torchCases(t testing.TB) []torchCase {
	b, err := os.ReadFile(filepath.Join(testutil.Root(), "testdata", "torch_cells.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Cases []torchCase }
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Cases) == 0 {
		t.Fatal("testdata/torch_cells.json has no cases")
	}
	return doc.Cases
}

// outputs is D H.
func (c torchCase) outputs() int {
	if c.Bidirectional {
		return 2 * c.Hidden
	}
	return c.Hidden
}

// stateDict is a state dict of the case with a classifier that hands the states through, in elements of type d.
func (c torchCase) stateDict(prefix string, d safetensors.DType) []safetensors.Tensor {
	var out []safetensors.Tensor
	add := func(name string, shape []int, v []float64) {
		out = append(out, safetensors.Tensor{Name: name, DType: d, Shape: shape, Data: torchBytes(d, v)})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Weights)) {
		v := c.Weights[name]
		shape := []int{len(v)}
		rows := len(c.Weights["bias_ih_l0"])
		if strings.HasPrefix(name, "weight") {
			shape = []int{rows, len(v) / rows}
		}
		add(prefix+name, shape, v)
	}
	n := c.outputs()
	eye := make([]float64, n*n)
	for i := range n {
		eye[i*n+i] = 1
	}
	add("fc.weight", []int{n, n}, eye)
	add("fc.bias", []int{n}, make([]float64, n))
	add("conv.weight", []int{1, 2, 3}, make([]float64, 6))
	return out
}

func torchBytes(d safetensors.DType, v []float64) []byte {
	var b []byte
	for _, x := range v {
		switch bits := math.Float32bits(float32(x)); d {
		case safetensors.F64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		case safetensors.BF16:
			b = binary.LittleEndian.AppendUint16(b, uint16(bits>>16))
		case safetensors.F16: // numbers of the cases are normal in binary16
			half := uint16(bits>>16&0x8000) | uint16(bits>>13&0x3ff)
			if x != 0 {
				half |= uint16(int(bits>>23&0xff)-112) << 10
			}
			b = binary.LittleEndian.AppendUint16(b, half)
		default:
			b = binary.LittleEndian.AppendUint32(b, bits)
		}
	}
	return b
}

func writeTensors(t testing.TB, tensors []safetensors.Tensor) string {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Encode(&b, map[string]string{"format": "pt"}, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "torch.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

type sequence [][]float32

func (s sequence) Len() int                  { return len(s) }
func (s sequence) Load(dst []float32, t int) { copy(dst, s[t]) }

// logits runs the sequences of the case.
func (c torchCase) logits(m *rnn.Model) []float32 {
	var clips []rnn.Sequence
	x := c.X
	for _, n := range c.Lengths {
		var s sequence
		for range n {
			row := make([]float32, c.Input)
			for i := range row {
				row[i] = float32(x[i])
			}
			s, x = append(s, row), x[c.Input:]
		}
		clips = append(clips, s)
	}
	out := make([]float32, len(clips)*m.Config().Classes)
	m.NewRunner(len(clips)).Forward(out, clips)
	return out
}

// means are the means of PyTorch's hidden states over the steps.
func (c torchCase) means() []float64 {
	var out []float64
	h := c.H
	for _, n := range c.Lengths {
		mean := make([]float64, c.outputs())
		for range n {
			for i := range mean {
				mean[i] += h[i] / float64(n)
			}
			h = h[len(mean):]
		}
		out = append(out, mean...)
	}
	return out
}

func TestFromPyTorch(t *testing.T) {
	for _, c := range torchCases(t) {
		for d, tol := range map[safetensors.DType]float64{safetensors.F32: 2e-6, safetensors.F64: 2e-6, safetensors.F16: 5e-3, safetensors.BF16: 3e-2} {
			name := fmt.Sprintf("%s %d layers both %v %s", c.Cell, c.Layers, c.Bidirectional, d)
			path := writeTensors(t, c.stateDict("enc.rnn.", d))
			f, ignored, err := FromPyTorch(path, PyTorch{Pooling: "mean"})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if f.Config.Cell != c.Cell || f.Config.Bidirectional != c.Bidirectional || f.Config.Input != c.Input || f.Config.Hidden != c.Hidden || f.Config.Layers != c.Layers {
				t.Fatalf("%s: %+v", name, f.Config)
			}
			if !slices.Equal(ignored, []string{"conv.weight"}) {
				t.Errorf("%s: ignored %v", name, ignored)
			}
			testutil.CloseTo(t, name, c.logits(f.Net), c.means(), tol)
			if d != safetensors.F32 {
				continue
			}
			// out again, and in again: the same numbers
			prefix, again := "lstm.", filepath.Join(t.TempDir(), "again.safetensors")
			if err := f.SavePyTorch(again, PyTorch{Prefix: &prefix, Head: "out"}); err != nil {
				t.Fatal(err)
			}
			g, ignored, err := FromPyTorch(again, PyTorch{})
			if err != nil || len(ignored) > 0 {
				t.Fatalf("%s: %v %v", name, err, ignored)
			}
			if g.Config.Pooling != "mean" {
				t.Errorf("%s: pooling %s", name, g.Config.Pooling)
			}
			for i, p := range g.Net.Params() {
				if !slices.Equal(p.Data, f.Net.Params()[i].Data) {
					t.Errorf("%s: %s is not what it was", name, p.Name)
				}
			}
		}
	}
}

// A structured network comes out dense, with the same logits, whatever its scope.
func TestSavePyTorchOfStructures(t *testing.T) {
	rec := factor.TTSpec([]int{3, 2}, []int{6, 4}, 2)
	for _, s := range []factor.Spec{
		factor.HTSpec([]int{4, 3}, []int{6, 4}, 3, 3), factor.TTSpec([]int{2, 2}, []int{6, 4}, 3).WithScope(factor.Partial),
		factor.BTSpec([]int{2, 2}, []int{6, 4}, 2, 2).WithScope(factor.Split),
	} {
		cfg := Config{Cell: "lstm", Input: 4, Hidden: 6, Layers: 1, Structure: s, Classes: []string{"a", "b"}, Pooling: "last"}
		if s.Scope == factor.Split {
			cfg.Recurrent = &rec
		}
		f, err := New(cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "dense.safetensors")
		if err := f.SavePyTorch(path, PyTorch{}); err != nil {
			t.Fatal(err)
		}
		g, _, err := FromPyTorch(path, PyTorch{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.Config.Classes, cfg.Classes) {
			t.Errorf("classes %v", g.Config.Classes)
		}
		c := torchCases(t)[0]
		want := make([]float64, 0)
		for _, v := range c.logits(f.Net) {
			want = append(want, float64(v))
		}
		testutil.CloseTo(t, string(s.Kind), c.logits(g.Net), want, 1e-6)
	}
}

func TestFromPyTorchRefuses(t *testing.T) {
	c := torchCases(t)[0]
	change := func(f func([]safetensors.Tensor) []safetensors.Tensor) string {
		return writeTensors(t, f(c.stateDict("", safetensors.F32)))
	}
	without := func(name string) string {
		return change(func(all []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(all, func(t safetensors.Tensor) bool { return t.Name == name })
		})
	}
	reshaped := func(name string, shape ...int) string {
		return change(func(all []safetensors.Tensor) []safetensors.Tensor {
			for i := range all {
				if all[i].Name == name {
					all[i].Shape, all[i].Data = shape, make([]byte, 4*productOf(shape))
				}
			}
			return all
		})
	}
	with := func(more ...safetensors.Tensor) string {
		return change(func(all []safetensors.Tensor) []safetensors.Tensor { return append(all, more...) })
	}
	zeros := func(name string, shape ...int) safetensors.Tensor {
		return safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: shape, Data: make([]byte, 4*productOf(shape))}
	}
	huge := func() (out []safetensors.Tensor) { // biases that are numbers, and whose sum is not
		for _, name := range []string{"bias_ih_l0", "bias_hh_l0"} {
			b := zeros(name, 12)
			binary.LittleEndian.PutUint32(b.Data[16:], math.Float32bits(3e38))
			out = append(out, b)
		}
		return out
	}
	replaced := func(by ...safetensors.Tensor) string {
		return change(func(all []safetensors.Tensor) []safetensors.Tensor {
			for _, b := range by {
				all[slices.IndexFunc(all, func(t safetensors.Tensor) bool { return t.Name == b.Name })] = b
			}
			return all
		})
	}
	bad := zeros("bias_ih_l0", 12)
	binary.LittleEndian.PutUint32(bad.Data[8:], math.Float32bits(float32(math.Inf(1))))
	none := "x."
	for _, tc := range []struct {
		path, want string
		how        PyTorch
	}{
		{without("weight_ih_l0"), "no recurrent network: there is no tensor named weight_ih_l0, with or without a prefix", PyTorch{}},
		{without("weight_hh_l0"), "tensor weight_hh_l0 is missing", PyTorch{}},
		{without("bias_hh_l0"), "one of the tensors bias_ih_l0 and bias_hh_l0 is missing", PyTorch{}},
		{without("fc.weight"), `which tensors are the classifier: the matrices with 3 columns are none: name one, or "none"`, PyTorch{}},
		{with(zeros("fc2.weight", 5, 3)), `which tensors are the classifier: the matrices with 3 columns are "fc", "fc2": name one, or "none"`, PyTorch{}},
		{with(), `no tensor out.weight for the classifier: the matrices with 3 columns are "fc"`, PyTorch{Head: "out"}},
		{with(zeros("out.weight", 3, 4)), `tensor out.weight has shape [3,4]: the classifier's has 3 columns`, PyTorch{Head: "out"}},
		{with(), "no classifier and no classes: name the classes", PyTorch{Head: "none"}},
		{with(), "2 classes are named, the classifier has 3", PyTorch{Classes: []string{"a", "b"}}},
		{with(), `no tensor x.weight_ih_l0: the prefixes here are ""`, PyTorch{Prefix: &none}},
		{with(zeros("b.weight_ih_l0", 1, 1)), `2 recurrent networks, with the prefixes "", "b.": choose one`, PyTorch{}},
		{with(zeros("weight_hr_l0", 2, 3)), "tensor weight_hr_l0: an LSTM with projections (proj_size) is not supported", PyTorch{}},
		{with(zeros("weight_ih_l2", 12, 3)), "tensor weight_ih_l1 is missing", PyTorch{}},
		{with(zeros("weight_ih_l2000", 12, 3)), "2001 layers: at most 64 are read", PyTorch{}},
		{with(), "tensor weight_hh_l0 has shape [12,3], which is that of lstm, not of gru", PyTorch{Cell: "gru"}},
		{reshaped("weight_hh_l0", 12, 5), "tensor weight_hh_l0 has shape [12,5]: want 4 (LSTM), 3 (GRU) or 1 (RNN) times as many rows as columns", PyTorch{}},
		{reshaped("weight_hh_l0", 12), "tensor weight_hh_l0 has shape [12], want a matrix", PyTorch{}},
		{reshaped("weight_ih_l0", 11, 4), "tensor weight_ih_l0 has shape [11,4], want [12,4]: lstm, 4 inputs, 3 hidden units", PyTorch{}},
		{reshaped("bias_hh_l0", 11), "tensor bias_hh_l0 has shape [11], want [12]: lstm, 4 inputs, 3 hidden units", PyTorch{}},
		{reshaped("fc.bias", 2), "tensor fc.bias has shape [2], the classifier has 3 rows", PyTorch{}},
		{replaced(bad), "tensor bias_ih_l0 holds +Inf at place 2", PyTorch{}},
		{replaced(huge()...), "tensors bias_ih_l0 and bias_hh_l0 add up to +Inf at place 4: one bias is made of the two", PyTorch{}},
		{filepath.Join("testdata", "first-ht.safetensors"), "an fdht model, not a PyTorch state dict: it can be used as it is", PyTorch{}},
	} {
		_, _, err := FromPyTorch(tc.path, tc.how)
		if err == nil || err.Error() != tc.path+": "+tc.want {
			t.Errorf("got  %v\nwant %s: %s", err, tc.path, tc.want)
		}
		var open *TorchError
		field := TorchField("")
		if errors.As(err, &open) {
			field = open.Field
		}
		want := TorchField("")
		for some, f := range map[string]TorchField{"the prefixes": TorchPrefix, "columns are": TorchHead, "the classifier's has": TorchHead, " classes": TorchClasses} {
			if strings.Contains(tc.want, some) {
				want = f
			}
		}
		if field != want {
			t.Errorf("%v: asks for %q, want %q", err, field, want)
		}
	}
	large := Config{Cell: "lstm", Input: 1 << 20, Hidden: 256, Layers: 1, Classes: []string{"a"}, Pooling: "last",
		Structure: factor.HTSpec([]int{1025, 1024}, []int{32, 32}, 1, 1)}
	f, err := New(large, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "large.safetensors")
	err = f.SavePyTorch(path, PyTorch{})
	if err == nil || !strings.Contains(err.Error(), "a dense network of this shape has 1.07e+09 numbers: at most 268435456 are written") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file is left behind")
	}
}

// Whatever the bytes, FromPyTorch returns an error, or a model that comes out as a state dict and in again as it was.
func FuzzFromPyTorch(f *testing.F) {
	for _, c := range torchCases(f)[:2] {
		var b bytes.Buffer
		if err := safetensors.Encode(&b, nil, c.stateDict("a.", safetensors.F32)); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := safetensors.Decode(b)
		if err != nil {
			return
		}
		var m *File
		testutil.Bounded(t, 500*len(b)+32<<20, func() { m, _, err = fromPyTorch(st, PyTorch{}) })
		if err != nil {
			return
		}
		if err := m.Config.Validate(); err != nil {
			t.Fatal(err)
		}
		tensors, err := m.torchTensors(PyTorch{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range tensors {
			var le bytes.Buffer
			binary.Write(&le, binary.LittleEndian, tensors[i].Float32)
			tensors[i].Data = le.Bytes()
		}
		again, ignored, err := fromPyTorch(&safetensors.File{Tensors: tensors}, PyTorch{Head: "fc"})
		if err != nil || len(ignored) > 0 {
			t.Fatalf("%v, left out %v", err, ignored)
		}
		for i, p := range again.Net.Params() {
			if want := m.Net.Params()[i]; p.Name != want.Name || !slices.Equal(p.Data, want.Data) {
				t.Fatalf("%s is not what %s was", p.Name, want.Name)
			}
		}
	})
}
