package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/rnn"
)

// maxConfig is the longest configuration text that is read, in bytes; room for some 100,000 class labels.
const maxConfig = 4 << 20

// maxLayers bounds the layers of a file from elsewhere.
const maxLayers = 64

// Config says everything about a model but its weights. It is the JSON text fdht.config of a model file.
type Config struct {
	Cell          string       `json:"cell"` // lstm | gru | rnn
	Bidirectional bool         `json:"bidirectional,omitempty"`
	Input         int          `json:"input"`  // I, numbers of one row (frame) that goes in
	Hidden        int          `json:"hidden"` // H, of each direction
	Layers        int          `json:"layers"`
	Structure     factor.Spec  `json:"structure"`           // of layer 0: W, or its input half, as the scope says
	Upper         *factor.Spec `json:"upper,omitempty"`     // of the layers 1..; nil: Structure serves every layer
	Recurrent     *factor.Spec `json:"recurrent,omitempty"` // of the hidden half where the scope is split
	Classes       []string     `json:"classes"`             // the labels in the order of the logits
	Pooling       string       `json:"pooling"`             // last | mean

	Frame       *Frame       `json:"frame,omitempty"`       // nil for plain sequences
	Steps       int          `json:"steps,omitempty"`       // frames a clip; 0: sequences go in whole
	Standardise *Standardise `json:"standardise,omitempty"` // nil: rows go in as they are
}

// Frame is how a row of the input comes from a video frame: height x width x channels, row-major, scaled to 0..1.
type Frame struct {
	Height   int       `json:"height"`
	Width    int       `json:"width"`
	Channels int       `json:"channels"`
	Input    string    `json:"input"`          // what is taken of the frames, such as rgb or grey
	Lag      lags.List `json:"lag,omitzero"`   // inputs made of differences: frames between the two, for each channel of them
	Gain     float64   `json:"gain,omitempty"` // inputs made of differences: what they are multiplied with
}

// RNN is the part of c that the network itself needs.
func (c Config) RNN() rnn.Config {
	return rnn.Config{
		Cell: c.Cell, Bidirectional: c.Bidirectional, Input: c.Input, Hidden: c.Hidden, Layers: c.Layers,
		Structure: c.Structure, Upper: c.Upper, Recurrent: c.Recurrent, Classes: len(c.Classes), Pooling: c.Pooling,
	}
}

// Validate reports the first thing that is wrong with c, by the name of its key. Whether the structure's modes fit the
// cell is for package rnn to say.
func (c Config) Validate() error {
	if c.Cell == "" {
		return errors.New("cell is missing: give the cell's kind, such as lstm")
	}
	for _, n := range []struct {
		key   string
		value int
		most  int
	}{{"input", c.Input, math.MaxInt32}, {"hidden", c.Hidden, math.MaxInt32}, {"layers", c.Layers, maxLayers}} {
		if n.value < 1 || n.value > n.most {
			return fmt.Errorf("%s is %d: it goes from 1 to %d", n.key, n.value, n.most)
		}
	}
	for _, s := range []struct {
		key  string
		spec *factor.Spec
	}{{"structure", &c.Structure}, {"upper", c.Upper}, {"recurrent", c.Recurrent}} {
		if s.spec == nil {
			continue
		}
		if err := s.spec.Validate(); err != nil {
			return fmt.Errorf("%s: %w", s.key, err)
		}
	}
	if err := c.validateClasses(); err != nil {
		return err
	}
	if c.Pooling != "last" && c.Pooling != "mean" {
		return fmt.Errorf("pooling is %q: choose last or mean", c.Pooling)
	}
	if c.Frame != nil {
		if err := c.Frame.validate(c.Input); err != nil {
			return err
		}
	}
	if c.Steps < 0 || c.Steps > math.MaxInt32 {
		return fmt.Errorf("steps is %d: it goes from 0, sequences whole, to %d", c.Steps, math.MaxInt32)
	}
	if c.Standardise != nil {
		return c.Standardise.validate(c.Input)
	}
	return nil
}

func (c Config) validateClasses() error {
	if len(c.Classes) == 0 {
		return errors.New("classes is empty: give one label for each class")
	}
	seen := make(map[string]bool, len(c.Classes))
	for i, label := range c.Classes {
		if label == "" {
			return fmt.Errorf("classes: label %d is empty", i)
		}
		if seen[label] {
			return fmt.Errorf("classes: label %q is there twice", label)
		}
		seen[label] = true
	}
	return nil
}

func (f Frame) validate(input int) error {
	if f.Height < 1 || f.Width < 1 || f.Channels < 1 {
		return fmt.Errorf("frame is %dx%d with %d channels: each is at least 1", f.Width, f.Height, f.Channels)
	}
	if size := float64(f.Height) * float64(f.Width) * float64(f.Channels); size != float64(input) {
		return fmt.Errorf("frame is %dx%d with %d channels, which makes %.0f numbers, but input is %d", f.Width, f.Height, f.Channels, size, input)
	}
	if f.Input == "" {
		return errors.New("frame.input is missing: say what is taken of the frames, such as rgb or grey")
	}
	if f.Lag[0] < 0 {
		return fmt.Errorf("frame.lag is %d: it is at least 0", f.Lag[0])
	}
	if f.Lag.Len() > 1 {
		if err := f.Lag.Validate(); err != nil {
			return fmt.Errorf("frame.lag: %w", err)
		}
	}
	if math.IsNaN(f.Gain) || math.IsInf(f.Gain, 0) {
		return fmt.Errorf("frame.gain is %v: it must be a number", f.Gain)
	}
	return nil
}

// text writes c as JSON on one line. The same configuration gives the same bytes.
func (c Config) text() (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// ParseConfig reads the JSON text of a Config and validates it. A key that it does not know, that is there twice or
// that is null is an error which names the key.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	if err := strictJSON(text, maxConfig, configKeys(), &c); err != nil {
		if wrong := (*lags.Error)(nil); errors.As(err, &wrong) { // the only list of lags
			err = fmt.Errorf("frame.lag: %w", err)
		}
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func configKeys() keys {
	spec := keys{"kind": nil, "scope": nil, "in": nil, "out": nil, "tree": nil, "ranks": nil}
	return keys{
		"cell": nil, "bidirectional": nil, "input": nil, "hidden": nil, "layers": nil, "structure": spec, "upper": spec, "recurrent": spec,
		"classes": nil, "pooling": nil, "steps": nil,
		"frame":       keys{"height": nil, "width": nil, "channels": nil, "input": nil, "lag": nil, "gain": nil},
		"standardise": keys{"mean": nil, "std": nil},
	}
}
