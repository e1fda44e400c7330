// Package safetensors reads and writes the safetensors container: a length, a JSON header, the bytes of the tensors.
// The format is described at https://github.com/huggingface/safetensors and, for what fdht puts into it, in docs/file-format.md.
//
// The reader is strict. It refuses a header that is too long, that names a tensor or a key twice, that holds a key it
// does not know, whose tensors overlap, leave a hole or bytes over, or whose shapes and byte counts disagree. What it
// allocates is bounded by the size of the file.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// MaxHeader is the longest header that is read or written, in bytes. A header takes about 80 bytes a tensor.
const MaxHeader = 16 << 20

// metadataKey is the header's key for the free text; no tensor can have that name.
const metadataKey = "__metadata__"

// DType names the type of a tensor's elements as the header spells it.
type DType string

// The element types that the reader knows. Elements are little-endian.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of one element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Tensor is one named array, row-major. An empty Shape is a single number.
type Tensor struct {
	Name  string
	DType DType
	Shape []int

	// Data holds the elements' bytes, little-endian. A tensor from a File points into the bytes the File was decoded from.
	Data []byte

	// Float32 takes the place of Data when a tensor of type F32 is written: the values are turned into bytes on the way
	// out, so that saving a model does not need the model twice in memory. The reader leaves it nil.
	Float32 []float32
}

// Elements is the number of elements, the product of Shape.
func (t Tensor) Elements() int {
	n := 1
	for _, s := range t.Shape {
		n *= s
	}
	return n
}

// Floats writes the tensor's values to dst, which must have Elements numbers. It converts from F32, F64, F16 and BF16;
// F64 is rounded to the nearest float32.
func (t Tensor) Floats(dst []float32) error {
	if len(dst) != t.Elements() {
		panic(fmt.Sprintf("safetensors: Floats of %q with shape %v into %d numbers", t.Name, t.Shape, len(dst)))
	}
	b, le := t.Data, binary.LittleEndian
	switch t.DType {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	case F16:
		for i := range dst {
			dst[i] = half(le.Uint16(b[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(le.Uint16(b[2*i:])) << 16)
		}
	default:
		return fmt.Errorf("tensor %q holds %s, not floating-point numbers", t.Name, t.DType)
	}
	return nil
}

// half is the value of an IEEE 754 binary16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0: // zero and subnormals: frac * 2^-24
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// File is a decoded file: its free text and its tensors in the order of their bytes.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// Find returns the tensor of that name.
func (f *File) Find(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// ReadFile reads and decodes the file at path. Errors name the file. The header is checked before the rest is read.
func ReadFile(path string) (*File, error) {
	buf, err := ReadBytes(path)
	if err != nil {
		return nil, err
	}
	f, err := Decode(buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ReadBytes reads the whole file at path after a look at its first 8 bytes, so that a large file of another kind is
// refused without reading it. Errors name the file.
func ReadBytes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if st.Size() > math.MaxInt {
		return nil, fmt.Errorf("%s: file of %d bytes is too large for this machine", path, st.Size())
	}
	var first [8]byte
	if n, err := io.ReadFull(f, first[:]); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	} else if _, err := headerLen(first[:n], st.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	buf := make([]byte, st.Size())
	copy(buf, first[:])
	if _, err := io.ReadFull(f, buf[8:]); err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	return buf, nil
}

// bare takes the operation and the path off an error of package os: our texts name the file themselves.
func bare(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}

// headerLen reads the header's length from the file's first bytes and holds it against the size of the file.
func headerLen(first []byte, size int64) (int, error) {
	if len(first) < 8 || size < 8 {
		return 0, fmt.Errorf("not a safetensors file: it has %d bytes, and the length of the header alone takes 8", size)
	}
	n := binary.LittleEndian.Uint64(first)
	if n > MaxHeader {
		return 0, fmt.Errorf("not a safetensors file, or a damaged one: its first 8 bytes ask for a header of %d bytes, and at most %d are read", n, MaxHeader)
	}
	if int64(n) > size-8 {
		return 0, fmt.Errorf("file is cut short: it has %d bytes, and its header alone wants %d", size, 8+n)
	}
	return int(n), nil
}
