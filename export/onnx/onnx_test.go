package onnx

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"google.golang.org/protobuf/encoding/protowire"
)

// standard are the operators that files may hold: all in opset 17 without a domain.
var standard = strings.Fields("Add Cast Clip Concat ConstantOfShape Div EyeLike Gemm Identity Less MatMul Mul Pad Range ReduceMean ReduceSum " +
	"Reshape Scan Shape Sigmoid Slice Split Sub Tanh Transpose Where")

// walk checks that every value has one maker, which comes before its users, and that only standard operators are there.
func walk(t *testing.T, g *graph, known map[string]bool) {
	t.Helper()
	def := func(name string) {
		if name == "" || known[name] {
			t.Fatalf("graph %s: value %q is made twice or has no name", g.name, name)
		}
		known[name] = true
	}
	for _, x := range g.tensors {
		def(x.name)
	}
	for _, v := range g.inputs {
		def(v.name)
	}
	for _, n := range g.nodes {
		if !slices.Contains(standard, n.op) {
			t.Fatalf("operator %s", n.op)
		}
		for _, v := range n.inputs {
			if !known[v] {
				t.Fatalf("graph %s: %s of %v reads %q, which is not there yet", g.name, n.op, n.outputs, v)
			}
		}
		for _, a := range n.attributes {
			if a.graph != nil {
				walk(t, a.graph, known)
			}
		}
		for _, v := range n.outputs {
			def(v)
		}
	}
	for _, v := range g.outputs {
		if !known[v.name] {
			t.Fatalf("graph %s: output %s is not made", g.name, v.name)
		}
	}
}

// TestGraph: graphs are well formed and hold the model's weights under their names, each once and as they are.
func TestGraph(t *testing.T) {
	all := configs()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		if testing.Short() && n%5 != 0 {
			continue
		}
		c := all[name]
		f := testmodels.Random(t, c, 5)
		for _, o := range []Options{{}, {Lengths: true}, {Stream: true}} {
			if o.Stream && c.Bidirectional {
				continue
			}
			r, err := newRow(c, o.Rows)
			if err != nil {
				t.Fatal(err)
			}
			g := build(f, o, r)
			walk(t, g, map[string]bool{})
			for _, p := range f.Net.Params() {
				i := slices.IndexFunc(g.tensors, func(x tensor) bool { return x.name == p.Name })
				if i < 0 || !slices.Equal(g.tensors[i].shape, p.Shape) || &g.tensors[i].floats[0] != &p.Data[0] {
					t.Fatalf("%s: parameter %s is not there as it is", name, p.Name)
				}
			}
		}
	}
}

// fields reads the fields of a message, those of one number in their order.
func fields(t *testing.T, raw []byte) map[protowire.Number][][]byte {
	t.Helper()
	all := map[protowire.Number][][]byte{}
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		raw = raw[n:]
		size := protowire.ConsumeFieldValue(num, typ, raw)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		v := raw[:size]
		if typ == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		all[num] = append(all[num], v)
		raw = raw[size:]
	}
	return all
}

// oneWay is a small network.
var oneWay = model.Config{
	Cell: rnn.LSTM, Input: 10, Hidden: 6, Layers: 1, Classes: []string{"walk", "sit & <wait>"}, Pooling: rnn.PoolLast,
	Structure: factor.HTSpec([]int{4, 4}, []int{4, 6}, 2, 2),
}

