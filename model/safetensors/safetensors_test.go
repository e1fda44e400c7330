package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/testutil"
)

// file builds a file of that header text and n bytes of tensors.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestDecodeRefuses(t *testing.T) {
	const a = `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	for _, c := range []struct {
		name string
		buf  []byte
		want string
	}{
		{"empty", nil, "not a safetensors file: it has 0 bytes, and the length of the header alone takes 8"},
		{"short", make([]byte, 7), "not a safetensors file: it has 7 bytes, and the length of the header alone takes 8"},
		{"huge header", append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 100)...), "not a safetensors file, or a damaged one: its first 8 bytes ask for a header of 18446744073709551615 bytes, and at most 16777216 are read"},
		{"long header", file(a+"}", 4)[:40], "file is cut short: it has 40 bytes, and its header alone wants 62"},
		{"no header", file("", 0), "header: it must begin with {"},
		{"null", file("null", 0), "header: it must begin with {"},
		{"space first", file(" {}", 0), "header: it must begin with {"},
		{"not UTF-8", file("{\"\xff\":{}}", 0), "header: it is not UTF-8 text"},
		{"cut short", file(a+"}", 3), "file is cut short: it has 65 bytes, and its header wants 66"},
		{"bytes over", file(a+"}", 5), "file has bytes over: it has 67, and its header wants 66"},
		{"hole at the front", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `header: tensor "a" has bytes 4 to 8, and its bytes must begin at 0: tensors may not overlap or leave a hole`},
		{"hole", file(a+`,"b":{"dtype":"I8","shape":[1],"data_offsets":[5,6]}}`, 6), `header: tensor "b" has bytes 5 to 6, and its bytes must begin at 4: tensors may not overlap or leave a hole`},
		{"overlap", file(a+`,"b":{"dtype":"I8","shape":[2],"data_offsets":[3,5]}}`, 5), `header: tensor "b" has bytes 3 to 5, and its bytes must begin at 4: tensors may not overlap or leave a hole`},
		{"same bytes", file(a+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `header: tensor "b" has bytes 0 to 4, and its bytes must begin at 4: tensors may not overlap or leave a hole`},
		{"end before begin", file(a+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), `header: tensor "b" has bytes 4 to 0, and its bytes must begin at 4: tensors may not overlap or leave a hole`},
		{"shape and bytes", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), `header: tensor "a" is F32 of shape [2] but has 4 bytes`},
		{"overflow", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), `header: tensor "a" is F32 of shape [4294967296 4294967296] but has 0 bytes`},
		{"beyond the file", file(`{"a":{"dtype":"I8","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904]}}`, 0), "file is cut short: it has 97 bytes, and its header wants 4611686018427388001"},
		{"negative", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), `header: tensor "a": shape holds -1, which is not a whole number from 0 to 2^63`},
		{"too large", file(`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}`, 4), `header: tensor "a": shape holds 9223372036854775808, which is not a whole number from 0 to 2^63`},
		{"fraction", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4.0]}}`, 4), `header: tensor "a": data_offsets holds 4.0, which is not a whole number from 0 to 2^63`},
		{"exponent", file(`{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}`, 4), `header: tensor "a": shape holds 1e0, which is not a whole number from 0 to 2^63`},
		{"string in shape", file(`{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4), `header: tensor "a": shape must hold whole numbers`},
		{"shape no array", file(`{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}`, 4), `header: tensor "a": shape must be an array`},
		{"dtype no string", file(`{"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}}`, 4), `header: tensor "a": dtype must be a string`},
		{"unknown dtype", file(`{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, 4), `header: tensor "a" has the unknown dtype "f32"`},
		{"three offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), `header: tensor "a": data_offsets must hold 2 numbers, not 3`},
		{"key missing", file(`{"a":{"shape":[0],"data_offsets":[0,0]}}`, 0), `header: tensor "a" lacks one of dtype, shape and data_offsets`},
		{"tensor null", file(`{"a":null}`, 0), `header: tensor "a" must be an object`},
		{"tensor twice", file(a+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `header: tensor "a" is there twice`},
		{"tensor twice by escape", file(a+`,"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `header: tensor "a" is there twice`},
		{"key twice", file(`{"a":{"dtype":"F32","shape":[9],"shape":[1],"data_offsets":[0,4]}}`, 4), `header: tensor "a" has the key "shape" twice`},
		{"unknown key", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"Shape":[2]}}`, 4), `header: tensor "a" has the unknown key "Shape"`},
		{"metadata number", file(`{"__metadata__":{"k":1}}`, 0), `header: __metadata__ key "k" must be a string`},
		{"metadata array", file(`{"__metadata__":[]}`, 0), `header: __metadata__ must be an object`},
		{"metadata key twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, 0), `header: __metadata__ has the key "k" twice`},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), `header: tensor "__metadata__" is there twice`},
		{"deep", file(`{"a":`+strings.Repeat("[", 1<<20), 0), `header: tensor "a" must be an object`},
		{"deep shape", file(`{"a":{"shape":`+strings.Repeat("[", 1<<20), 0), `header: tensor "a": shape must hold whole numbers`},
		{"text after", file(`{} x`, 0), "header: 1 bytes follow its closing }, and only spaces may"},
		{"second object", file(`{}{}`, 0), "header: 2 bytes follow its closing }, and only spaces may"},
		{"open", file(`{"a":{"dtype":"F32"`, 0), "header: not valid JSON at byte 19: unexpected EOF"},
		{"comma", file(`{,}`, 0), "header: not valid JSON at byte 1: invalid character ','"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Decode(c.buf)
			if err == nil {
				t.Fatalf("accepted: %v", f)
			}
			if !strings.HasPrefix(err.Error(), c.want) { // what follows is encoding/json's
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

// sample is a file's worth of tensors of several kinds, one without elements, one without axes.
func sample() (map[string]string, []Tensor) {
	return map[string]string{"b": "<&>", "a": "ä\n\"\\"}, []Tensor{
		{Name: "z", DType: F32, Shape: []int{2, 3}, Float32: []float32{1, -2, 3.5, float32(math.Inf(1)), 0, 1e-40}},
		{Name: "none", DType: F32, Shape: []int{0, 4}, Float32: []float32{}},
		{Name: "a \"quoted\" name", DType: I16, Shape: []int{2}, Data: []byte{1, 2, 3, 4}},
		{Name: "one", DType: F64, Shape: []int{}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.5))},
	}
}

func TestRoundTrip(t *testing.T) {
	meta, tensors := sample()
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := Encode(w, meta, tensors); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same input gave other bytes")
	}
	if n := binary.LittleEndian.Uint64(a.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes: tensors do not begin at a multiple of 8", n)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, a.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Metadata) != 2 || f.Metadata["a"] != meta["a"] || f.Metadata["b"] != meta["b"] {
		t.Errorf("metadata %q", f.Metadata)
	}
	for i, want := range tensors {
		got := f.Tensors[i]
		if got.Name != want.Name || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("tensor %d is %q %s %v, want %q %s %v", i, got.Name, got.DType, got.Shape, want.Name, want.DType, want.Shape)
		}
		if want.Float32 == nil && !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%q has other bytes", got.Name)
		}
	}
	z, _ := f.Find("z")
	v := make([]float32, 6)
	if err := z.Floats(v); err != nil || !slices.Equal(v, tensors[0].Float32) {
		t.Errorf("z is %v (%v)", v, err)
	}
	one, _ := f.Find("one")
	if err := one.Floats(v[:1]); err != nil || v[0] != -0.5 {
		t.Errorf("one is %v (%v)", v[0], err)
	}
	if _, ok := f.Find("y"); ok {
		t.Error("found a tensor that is not there")
	}
	ints, _ := f.Find("a \"quoted\" name")
	if err := ints.Floats(v[:2]); err == nil {
		t.Error("I16 was turned into floats")
	}
}

func TestEncodeRefuses(t *testing.T) {
	ok := Tensor{Name: "a", DType: I8, Shape: []int{1}, Data: []byte{0}}
	for name, ts := range map[string][]Tensor{
		"twice":         {ok, ok},
		"reserved":      {{Name: "__metadata__", DType: I8, Shape: []int{1}, Data: []byte{0}}},
		"not UTF-8":     {{Name: "\xff", DType: I8, Shape: []int{1}, Data: []byte{0}}},
		"dtype":         {{Name: "a", DType: "X", Shape: []int{1}, Data: []byte{0}}},
		"negative":      {{Name: "a", DType: I8, Shape: []int{-1, -1}, Data: []byte{0}}},
		"size":          {{Name: "a", DType: I8, Shape: []int{2}, Data: []byte{0}}},
		"float32 as I8": {{Name: "a", DType: I8, Shape: []int{4}, Float32: []float32{0}}},
	} {
		if err := Encode(new(bytes.Buffer), nil, ts); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 1.0 / (1 << 14), 0x0001: 1.0 / (1 << 24), 0x83ff: -1023.0 / (1 << 24),
		0x3555: 0.33325195, 0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := half(h); got != want {
			t.Errorf("half(%#04x) = %v, want %v", h, got, want)
		}
	}
	if !math.Signbit(float64(half(0x8000))) || !math.IsNaN(float64(half(0x7e00))) {
		t.Error("minus zero or NaN is lost")
	}
	bf := Tensor{DType: BF16, Shape: []int{1}, Data: []byte{0xc0, 0x3f}}
	v := []float32{0}
	if err := bf.Floats(v); err != nil || v[0] != 1.5 {
		t.Errorf("BF16 1.5 is %v (%v)", v[0], err)
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(dir); err == nil || !strings.HasSuffix(err.Error(), ": not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	missing := filepath.Join(dir, "m.safetensors")
	if _, err := ReadFile(missing); !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), missing) != 1 {
		t.Errorf("missing: %v", err)
	}
	// A sparse file of 1 TB that says its header is long is refused before it is read.
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, bytes.Repeat([]byte{1}, 8), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 1<<40); err != nil {
		t.Skip("no sparse files here:", err)
	}
	if _, err := ReadFile(big); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("big: %v", err)
	}
}

// FuzzDecode: no file panics or takes more memory than it has bytes, times some; what is accepted is written and read again as the same tensors.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, map[string]string{"k": "v"}, []Tensor{{Name: "a", DType: F32, Shape: []int{2}, Float32: []float32{1, 2}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	if seeds, err := filepath.Glob("testdata/fuzz/FuzzDecode/*"); err != nil || len(seeds) == 0 {
		f.Fatal("the committed seeds in testdata/fuzz/FuzzDecode are gone")
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		var in *File
		var err error
		testutil.Bounded(t, 200*len(buf)+1<<20, func() { in, err = Decode(buf) })
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Encode(&b, in.Metadata, in.Tensors); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		out, err := Decode(b.Bytes())
		if err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		// Tensors without bytes share an offset and may change places.
		if len(in.Tensors) != len(out.Tensors) || len(in.Metadata) != len(out.Metadata) {
			t.Fatalf("%d tensors became %d", len(in.Tensors), len(out.Tensors))
		}
		for _, a := range in.Tensors {
			b, ok := out.Find(a.Name)
			if !ok || a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
				t.Fatalf("%q changed", a.Name)
			}
		}
	})
}
