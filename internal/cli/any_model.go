package cli

import (
	"fmt"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/quant"
)

// loadAny reads a model file of floats or of integers: one of the two is nil.
func loadAny(path string) (*model.File, *quant.Model, error) {
	buf, err := safetensors.ReadBytes(path)
	if err != nil {
		return nil, nil, err
	}
	var f *model.File
	var q *quant.Model
	if quant.IsQuantised(buf) {
		q, err = quant.Decode(buf)
	} else {
		f, err = model.Decode(buf)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, q, nil
}
