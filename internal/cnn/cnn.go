// Package cnn runs a convolutional network in an ONNX file over frames, with ONNX Runtime. It needs the build tag onnxruntime and cgo; without the tag
// Open returns ErrNotBuilt.
package cnn

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
)

// ErrNotBuilt is what Open returns in a program that was built without the tag onnxruntime.
var ErrNotBuilt = errors.New("this program was built without ONNX Runtime: build it with CGO_ENABLED=1 go build -tags onnxruntime ./cmd/fdht, " +
	"and get the library with npm install onnxruntime-node")

// Options says how a network is used.
type Options struct {
	Library string // of ONNX Runtime; "": that of npm's onnxruntime-node in the folder that FDHT_NODE names
	Input   Shape  // where the file leaves it open
	Output  string // name of the output that holds the features; "": the first
}

// Shape is the size of a frame.
type Shape struct{ Height, Width, Channels int }

// Library finds ONNX Runtime in a folder into which npm installed onnxruntime-node.
func Library(node string) (string, error) {
	if node == "" {
		return "", errors.New("where is ONNX Runtime: name its library with --library, or in FDHT_NODE the folder into which npm installed onnxruntime-node")
	}
	platform := map[string]string{"windows": "win32"}[runtime.GOOS]
	if platform == "" {
		platform = runtime.GOOS
	}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	name := map[string]string{"windows": "onnxruntime.dll", "darwin": "libonnxruntime.*.dylib"}[runtime.GOOS]
	if name == "" {
		name = "libonnxruntime.so*"
	}
	form := filepath.Join(node, "node_modules", "onnxruntime-node", "bin", "napi-v*", platform, arch, name)
	found, err := filepath.Glob(form)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no library of ONNX Runtime at %s", form)
	}
	return found[0], nil
}
