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
	TTRank4   = "tt-r4"         // the modes of ht-r4, all ranks 4
	TRRank4   = "tr-r4"
	BTRank4   = "bt-r4" // 2 blocks
	Dense     = "dense"

	// The input half alone, as published: n = 8,20,20,18, m = 16,4,4,4, all ranks 4; the hidden half is dense.
	HTPartial = "ht-r4-partial"
	TTPartial = "tt-r4-partial" // 3,360 weights beside the hidden half
	TRPartial = "tr-r4-partial"
	BTPartial = "bt-r4-partial" // 2 blocks
)

// Names are all networks.
var Names = []string{HTRank4, HTRank8, HTPlanned, TTRank4, TRRank4, BTRank4, HTPartial, TTPartial, TRPartial, BTPartial, Dense}

// The modes of the networks but HTPlanned.
var (
	fullIn, fullOut       = []int{8, 20, 20, 19}, []int{4, 4, 8, 8}
	partialIn, partialOut = []int{8, 20, 20, 18}, []int{16, 4, 4, 4}
)

// paperSpec is the structure of HTRank4 and HTRank8.
func paperSpec(rank int) factor.Spec { return factor.HTSpec(fullIn, fullOut, rank, rank) }

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
	case TTRank4:
		return factor.TTSpec(fullIn, fullOut, 4), nil
	case TRRank4:
		return factor.TRSpec(fullIn, fullOut, 4), nil
	case BTRank4:
		return factor.BTSpec(fullIn, fullOut, 2, 4), nil
	case HTPartial:
		return factor.HTSpec(partialIn, partialOut, 4, 4).WithScope(factor.Partial), nil
	case TTPartial:
		return factor.TTSpec(partialIn, partialOut, 4).WithScope(factor.Partial), nil
	case TRPartial:
		return factor.TRSpec(partialIn, partialOut, 4).WithScope(factor.Partial), nil
	case BTPartial:
		return factor.BTSpec(partialIn, partialOut, 2, 4).WithScope(factor.Partial), nil
	case Dense:
		return factor.DenseSpec(4*hidden, inputs+hidden), nil
	}
	return factor.Spec{}, fmt.Errorf("no network %q", name)
}

// config is a network of the paper's size with a structure.
func config(s factor.Spec) rnn.Config {
	return rnn.Config{Cell: rnn.LSTM, Input: inputs, Hidden: hidden, Layers: 1, Structure: s, Classes: classes, Pooling: rnn.PoolLast}
}