// TestBytes reads a file back: versions, metadata, weights. The same model gives the same bytes, on disk too.
func TestBytes(t *testing.T) {
	f := testmodels.Random(t, oneWay, 5)
	write := func() []byte {
		var b bytes.Buffer
		if err := Write(&b, f, Options{Stream: true}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	raw := write()
	if !bytes.Equal(raw, write()) {
		t.Error("two files of a model differ")
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := Save(path, f, Options{Stream: true}); err != nil {
		t.Fatal(err)
	}
	if disk, err := os.ReadFile(path); err != nil || !bytes.Equal(disk, raw) {
		t.Error("Save and Write differ", err)
	}
	m := fields(t, raw)
	if v, _ := protowire.ConsumeVarint(m[1][0]); v != 8 {
		t.Errorf("IR version %d", v)
	}
	if set := fields(t, m[8][0]); len(m[8]) != 1 || len(set[1][0]) != 0 || set[2][0][0] != 17 {
		t.Errorf("operator sets %v", m[8])
	}
	props := map[string]string{}
	for _, e := range m[14] {
		p := fields(t, e)
		props[string(p[1][0])] = string(p[2][0])
	}
	metadata, err := f.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range metadata {
		if props[key] != v {
			t.Errorf("metadata %s is %q, the model file's %q", key, props[key], v)
		}
	}
	var labels []string
	if err := json.Unmarshal([]byte(props["labels"]), &labels); err != nil || !slices.Equal(labels, f.Config.Classes) {
		t.Errorf("labels %s: %v", props["labels"], err)
	}
	if want := "x: float32 [batch, 10], rows of features as the model was trained on, not standardised. " +
		"state: float32 [batch, 12], zeros at the start of a sequence, then next_state."; props["input"] != want {
		t.Errorf("input is described as\n%s\nwant\n%s", props["input"], want)
	}
	if want := "of each layer, 1 in all, h [6] and c [6]"; props["state"] != want {
		t.Errorf("state is described as %q, want %q", props["state"], want)
	}
	weights := map[string][]byte{}
	for _, x := range fields(t, m[7][0])[5] {
		p := fields(t, x)
		weights[string(p[8][0])] = p[9][0]
	}
	for _, p := range f.Net.Params() {
		want, _ := binary.Append(nil, binary.LittleEndian, p.Data)
		if !bytes.Equal(weights[p.Name], want) {
			t.Errorf("%s has other weights in the file", p.Name)
		}
	}
}

// TestErrors: what can not be exported is refused, and leaves no file.
func TestErrors(t *testing.T) {
	one, both := testmodels.Random(t, oneWay, 5), oneWay
	both.Bidirectional = true
	broken := testmodels.Random(t, one.Config, 5)
	broken.Net.Params()[1].Data[3] = float32(math.Inf(1))
	odd := one.Config
	odd.Frame = &model.Frame{Height: 2, Width: 5, Channels: 1, Input: "depth"}
	for _, c := range []struct {
		name string
		f    *model.File
		o    Options
		want string
	}{
		{"both ways", testmodels.Random(t, both, 5), Options{Stream: true}, "stream: a bidirectional network reads a sequence from both ends: it cannot take one a step at a time"},
		{"stream with lengths", one, Options{Stream: true, Lengths: true}, "a stream takes one step of every sequence at a time: it has no lengths"},
		{"not finite", broken, Options{}, "weight 3 of cell.0.leaf.1 is +Inf: a model is exported only when all its weights are numbers"},
		{"frames that nobody knows", testmodels.Random(t, odd, 5), Options{}, `input "depth": want rgb, grey, diff or grey+diff`},
		{"rows of them", testmodels.Random(t, odd, 5), Options{Rows: true}, `input "depth": want rgb, grey, diff or grey+diff`},
	} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		err := Save(path, c.f, c.o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there is a file", c.name)
		}
	}
	if err := tooLarge(most/4 + 1); err == nil || err.Error() != "the model has 536870912 weights of 4 bytes: an ONNX file has at most 2147483647 bytes; compress the model first" {
		t.Error(err)
	}
	if err := tooLarge(most / 4); err != nil {
		t.Error(err)
	}
}

// TestMessage: a block's size is that of the bytes it writes, whatever is inside.
func TestMessage(t *testing.T) {
	var inner, outer message
	inner.text(1, "name")
	inner.floats(9, []float32{1, 2, 3})
	inner.integer(2, -1)
	outer.block(7, inner)
	outer.block(7, message{})
	var b bytes.Buffer
	if err := outer.writeTo(&b); err != nil || int64(b.Len()) != outer.size {
		t.Fatalf("%d bytes, said to be %d: %v", b.Len(), outer.size, err)
	}
	blocks := fields(t, b.Bytes())[7]
	if len(blocks) != 2 || len(blocks[1]) != 0 {
		t.Fatalf("blocks %v", blocks)
	}
	got := fields(t, blocks[0])
	if v, _ := protowire.ConsumeVarint(got[2][0]); string(got[1][0]) != "name" || int64(v) != -1 || len(got[9][0]) != 12 {
		t.Fatalf("block %v", got)
	}
}

// TestMerged: an operand stands for a matrix only if its labels are in the order of the rows.
func TestMerged(t *testing.T) {
	const in, first, second = 1, 2, 3
	for _, order := range [][]int{{first, second}, {second, first}} {
		g := &graph{}
		b := newBuilder(g)
		m := matrix{box: 2, width: 2, rows: 12, cost: 1e9, terms: []term{{
			dim: []int{1, 2, 3, 4}, in: []int{in}, out: []int{first, second},
			products: []product{{s: []int{in}, t: order}}, operands: []string{"w"},
		}}}
		if got := b.merged(m); (got == "w") != (order[0] == first) {
			t.Errorf("labels %v: %s with %d nodes", order, got, len(g.nodes))
		}
	}
}
