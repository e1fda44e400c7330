package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npyHead is a version 1 header with the dictionary given.
func npyHead(dict string) []byte {
	for (len(dict)+11)%64 != 0 {
		dict += " "
	}
	dict += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	return append(b, dict...)
}

// npy is an array [t, f] holding 0, 1, 2 ... in its own order.
func npy(t, f int, descr string, fortran bool) []byte {
	order := "False"
	if fortran {
		order = "True"
	}
	b := npyHead(fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%d, %d), }", descr, order, t, f))
	var bo binary.AppendByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		bo = binary.BigEndian
	}
	for i := range t * f {
		switch descr[1:] {
		case "f4":
			b = bo.AppendUint32(b, math.Float32bits(float32(i)))
		case "f8":
			b = bo.AppendUint64(b, math.Float64bits(float64(i)))
		case "i8":
			b = bo.AppendUint64(b, uint64(i))
		case "i2":
			b = bo.AppendUint16(b, uint16(i))
		case "u1":
			b = append(b, byte(i))
		}
	}
	return b
}

func npz(t testing.TB, method uint16, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(arrays[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNPY(t *testing.T) {
	for _, d := range []string{"<f4", ">f4", "<f8", ">f8", "<i8", ">i2", "|u1"} {
		for _, fortran := range []bool{false, true} {
			data := npy(3, 2, d, fortran)
			got, width, err := readNPY(bytes.NewReader(data), int64(len(data)))
			want := []float32{0, 1, 2, 3, 4, 5}
			if fortran {
				want = []float32{0, 3, 1, 4, 2, 5}
			}
			if err != nil || width != 2 || !slices.Equal(got, want) {
				t.Errorf("%s fortran %v: %v, width %d, %v", d, fortran, got, width, err)
			}
		}
	}
	for _, m := range []uint16{zip.Store, zip.Deflate} {
		for _, name := range []string{"m.npy", "arr_0.npy"} {
			data := npz(t, m, map[string][]byte{name: npy(300, 20, "<f4", false)})
			got, width, err := readNPZ(bytes.NewReader(data), int64(len(data)))
			if err != nil || width != 20 || len(got) != 6000 || got[5999] != 5999 {
				t.Errorf("npz: %d values, width %d, %v", len(got), width, err)
			}
		}
	}
	data := npz(t, zip.Store, map[string][]byte{"other.npy": npy(1, 1, "<f4", false), "features.npy": npy(2, 3, "<f4", false)})
	if got, width, err := readNPZ(bytes.NewReader(data), int64(len(data))); err != nil || width != 3 || len(got) != 6 {
		t.Error(got, width, err)
	}
}

func TestNPYErrors(t *testing.T) {
	var b strings.Builder
	dict := func(s string) []byte { return append(npyHead(s), make([]byte, 24)...) }
	nan := npy(3, 2, "<f4", false)
	binary.LittleEndian.PutUint32(nan[len(nan)-8:], math.Float32bits(float32(math.NaN())))
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"short", []byte("\x93NUM")},
		{"magic", []byte("PK\x03\x04 and more")},
		{"version", []byte("\x93NUMPY\x09\x00\x10\x00{'descr': '<f4'}")},
		{"header longer than the file", []byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f{}")},
		{"no dictionary", dict("hello")},
		{"key twice", dict("{'descr': '<f4', 'descr': '<f4', 'shape': (3, 2)}")},
		{"key missing", dict("{'descr': '<f4', 'shape': (3, 2)}")},
		{"key unknown", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), 'x': 1}")},
		{"type", dict("{'descr': '<c8', 'fortran_order': False, 'shape': (3, 1)}")},
		{"objects", dict("{'descr': '|O', 'fortran_order': False, 'shape': (3, 1)}")},
		{"records", dict("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 2)}")},
		{"order", dict("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3, 2)}")},
		{"three axes", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 2)}")},
		{"one axis", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}")},
		{"negative", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 2)}")},
		{"empty", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 60)}")},
		{"promises more", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000, 500000000)}")},
		{"promises less", dict("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}")},
		{"not a number", nan},
	} {
		_, _, err := readNPY(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %v\n", c.name, err)
	}
	bomb := npz(t, zip.Deflate, map[string][]byte{"m.npy": npy(1, 1, "<f4", false)})
	at := bytes.LastIndex(bomb, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(bomb[at+24:], 1<<31) // the size it says it unpacks to
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"npz: no archive", []byte("hello")},
		{"npz: no array", npz(t, zip.Store, map[string][]byte{"a.txt": nil})},
		{"npz: two arrays", npz(t, zip.Store, map[string][]byte{"a.npy": nil, "b.npy": nil})},
		{"npz: bomb", bomb},
	} {
		_, _, err := readNPZ(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %v\n", c.name, err)
	}
	golden(t, "testdata/npy.golden", b.String())
}

func TestFeatures(t *testing.T) {
	root := filepath.Join(t.TempDir(), "set")
	for k := range 6 {
		put(t, filepath.Join(root, string(rune('a'+k%2)), fmt.Sprintf("c_s%d_t.npy", k)), npy(k+2, 3, "<f4", false))
	}
	put(t, filepath.Join(root, "a", "other_s9_width.npy"), npy(4, 5, "<f4", false))
	put(t, filepath.Join(root, "a", "b_s8_z.npz"), npz(t, zip.Deflate, map[string][]byte{"m.npy": npy(4, 3, "<f4", false)}))
	_, _, err := Open(t.Context(), root, Options{})
	if err == nil || !strings.Contains(err.Error(), "a/other_s9_width.npy: 5 features a step, most clips have 3") {
		t.Error(err)
	}
	ds, rep, err := Open(t.Context(), root, Options{MaxBad: 0.2})
	if err != nil || ds.Len() != 7 || len(rep.Bad) != 1 || ds.Width() != 3 {
		t.Fatal(ds, rep, err)
	}
	if ds.ID(0) != "a/b_s8_z.npz" || ds.Group(0) != "8" || ds.Frames(0) != 4 || ds.Name() != "set" {
		t.Error(ds.ID(0), ds.Group(0), ds.Frames(0), ds.Name())
	}
	var c Clip
	check := func() {
		t.Helper()
		if err := ds.Clip(&c, 0, Sample{Steps: 2}); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, &c); !slices.Equal(got[1], []float32{9, 10, 11}) {
			t.Error(got)
		}
	}
	check()
	ds.(*Features).clips[0].rows = nil // as beyond the bound of memory
	check()
	ch, err := Check(t.Context(), root, Options{})
	if err != nil || ch.Kind != "features" || len(ch.Report.Bad) != 1 || ch.Frames.Max != 7 || fmt.Sprint(ch.Sizes) != "[{3 7}]" {
		t.Errorf("%+v %v", ch, err)
	}
}
