package dataset

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// npyMaxHeader bounds the text header of a .npy file; NumPy's own limit is 10,000.
const npyMaxHeader = 1 << 16

// npyMaxValues bounds the values of one array, whatever the file's size.
const npyMaxValues = 1 << 29

// Deflate makes at most deflateMost bytes of one: a larger claim is a lie. Arrays above npzPlain bytes, which features are not, must not be more than npzMost
// times what they are compressed to: a small file takes no large memory.
const (
	deflateMost = 1032
	npzPlain    = 64 << 20
	npzMost     = 64
)

// npyHeader is what a .npy header says.
type npyHeader struct {
	kind    byte // f (float) or i, u
	bytes   int  // of a value
	order   binary.ByteOrder
	fortran bool
	rows    int // T; 1 for a vector
	cols    int // F
}

// readNPY reads an array [T, F] of floats or integers. size is how many bytes there are in all; a header that wants
// another number is refused before memory is taken.
func readNPY(r io.Reader, size int64) (rows []float32, width int, err error) {
	var pre [12]byte
	if _, err := io.ReadFull(r, pre[:10]); err != nil {
		return nil, 0, errors.New("npy header cut short")
	}
	if string(pre[:6]) != "\x93NUMPY" {
		return nil, 0, errors.New("not a .npy array, whatever its name says")
	}
	head, n := int64(10), int64(binary.LittleEndian.Uint16(pre[8:]))
	switch pre[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, pre[10:12]); err != nil {
			return nil, 0, errors.New("npy header cut short")
		}
		head, n = 12, int64(binary.LittleEndian.Uint32(pre[8:]))
	default:
		return nil, 0, fmt.Errorf("npy format version %d, want 1 to 3", pre[6])
	}
	if n > npyMaxHeader || head+n > size {
		return nil, 0, fmt.Errorf("npy header of %d bytes in a file of %d", n, size)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, 0, errors.New("npy header cut short")
	}
	h, err := parseNPYHeader(string(text))
	if err != nil {
		return nil, 0, err
	}
	values := int64(h.rows) * int64(h.cols) // both below 2^29
	if want := head + n + values*int64(h.bytes); values > npyMaxValues || want != size {
		return nil, 0, fmt.Errorf("npy array [%d, %d] needs a file of %d bytes, this one has %d", h.rows, h.cols, want, size)
	}
	rows, err = h.read(r, int(values))
	return rows, h.cols, err
}

// parseNPYHeader reads the Python dictionary, keys in any order, no other keys.
func parseNPYHeader(s string) (npyHeader, error) {
	var h npyHeader
	bad := func(what string) (npyHeader, error) {
		return h, fmt.Errorf("npy header: %s in %.80q", what, strings.TrimSpace(s))
	}
	p := strings.TrimRight(s, " \n")
	if !strings.HasPrefix(p, "{") || !strings.HasSuffix(p, "}") {
		return bad("no dictionary")
	}
	p = strings.TrimSpace(p[1 : len(p)-1])
	seen := map[string]bool{}
	for p != "" {
		key, rest, ok := quoted(p)
		if !ok || seen[key] {
			return bad("bad key")
		}
		seen[key] = true
		if p, ok = strings.CutPrefix(strings.TrimSpace(rest), ":"); !ok {
			return bad("no colon")
		}
		p = strings.TrimSpace(p)
		switch key {
		case "descr":
			var d string
			if d, p, ok = quoted(p); !ok {
				return bad("structured values")
			}
			if !h.dtype(d) {
				return h, fmt.Errorf("npy values of type %q: want floats (<f4, <f8) or integers", d)
			}
		case "fortran_order":
			if rest, ok := strings.CutPrefix(p, "True"); ok {
				h.fortran, p = true, rest
			} else if p, ok = strings.CutPrefix(p, "False"); !ok {
				return bad("fortran_order neither True nor False")
			}
		case "shape":
			end := strings.IndexByte(p, ')')
			if !strings.HasPrefix(p, "(") || end < 0 {
				return bad("bad shape")
			}
			var err error
			if h.rows, h.cols, err = npyShape(p[1:end]); err != nil {
				return h, err
			}
			p = p[end+1:]
		default:
			return bad("unknown key " + strconv.Quote(key))
		}
		p = strings.TrimSpace(p)
		if p != "" {
			if p, ok = strings.CutPrefix(p, ","); !ok {
				return bad("no comma")
			}
			p = strings.TrimSpace(p)
		}
	}
	if len(seen) != 3 {
		return bad("not all of descr, fortran_order and shape")
	}
	return h, nil
}

