package main

import (
	_ "embed"
	"os"
	"path/filepath"

	"github.com/fdht/fdht/export/onnx"
)

//go:embed programs/onnx.cjs
var onnxScript []byte

// onnx is ONNX Runtime in Node.js, on one thread.
func (m *made) onnx(modules string) (result, error) {
	file, script := filepath.Join(m.dir, "stream.onnx"), filepath.Join(m.dir, "onnx.cjs")
	if err := onnx.Save(file, m.f, onnx.Options{Stream: true}); err != nil {
		return result{}, err
	}
	if err := os.WriteFile(script, onnxScript, 0o666); err != nil {
		return result{}, err
	}
	r, err := m.program("node", script, modules, file, m.clipFile())
	if err != nil {
		return r, err
	}
	r.note = m.beside(r.logits, "float")
	r.bytes, err = sizeOf(file)
	return r, err
}
