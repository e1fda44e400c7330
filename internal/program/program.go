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
	Config   model.Config
	Layers   []Layer
	Pixels   Pixels
	Head     int // head.weight [C, H] begins here in the weights
	HeadRank int // R of a head [C, R] [R, H], one after the other; 0: one matrix
	Bias     int // head.bias [C] begins here in the biases
}

// Layer is a cell: z = W_x x + W_h h + b.
type Layer struct {
	Input, Recurrent Matrix
	Bias             int // [M] in the biases
	HiddenBias       int // [M] of the hidden half, -1 where there is none
}

// Options say how a network is written down.
type Options struct {
	Elements int // of working memory for an input's blocks, if it can be done with so few; 0: as many as are fastest
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
	p := &Program{Config: f.Config, Pixels: pixelsOf(f.Config)}
	at := placesOf(f.Net)
	for l := range cfg.Layers {
		prefix := fmt.Sprintf("cell.%d.", l)
		wx, wh := f.Net.Matrix(l, 0), f.Net.RecurrentMatrix(l, 0)
		first := cfg.Inputs(l)
		hidden := at[prefix+wx.Params()[0].Name]
		layer := Layer{Input: input(wx, first, hidden, o.Elements), Bias: at[prefix+"bias"], HiddenBias: -1}
		if b, ok := at[prefix+"recurrent_bias"]; ok {
			layer.HiddenBias = b
		}
		if wh == nil {
			wh = wx
		} else {
			hidden, first = at[prefix+"recurrent."+wh.Params()[0].Name], 0
		}
		layer.Recurrent = whole(wh, first, first+cfg.Hidden, hidden)
		p.Layers = append(p.Layers, layer)
	}
	p.Head, p.Bias = at["head.weight"], at["head.bias"]
	return p, nil
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