// quoted cuts a Python string off the front.
func quoted(s string) (word, rest string, ok bool) {
	if s == "" || (s[0] != '\'' && s[0] != '"') {
		return "", s, false
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 {
		return "", s, false
	}
	return s[1 : 1+end], s[end+2:], true
}

func (h *npyHeader) dtype(d string) bool {
	if len(d) != 3 {
		return false
	}
	h.order = binary.LittleEndian
	switch d[0] {
	case '<', '|', '=':
	case '>':
		h.order = binary.BigEndian
	default:
		return false
	}
	h.kind, h.bytes = d[1], int(d[2]-'0')
	switch d[1:] {
	case "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8":
		return true
	}
	return false
}

func npyShape(s string) (rows, cols int, err error) {
	var dims []int
	for w := range strings.SplitSeq(s, ",") {
		w = strings.TrimSpace(w)
		if w == "" {
			continue
		}
		v, err := strconv.Atoi(w)
		if err != nil || v < 0 || v > npyMaxValues {
			return 0, 0, fmt.Errorf("npy shape (%.60s): bad number", s)
		}
		if dims = append(dims, v); len(dims) > 2 {
			break
		}
	}
	if len(dims) != 2 {
		return 0, 0, fmt.Errorf("npy shape (%.60s): want [T, F], time steps and features", s)
	}
	if dims[0] == 0 || dims[1] == 0 {
		return 0, 0, fmt.Errorf("npy shape (%.60s): it is empty", s)
	}
	return dims[0], dims[1], nil
}

// read converts n values to float32 in row-major order, and refuses ones that are not finite.
func (h npyHeader) read(r io.Reader, n int) ([]float32, error) {
	var out []float32
	buf := make([]byte, min(n, 8192)*h.bytes)
	for len(out) < n {
		m := min(n-len(out), 8192)
		b := buf[:m*h.bytes]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, errors.New("npy values cut short")
		}
		if out == nil { // once data is there
			out = make([]float32, 0, n)
		}
		for ; len(b) > 0; b = b[h.bytes:] {
			v := h.value(b)
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("value %d is %v", len(out), v)
			}
			out = append(out, v)
		}
	}
	if !h.fortran {
		return out, nil
	}
	t := make([]float32, n)
	for j := range h.cols {
		for i := range h.rows {
			t[i*h.cols+j] = out[j*h.rows+i]
		}
	}
	return t, nil
}

func (h npyHeader) value(b []byte) float32 {
	var u uint64
	switch h.bytes {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(h.order.Uint16(b))
	case 4:
		u = uint64(h.order.Uint32(b))
	default:
		u = h.order.Uint64(b)
	}
	switch h.kind {
	case 'f':
		if h.bytes == 4 {
			return math.Float32frombits(uint32(u))
		}
		return float32(math.Float64frombits(u))
	case 'i':
		shift := 64 - 8*h.bytes
		return float32(int64(u<<shift) >> shift)
	}
	return float32(u)
}

// readFeatures reads the feature sequence in a .npy or .npz file.
func readFeatures(path string) (rows []float32, width int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, openErr(path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, openErr(path, err)
	}
	if st.Size() == 0 {
		return nil, 0, fmt.Errorf("%s: the file is empty", path)
	}
	if strings.EqualFold(filepath.Ext(path), ".npz") {
		rows, width, err = readNPZ(f, st.Size())
	} else {
		rows, width, err = readNPY(bufio.NewReaderSize(f, 1<<16), st.Size())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return rows, width, nil
}

// readNPZ reads the only array of an archive, or the one called "features" where there are several.
func readNPZ(r io.ReaderAt, size int64) ([]float32, int, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, 0, errors.New("not a .npz archive, or cut short")
	}
	var names []string
	var one *zip.File
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		if one == nil || name == "features" {
			one = f
		}
		names = append(names, name)
	}
	switch {
	case one == nil:
		return nil, 0, errors.New("no array in this .npz")
	case len(names) > 1 && one.Name != "features.npy":
		return nil, 0, fmt.Errorf("%d arrays in this .npz (%.80s): want one, or one called features", len(names), strings.Join(names, ", "))
	}
	if one.UncompressedSize64 > npyMaxValues*8 || one.UncompressedSize64/deflateMost > one.CompressedSize64 || one.CompressedSize64 > uint64(size) {
		return nil, 0, fmt.Errorf("an array of %d bytes from %d in this .npz", one.UncompressedSize64, one.CompressedSize64)
	}
	if one.UncompressedSize64 > npzPlain && one.UncompressedSize64/npzMost > one.CompressedSize64 {
		return nil, 0, fmt.Errorf("an array of %d bytes from %d in this .npz: more than %d times as much; save it without compression if it is what it says", one.UncompressedSize64, one.CompressedSize64, npzMost)
	}
	f, err := one.Open()
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	rows, width, err := readNPY(bufio.NewReader(f), int64(one.UncompressedSize64))
	if err != nil {
		return nil, 0, err
	}
	if _, err := io.Copy(io.Discard, f); err != nil { // the archive's checksum is looked at here
		return nil, 0, fmt.Errorf("the .npz is damaged: %w", err)
	}
	return rows, width, nil
}

// WriteNPY writes rows of width float32 each as an array of NumPy's format 1.0.
func WriteNPY(w io.Writer, rows []float32, width int) error {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", len(rows)/max(width, 1), width)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	b = append(b, head...)
	for _, x := range rows {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	_, err := w.Write(b)
	return err
}
