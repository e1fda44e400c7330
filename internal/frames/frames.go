// Package frames says how the rows of a model come from video: package model keeps it as a file has it, package dataset knows what it means, and neither
// knows the other.
package frames

import (
	"fmt"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
)

// Input is the video input of a model, its defaults filled in; of a model of plain sequences the zero Input. A kind of input that is not known, or
// one whose rows do not have the network's size, is an error.
func Input(c model.Config) (dataset.Input, error) {
	f := c.Frame
	if f == nil {
		return dataset.Input{}, nil
	}
	in := dataset.Input{Kind: f.Input, Height: f.Height, Width: f.Width, Lag: f.Lag, Gain: float32(f.Gain)}
	if err := in.Validate(); err != nil {
		return dataset.Input{}, err
	}
	if in.Size() != c.Input {
		return dataset.Input{}, fmt.Errorf("frames of %s have %d numbers, the network takes %d", in.Kind, in.Size(), c.Input)
	}
	return in.WithDefaults(), nil
}
