package program

import (
	"errors"
	"fmt"
	"math"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Program is a whole network as plain operations.
type Program struct {
	Integers             bool // shifts and multipliers are set
	BiasShift, HeadShift int  // integers: of biases, and after the first product of a head of two matrices
	Config               model.Config
	Layers               []Layer
	Pixels               Pixels
	Head                 int // head.weight [C, H] begins here in the weights
	HeadRank             int // R of a head [C, R] [R, H], one after the other; 0: one matrix
	Bias                 int // head.bias [C] begins here in the biases
}

// Layer is a cell: z = W_x x + W_h h + b.
type Layer struct {
	Input, Recurrent Matrix
	Bias             int // [M] in the biases
	HiddenBias       int // [M] of the hidden half, -1 where there is none
}

// Options say how a network is written down.
type Options struct {
	Elements int   // of working memory for an input's blocks, if it can be done with so few; 0: as many as are fastest
	Ways     []Way // of each layer its input's and its hidden half's; nil: the cheapest
}

// Elements is Options.Elements for bytes of elements of the given size: of few bytes at least one element, as 0 is no bound.
func Elements(bytes, size int) int {
	if bytes == 0 {
		return 0
	}
	return max(1, bytes/size)
}

// ErrBidirectional is what New answers for a network that needs the end of a sequence first.
var ErrBidirectional = errors.New("a bidirectional network reads a sequence from both ends: it cannot be exported to take one a step at a time")

// New writes a model down. The weights it counts are the parameters of f.Net in their order without the biases, and the biases without the weights.
func New(f *model.File, o Options) (*Program, error) {
	cfg := f.Net.Config()
	if cfg.Bidirectional {
		return nil, ErrBidirectional
	}
	if o.Elements == 0 {
		o.Elements = math.MaxInt
	}
	if o.Ways != nil && len(o.Ways) != 2*cfg.Layers {
		return nil, fmt.Errorf("ways of %d matrices: want two of each of %d layers", len(o.Ways), cfg.Layers)
	}
	pixels, err := pixelsOf(f.Config)
	if err != nil {
		return nil, err
	}
	p := &Program{Config: f.Config, Pixels: pixels}
	at := placesOf(f.Net)
	for l := range cfg.Layers {
		layer, err := newLayer(f.Net, l, at, o)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
		p.Layers = append(p.Layers, layer)
	}
	p.Head, p.Bias = at["head.weight"], at["head.bias"]
	return p, nil
}

func newLayer(net *rnn.Model, l int, at map[string]int, o Options) (Layer, error) {
	cfg := net.Config()
	prefix := fmt.Sprintf("cell.%d.", l)
	wx, wh := net.Matrix(l, 0), net.RecurrentMatrix(l, 0)
	inputs := cfg.Inputs(l)
	x := at[prefix+wx.Params()[0].Name]
	h, first := x, inputs
	if wh == nil {
		wh = wx
	} else {
		h, first = at[prefix+"recurrent."+wh.Params()[0].Name], 0
	}
	layer := Layer{Bias: at[prefix+"bias"], HiddenBias: -1}
	if b, ok := at[prefix+"recurrent_bias"]; ok {
		layer.HiddenBias = b
	}
	if o.Ways == nil {
		layer.Input, layer.Recurrent = input(wx, inputs, x, o.Elements), whole(wh, first, first+cfg.Hidden, h)
		return layer, nil
	}
	var err error
	if layer.Input, err = along(wx, 0, inputs, x, o.Ways[2*l]); err != nil {
		return layer, fmt.Errorf("input: %w", err)
	}
	if layer.Recurrent, err = along(wh, first, first+cfg.Hidden, h, o.Ways[2*l+1]); err != nil {
		return layer, fmt.Errorf("hidden half: %w", err)
	}
	return layer, nil
}

// IsBias reports whether a parameter stands with the biases.
func IsBias(p rnn.Param) bool {
	return p.Group == rnn.Biases || p.Group == rnn.Head && len(p.Shape) == 1
}

// placesOf says where each parameter begins, in the weights or in the biases.
func placesOf(net *rnn.Model) map[string]int {
	at := map[string]int{}
	weights, biases := 0, 0
	for _, p := range net.Params() {
		if IsBias(p) {
			at[p.Name] = biases
			biases += len(p.Data)
		} else {
			at[p.Name] = weights
			weights += len(p.Data)
		}
	}
	return at
}

// MAC is the number of multiply-adds of the recurrent matrices for one step.
func (p *Program) MAC() (n float64) {
	for _, l := range p.Layers {
		n += l.Input.MAC + l.Recurrent.MAC
	}
	return n
}
