package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Encode writes a whole file: the tensors in the order given, the metadata's keys sorted, so that the same input gives
// the same bytes. An empty metadata is left out.
func Encode(w io.Writer, metadata map[string]string, tensors []Tensor) error {
	h, err := Header(metadata, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	return WriteData(w, tensors)
}

// Header is what stands before the tensors' bytes: the length and the JSON text, padded with spaces so that the
// tensors begin at a multiple of 8 bytes.
func Header(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if len(metadata) > 0 {
		if err := writeMetadata(&b, metadata); err != nil {
			return nil, err
		}
	}
	names := make(map[string]bool, len(tensors))
	at := uint64(0)
	for i, t := range tensors {
		n, err := checkTensor(t)
		if err != nil {
			return nil, err
		}
		if names[t.Name] {
			return nil, fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		}
		names[t.Name] = true
		if i > 0 || len(metadata) > 0 {
			b.WriteByte(',')
		}
		writeString(&b, t.Name)
		b.WriteString(`:{"dtype":`)
		writeString(&b, string(t.DType))
		b.WriteString(`,"shape":[`)
		for k, s := range t.Shape {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%d", s)
		}
		fmt.Fprintf(&b, `],"data_offsets":[%d,%d]}`, at, at+n)
		at += n
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > MaxHeader {
		return nil, fmt.Errorf("safetensors: the header would take %d bytes, more than %d", b.Len()-8, MaxHeader)
	}
	h := b.Bytes()
	binary.LittleEndian.PutUint64(h, uint64(len(h)-8))
	return h, nil
}

// checkTensor says how many bytes a tensor takes, or why it cannot be written.
func checkTensor(t Tensor) (uint64, error) {
	if t.Name == metadataKey || !utf8.ValidString(t.Name) {
		return 0, fmt.Errorf("safetensors: a tensor cannot be named %q", t.Name)
	}
	if t.DType.Size() == 0 {
		return 0, fmt.Errorf("safetensors: tensor %q has the unknown dtype %q", t.Name, t.DType)
	}
	for _, s := range t.Shape {
		if s < 0 {
			return 0, fmt.Errorf("safetensors: tensor %q has the shape %v", t.Name, t.Shape)
		}
	}
	n, ok := byteCount(t.Shape, t.DType)
	have := uint64(len(t.Data))
	if t.Float32 != nil {
		if t.DType != F32 || t.Data != nil {
			return 0, fmt.Errorf("safetensors: tensor %q is %s and gives its numbers as float32", t.Name, t.DType)
		}
		have = 4 * uint64(len(t.Float32))
	}
	if !ok || n != have {
		return 0, fmt.Errorf("safetensors: tensor %q is %s of shape %v but has %d bytes", t.Name, t.DType, t.Shape, have)
	}
	return n, nil
}

// WriteData writes the tensors' bytes, what follows the header.
func WriteData(w io.Writer, tensors []Tensor) error {
	var chunk [1 << 14]byte
	for _, t := range tensors {
		if t.Float32 == nil {
			if _, err := w.Write(t.Data); err != nil {
				return err
			}
			continue
		}
		for v := t.Float32; len(v) > 0; {
			n := min(len(v), len(chunk)/4)
			for i, x := range v[:n] {
				binary.LittleEndian.PutUint32(chunk[4*i:], math.Float32bits(x))
			}
			if _, err := w.Write(chunk[:4*n]); err != nil {
				return err
			}
			v = v[n:]
		}
	}
	return nil
}

func writeMetadata(b *bytes.Buffer, metadata map[string]string) error {
	writeString(b, metadataKey)
	b.WriteString(":{")
	for i, k := range slices.Sorted(maps.Keys(metadata)) {
		if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
			return fmt.Errorf("safetensors: metadata %q is not UTF-8 text", k)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(b, k)
		b.WriteByte(':')
		writeString(b, metadata[k])
	}
	b.WriteByte('}')
	return nil
}

// writeString writes a JSON string. Nothing is escaped for HTML: the header is for people to read, too.
func writeString(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // cannot happen: a string always encodes, a Buffer always takes it
		panic(err)
	}
	b.Truncate(b.Len() - 1) // Encode ends with a newline
}
