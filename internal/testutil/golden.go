// Package testutil holds what tests share: the golden vectors, independent float64 references and comparisons.
package testutil

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Array is a row-major float64 array of a golden file.
type Array struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

// Float32 is the data rounded to float32.
func (a Array) Float32() []float32 {
	out := make([]float32, len(a.Data))
	for i, v := range a.Data {
		out[i] = float32(v)
	}
	return out
}

// GoldenCase is one case of testdata/golden.json: an FDHT-LSTM with its weights, inputs, states, outputs and gradients, in
// float64. Inner nodes are named by their leaf numbers joined ("01"), the root "root".
type GoldenCase struct {
	Name   string           `json:"name"`
	Input  int              `json:"input_size"`
	Hidden int              `json:"hidden_size"`
	Out    []int            `json:"m"`
	In     []int            `json:"n"`
	Tree   json.RawMessage  `json:"tree"`
	Ranks  map[string]int   `json:"ranks"`
	Batch  int              `json:"batch"`
	Seq    int              `json:"seq"`
	Leaves []Array          `json:"leaves"`
	Inner  map[string]Array `json:"inner"`
	Bias   Array            `json:"bias"`
	X      Array            `json:"x"` // [seq, batch, input]
	H0     Array            `json:"h0"`
	C0     Array            `json:"c0"`
	Target Array            `json:"target"`
	H      Array            `json:"h"` // [seq, batch, hidden]
	C      Array            `json:"c"`
	Loss   float64          `json:"loss"` // 0.5 sum (h-target)^2 + 0.25 sum c_T^2
	Dense  Array            `json:"dense"`
	V      Array            `json:"v"`
	Wv     Array            `json:"Wv"`
	Grad   struct {
		Leaves []Array          `json:"leaves"`
		Inner  map[string]Array `json:"inner"`
		Bias   Array            `json:"bias"`
		X      Array            `json:"x"`
		H0     Array            `json:"h0"`
		C0     Array            `json:"c0"`
	} `json:"grad"`
}

// Golden reads testdata/golden.json.
func Golden(t testing.TB) []GoldenCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(), "testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Cases []GoldenCase `json:"cases"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Cases) == 0 {
		t.Fatal("testdata/golden.json holds no case")
	}
	return doc.Cases
}

// Root is the module's root folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
