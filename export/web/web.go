// Package web makes a folder that any static host can serve: a page that runs a model of video frames in the browser, on clips that
// are dropped on it or on a camera. Nothing leaves the browser, and after the first visit the page needs no network.
//
// The page's engine, in WebAssembly, is the same for all models. A model comes to it as a program: the steps of its contractions in the order
// that package factor plans, and the weights. engine/build.sh builds the engine; who uses this package needs no compiler.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

//go:embed page engine/engine.wasm engine/engine-simd.wasm
var files embed.FS

// The errors of models that have no page.
var (
	ErrNoFrames      = errors.New("the model takes rows of features, not video frames, and a page has nothing else to give it")
	ErrBidirectional = errors.New("the network is bidirectional: it needs the end of a clip before it can begin, and a page answers frame by frame")
)

// TooLargeError is the error of a page that is larger than asked for.
type TooLargeError struct{ Bytes, Most int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the page would be %d KB, more than %d KB", (e.Bytes+999)/1000, e.Most/1000)
}

// Site are the files of a page.
type Site struct{ files []file }

type file struct {
	name string
	data []byte
}

// windowWhole is how many frames a camera's answer is about where the model says no number of steps.
const windowWhole = 16

// Build makes the page of a model. most bounds its size in bytes; a larger one is a *TooLargeError.
func Build(m *model.File, most int64) (*Site, error) {
	c := m.Config
	switch {
	case c.Frame == nil:
		return nil, ErrNoFrames
	case c.Bidirectional:
		return nil, ErrBidirectional
	}
	in, err := frames.Input(c)
	if err != nil {
		return nil, err
	}
	s, err := staticFiles()
	if err != nil {
		return nil, err
	}
	weights, biases, head := m.Net.Count()
	if least := s.Bytes() + 4*(weights+biases+head); least > most { // before anything is made of a large matrix
		return nil, &TooLargeError{least, most}
	}
	data, err := encode(m, in)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, file{"model.bin", data})
	s.files = append(s.files, file{"sw.js", s.worker()})
	if n := s.Bytes(); n > most {
		return nil, &TooLargeError{n, most}
	}
	return s, nil
}

// staticFiles are those that do not depend on the model.
func staticFiles() (*Site, error) {
	s := &Site{}
	for _, dir := range []string{"page", "engine"} {
		list, err := files.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			data, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			if e.Name() != workerFile {
				s.files = append(s.files, file{e.Name(), data})
			}
		}
	}
	return s, nil
}

// workerFile is the service worker, which names all files and must change when any of them does.
const workerFile = "sw.js"

// worker is the service worker of the files that are there.
func (s *Site) worker() []byte {
	sum := sha256.New()
	var names []string
	for _, f := range s.files {
		sum.Write(f.data)
		switch f.name {
		case "engine.wasm", "engine-simd.wasm": // the page asks for one of them
		case "index.html":
			names = append(names, "./")
		default:
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	text, err := files.ReadFile("page/" + workerFile)
	list, jsonErr := json.Marshal(names)
	if err != nil || jsonErr != nil {
		panic(errors.Join(err, jsonErr)) // both are our own
	}
	return []byte(strings.NewReplacer("VERSION", hex.EncodeToString(sum.Sum(nil)[:8]), "[]", string(list)).Replace(string(text)))
}

// Bytes is the size of all files; a browser loads one of the two engines.
func (s *Site) Bytes() int64 {
	var n int64
	for _, f := range s.files {
		n += int64(len(f.data))
	}
	return n
}

// meta is what the page says of the model, and needs to know of its frames.
type meta struct {
	Classes []string `json:"classes"`
	Steps   int      `json:"steps"`  // of a clip; 0: all of its frames
	Window  int      `json:"window"` // steps that a camera's answer is about
	Frame   struct {
		Height int       `json:"height"`
		Width  int       `json:"width"`
		Input  string    `json:"input"`
		Lag    lags.List `json:"lag"`
	} `json:"frame"`
	Kind         string `json:"kind"`
	Cell         string `json:"cell"`
	Hidden       int    `json:"hidden"`
	Weights      int64  `json:"weights"` // recurrent
	DenseWeights int64  `json:"dense_weights"`
	Bytes        int64  `json:"bytes"` // of all parameters
	DenseBytes   int64  `json:"dense_bytes"`
}

// encode writes model.bin: FDHT, the length of a JSON text, the text, padded with spaces, then the program and the weights; little-endian.
func encode(m *model.File, in dataset.Input) ([]byte, error) {
	c := m.Config
	weights, biases, head := m.Net.Count()
	dense := c.RNN().DenseWeights()
	d := meta{
		Classes: c.Classes, Steps: c.Steps, Window: windowOf(c.Steps),
		Kind: string(c.Structure.Kind), Cell: c.Cell, Hidden: c.Hidden,
		Weights: weights, DenseWeights: dense, Bytes: 4 * (weights + biases + head), DenseBytes: 4 * (dense + biases + head),
	}
	d.Frame.Height, d.Frame.Width, d.Frame.Input, d.Frame.Lag = in.Height, in.Width, in.Kind, in.Lag
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	text = append(text, strings.Repeat(" ", (4-len(text)%4)%4)...)
	words, values, err := compile(m, in, windowOf(c.Steps))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("FDHT")
	for _, v := range []any{uint32(len(text)), text, words, values} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func windowOf(steps int) int {
	if steps == 0 {
		return windowWhole
	}
	return steps
}
