package bench

import (
	"fmt"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/plan"
	"github.com/fdht/fdht/rnn"
)

// The size of the paper's network for UCF11: frames of 120x160x3.
const (
	inputs  = 57600
	hidden  = 256
	classes = 11
)

// The names of the networks.
const (
	HTRank4   = "ht-r4"         // m = 4,4,8,8, n = 8,20,20,19, all ranks 4
	HTRank8   = "ht-r8"         // the same modes, all ranks 8
	HTPlanned = "ht-r4-planned" // the modes that package plan likes best at ranks 4 and no more weights than ht-r4
	Dense     = "dense"
)

// Names are all networks.
var Names = []string{HTRank4, HTRank8, HTPlanned, Dense}

// paperSpec is the structure of HTRank4 and HTRank8.
func paperSpec(rank int) factor.Spec {
	return factor.HTSpec([]int{8, 20, 20, 19}, []int{4, 4, 8, 8}, rank, rank)
}

// Structure is the structure of a network by its name.
func Structure(name string) (factor.Spec, error) {
	switch name {
	case HTRank4:
		return paperSpec(4), nil
	case HTRank8:
		return paperSpec(8), nil
	case HTPlanned:
		weights, err := paperSpec(4).Params()
		if err != nil {
			return factor.Spec{}, err
		}
		p, err := plan.Propose(plan.Request{Input: inputs, Hidden: hidden, Leaf: 4, Inner: 4, Budget: weights, Limit: 1})
		if err != nil {
			return factor.Spec{}, err
		}
		return p.Candidates[0].Spec, nil
	case Dense:
		return factor.DenseSpec(4*hidden, inputs+hidden), nil
	}
	return factor.Spec{}, fmt.Errorf("no network %q", name)
}

// config is a network of the paper's size with a structure.
func config(s factor.Spec) rnn.Config {
	return rnn.Config{Cell: rnn.LSTM, Input: inputs, Hidden: hidden, Layers: 1, Structure: s, Classes: classes, Pooling: rnn.PoolLast}
}
