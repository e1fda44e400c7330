package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/testutil"
)

// FuzzCacheHeader: a header that is taken agrees with the size of the file to the byte.
func FuzzCacheHeader(f *testing.F) {
	ci := cacheInfo{h: 2, w: 3, c: 1, t: 5, warn: 4}
	f.Add(ci.encode(), int64(cacheHeader+30+4))
	f.Add(ci.encode(), int64(cacheHeader))
	huge := cacheInfo{h: 1 << 30, w: 1 << 30, c: 3, t: math.MaxInt32}
	f.Add(huge.encode(), int64(math.MaxInt64))
	f.Add([]byte(cacheMagic), int64(8))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		for _, fix := range []bool{false, true} {
			if fix && len(data) >= cacheHeader { // let it get past the magic and the checksum
				data = bytes.Clone(data)
				copy(data, cacheMagic)
				binary.LittleEndian.PutUint32(data[8:], cacheVersion)
				copy(data[60:], sum(data[:60]))
			}
			got, err := parseCache(data, size)
			if err != nil {
				continue
			}
			if n := int64(got.h) * int64(got.w) * int64(got.c) * int64(got.t); n <= 0 || n+int64(cacheHeader+got.warn) != size {
				t.Fatalf("%+v in a file of %d bytes", got, size)
			}
			if !bytes.Equal(got.encode(), data[:cacheHeader]) {
				t.Fatal("another header comes out")
			}
		}
	})
}

func sum(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }

// FuzzNPY: what is read is a whole matrix of finite numbers, no larger than the file.
func FuzzNPY(f *testing.F) {
	f.Add(npy(2, 3, "<f4", false))
	f.Add(npy(3, 2, ">f8", true))
	f.Add(npy(3, 2, ">i2", true))
	f.Add(npyHead("{'shape': (1, 1), 'fortran_order': False, 'descr': \"|u1\"}"))
	f.Add(npyHead("{'descr': '<f4', 'fortran_order': False, 'shape': (536870912, 536870912), }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []float32
		var width int
		var err error
		testutil.Bounded(t, 20*len(data)+1<<20, func() { rows, width, err = readNPY(bytes.NewReader(data), int64(len(data))) })
		if err != nil {
			return
		}
		if width < 1 || len(rows) == 0 || len(rows)%width != 0 || len(rows) > len(data) {
			t.Fatalf("%d values in rows of %d from %d bytes", len(rows), width, len(data))
		}
		for _, v := range rows {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatal("a value that is not finite")
			}
		}
	})
}

// FuzzNPZ: what is read is a whole matrix, no larger than what the archive can hold, and so is the memory.
func FuzzNPZ(f *testing.F) {
	f.Add(npz(f, zip.Deflate, map[string][]byte{"m.npy": npy(2, 3, "<f4", false)}))
	f.Add(npz(f, zip.Store, map[string][]byte{"a.npy": npy(2, 3, "<f4", false), "features.npy": npy(1, 1, "<f8", false)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []float32
		var width int
		var err error
		testutil.Bounded(t, deflateMost*20*len(data)+2<<20, func() { rows, width, err = readNPZ(bytes.NewReader(data), int64(len(data))) })
		if err == nil && (width < 1 || len(rows)%width != 0 || len(rows) > deflateMost*len(data)) {
			t.Fatalf("%d values in rows of %d from %d bytes", len(rows), width, len(data))
		}
	})
}

// FuzzTS: what is read is rectangular, labelled, and no larger than the text.
func FuzzTS(f *testing.F) {
	f.Add(tsHead + "1,2,3:4,5,6:a\n7:9:b\n")
	f.Add("@classLabel true x y\n@univariate true\n@equalLength true\n@seriesLength 2\n@data\n1,2:x\n")
	f.Add("@classLabel true x y\n@data\n" + strings.Repeat("1,", 50) + "1" + strings.Repeat(":1", 50) + ":x\n")
	f.Fuzz(func(t *testing.T, text string) {
		var ts *tsFile
		var err error
		testutil.Bounded(t, 100*len(text)+1<<20, func() { ts, err = parseTS(strings.NewReader(text)) })
		if err != nil {
			return
		}
		values := 0
		for _, s := range ts.series {
			values += len(s.rows)
			if len(s.rows) == 0 || len(s.rows)%ts.dims != 0 || s.label < 0 || s.label >= len(ts.classes) {
				t.Fatalf("%d values of %d channels, label %d", len(s.rows), ts.dims, s.label)
			}
		}
		if values > len(text) {
			t.Fatalf("%d values from %d bytes", values, len(text))
		}
	})
}

// FuzzSplit: a split that is taken comes out of WriteSplit as it went in, clip for clip.
func FuzzSplit(f *testing.F) {
	f.Add("train\ta/x_s1_t1.avi\nval\ta/x_s2_t1.avi\ntest\tb/x_s1_t1.avi\n")
	f.Add("train\ta/x_s1_t1\r\n\r\ntest\tb/x_s1_t2.png\n")
	f.Add("test\ta/deep/x_s1_t1.avi")
	f.Fuzz(func(t *testing.T, text string) {
		d := subjects(2, 3)
		var s Split
		var err error
		testutil.Bounded(t, 200*len(text)+1<<20, func() { s, err = ReadSplit(strings.NewReader(text), d) })
		if err != nil {
			return
		}
		checkUnique(t, d, s)
		var b bytes.Buffer
		if err := WriteSplit(&b, d, s); err != nil {
			t.Fatal(err)
		}
		again, err := ReadSplit(&b, d)
		if err != nil || len(again.Train) != len(s.Train) || len(again.Val) != len(s.Val) || len(again.Test) != len(s.Test) {
			t.Fatal(s, again, err)
		}
	})
}

func checkUnique(t *testing.T, d Dataset, s Split) {
	t.Helper()
	seen := make([]bool, d.Len())
	for _, part := range [][]int{s.Train, s.Val, s.Test} {
		for _, i := range part {
			if seen[i] {
				t.Fatalf("clip %d twice", i)
			}
			seen[i] = true
		}
	}
}

// FuzzLists: the official lists, any text.
func FuzzLists(f *testing.F) {
	f.Add("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\n")
	f.Add("April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 \n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func() ([]listed, error){
			func() ([]listed, error) { return parseUCF(strings.NewReader(text), "train") },
			func() ([]listed, error) { return parseHMDB(strings.NewReader(text), "clap") },
		} {
			var out []listed
			var err error
			testutil.Bounded(t, 200*len(text)+1<<20, func() { out, err = parse() })
			if err == nil && len(out) > len(text) {
				t.Fatal("more clips than text")
			}
		}
	})
}
