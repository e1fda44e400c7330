package onnx

import (
	"encoding/binary"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message being built: bytes and, uncopied, weights.
type message struct {
	parts []part
	size  int64
}

// part is one of the two.
type part struct {
	bytes  []byte
	floats []float32
}

func (m *message) add(b []byte) {
	if n := len(m.parts); n > 0 && m.parts[n-1].bytes != nil {
		m.parts[n-1].bytes = append(m.parts[n-1].bytes, b...)
	} else {
		m.parts = append(m.parts, part{bytes: b})
	}
	m.size += int64(len(b))
}

func (m *message) integer(field protowire.Number, v int64) {
	b := protowire.AppendTag(nil, field, protowire.VarintType)
	m.add(protowire.AppendVarint(b, uint64(v)))
}

func (m *message) text(field protowire.Number, s string) { m.bytes(field, []byte(s)) }

func (m *message) bytes(field protowire.Number, v []byte) {
	b := protowire.AppendTag(nil, field, protowire.BytesType)
	m.add(protowire.AppendBytes(b, v))
}

// floats is a field of bytes that holds little-endian floats.
func (m *message) floats(field protowire.Number, v []float32) {
	m.length(field, 4*int64(len(v)))
	m.parts = append(m.parts, part{floats: v})
	m.size += 4 * int64(len(v))
}

// block is a field that holds a message.
func (m *message) block(field protowire.Number, v message) {
	m.length(field, v.size)
	for _, p := range v.parts {
		if p.floats != nil {
			m.parts = append(m.parts, p)
			m.size += 4 * int64(len(p.floats))
		} else {
			m.add(p.bytes)
		}
	}
}

func (m *message) length(field protowire.Number, n int64) {
	b := protowire.AppendTag(nil, field, protowire.BytesType)
	m.add(protowire.AppendVarint(b, uint64(n)))
}

// writeTo writes the message.
func (m *message) writeTo(w io.Writer) error {
	var buf []byte
	for _, p := range m.parts {
		if _, err := w.Write(p.bytes); err != nil {
			return err
		}
		for v := p.floats; len(v) > 0; {
			n := min(len(v), 1<<14)
			buf = buf[:0]
			for _, x := range v[:n] {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
			v = v[n:]
		}
	}
	return nil
}
