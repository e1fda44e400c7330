package cli

import (
	"slices"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// modelFlags say what network is made.
type modelFlags struct {
	Cell          string    `group:"model" default:"lstm" placeholder:"KIND" help:"Kind of the cell: lstm, gru or rnn (${default})."`
	Bidirectional bool      `group:"model" help:"A second cell in each layer reads the steps from the last to the first; such a network cannot stream."`
	Hidden        int       `group:"model" default:"256" placeholder:"H" help:"Hidden units, of each direction (${default})."`
	Layers        int       `group:"model" default:"1" placeholder:"N" help:"Layers (${default})."`
	Kind          string    `group:"model" default:"ht" placeholder:"KIND" help:"Structure of the weight matrix: ht (hierarchical Tucker), tt (tensor train), tr (tensor ring), bt (block terms) or dense (${default})."`
	Scope         string    `group:"model" default:"full" placeholder:"PART" help:"What has that structure: full, inputs and hidden units as one matrix; partial, the input half, beside a dense hidden half; split, each half for itself (${default})."`
	Budget        int64     `group:"model" placeholder:"W" help:"Most recurrent weights; modes, tree and ranks that are left out are chosen to fit."`
	ModesIn       []int     `group:"model" placeholder:"N" help:"Input modes; they multiply to at least inputs + hidden units, or inputs alone if the scope is not full."`
	ModesOut      []int     `group:"model" placeholder:"M" help:"Output modes; they multiply to 4 (gru: 3, rnn: 1) x hidden units."`
	Tree          treeFlag  `group:"model" placeholder:"TREE" help:"ht: dimension tree, such as [[0,1],[2,3]]; left out: balanced."`
	Rank          int       `group:"model" placeholder:"R" help:"All ranks of the structure; ht: of the leaves, and of the inner nodes without --inner-rank."`
	InnerRank     int       `group:"model" placeholder:"R" help:"ht: rank of all inner nodes."`
	Blocks        int       `group:"model" placeholder:"P" help:"bt: number of blocks (1)."`
	Ranks         ranksFlag `group:"model" placeholder:"RANKS" help:"Every rank: ht a node each, such as 0:8,1:8,2:8,3:8,0-2:6,2-4:6; tt and tr r_0..r_d, such as 1,8,8,1; bt blocks x rank, such as 2x4."`
	Pooling       string    `group:"model" default:"mean" placeholder:"WAY" help:"What the classifier reads: last hidden state, or mean over time (${default})."`

	UpperKind     string    `group:"upper" placeholder:"KIND" help:"As --kind (the same)."`
	UpperModesIn  []int     `group:"upper" placeholder:"N" help:"As --modes-in; a layer above reads as many inputs as the one below has hidden units, bidirectional twice that."`
	UpperModesOut []int     `group:"upper" placeholder:"M" help:"As --modes-out."`
	UpperTree     treeFlag  `group:"upper" placeholder:"TREE" help:"As --tree."`
	UpperRanks    ranksFlag `group:"upper" placeholder:"RANKS" help:"As --ranks."`

	RecurrentKind     string    `group:"recurrent" placeholder:"KIND" help:"As --kind (the same)."`
	RecurrentModesIn  []int     `group:"recurrent" placeholder:"N" help:"Input modes; they multiply to at least hidden units (these, split evenly)."`
	RecurrentModesOut []int     `group:"recurrent" placeholder:"M" help:"Output modes (those of the input half)."`
	RecurrentTree     treeFlag  `group:"recurrent" placeholder:"TREE" help:"As --tree."`
	RecurrentRanks    ranksFlag `group:"recurrent" placeholder:"RANKS" help:"As --ranks (--rank)."`
}

// resolve chooses the structures of the first layer, of those above it and, with scope split, of the hidden halves, and
// writes them back to the flags, so that these say all. upper is nil with one layer, recurrent with another scope.
func (f *modelFlags) resolve(input int, frame frameSize) (first factor.Spec, upper, recurrent *factor.Spec, err error) {
	if err := f.check(); err != nil {
		return first, nil, nil, err
	}
	b, err := f.share()
	if err != nil {
		return first, nil, nil, err
	}
	l := layer{kind: f.Kind, modesIn: f.ModesIn, modesOut: f.ModesOut, tree: f.Tree.Tree, ranks: f.Ranks}
	if first, err = f.spec(l, input, frame, b.first); err != nil {
		return first, nil, nil, err
	}
	chosen := !f.spelledOut(l) // something is left for the budget to choose
	if f.Layers > 1 {
		outputs := f.Hidden
		if f.Bidirectional {
			outputs *= 2
		}
		l := layer{prefix: "upper-", kind: orKind(f.UpperKind, f.Kind), modesIn: f.UpperModesIn, modesOut: f.UpperModesOut, tree: f.UpperTree.Tree, ranks: f.UpperRanks}
		s, err := f.spec(l, outputs, frameSize{}, b.upper)
		if err != nil {
			return first, nil, nil, err
		}
		upper = &s
		chosen = chosen || !f.spelledOut(l)
	}
	if f.Scope == string(factor.Split) {
		l := layer{prefix: "recurrent-", kind: orKind(f.RecurrentKind, f.Kind), modesIn: f.RecurrentModesIn, modesOut: f.RecurrentModesOut,
			tree: f.RecurrentTree.Tree, ranks: f.RecurrentRanks}
		l = f.beside(l, first)
		s, err := f.spec(l, 0, frameSize{}, b.recurrent)
		if err != nil {
			return first, nil, nil, err
		}
		chosen = chosen || !f.spelledOut(l)
		s.Scope = factor.Full // it is all of a matrix of its own
		recurrent = &s
	}
	if f.Budget > 0 && !chosen {
		return first, nil, nil, usage("leave it away, or the ranks", "--budget %d: modes and ranks are given, so that nothing is left to choose", f.Budget)
	}
	f.write(first, upper, recurrent)
	return first, upper, recurrent, nil
}

func orKind(kind, other string) string {
	if kind == "" {
		return other
	}
	return kind
}

// check reports flags that contradict each other or that the kind or the number of layers has no use for.
func (f *modelFlags) check() error {
	switch {
	case f.Hidden < 1 || f.Hidden > 1<<20:
		return usage("", "--hidden %d: want 1 to %d", f.Hidden, 1<<20)
	case f.Layers < 1 || f.Layers > 64:
		return usage("", "--layers %d: want 1 to 64", f.Layers)
	case gates(f.Cell) == 0:
		return usage("", "--cell %s: want lstm, gru or rnn", f.Cell)
	case f.Scope != string(factor.Full) && f.Scope != string(factor.Partial) && f.Scope != string(factor.Split):
		return usage("", "--scope %s: want full, partial or split", f.Scope)
	case f.Rank < 0 || f.InnerRank < 0 || f.Blocks < 0 || f.Budget < 0:
		return usage("leave out what is to be chosen", "--rank %d, --inner-rank %d, --blocks %d, --budget %d: none is negative", f.Rank, f.InnerRank, f.Blocks, f.Budget)
	case f.Layers == 1 && (f.UpperKind != "" || len(f.UpperModesIn)+len(f.UpperModesOut) > 0 || !f.UpperTree.IsZero() || !f.UpperRanks.isZero()):
		return usage("", "the flags --upper-.. are for layers above the first, --layers is 1")
	case f.Scope != string(factor.Split) && (f.RecurrentKind != "" || len(f.RecurrentModesIn)+len(f.RecurrentModesOut) > 0 || !f.RecurrentTree.IsZero() || !f.RecurrentRanks.isZero()):
		return usage("with --scope split the hidden half has a structure of its own", "the flags --recurrent-.. do not go with --scope %s", f.Scope)
	case !f.Ranks.isZero() && (f.Rank > 0 || f.InnerRank > 0 || f.Blocks > 0):
		return usage("leave one away", "--ranks and --rank do not go together")
	}
	kinds := []string{f.Kind, orKind(f.UpperKind, f.Kind), orKind(f.RecurrentKind, f.Kind)}
	for i, flag := range []string{"kind", "upper-kind", "recurrent-kind"} {
		if !slices.Contains(factor.Kinds, factor.Kind(kinds[i])) {
			return usage("", "--%s %s: want ht, tt, tr, bt or dense", flag, kinds[i])
		}
	}
	has := func(k factor.Kind) bool { return slices.Contains(kinds, string(k)) }
	switch {
	case f.InnerRank > 0 && !has(factor.HT):
		return usage("--rank is for every kind", "--inner-rank %d: kind %s has no inner nodes, only ht has", f.InnerRank, f.Kind)
	case f.Blocks > 0 && !has(factor.BT):
		return usage("", "--blocks %d: kind %s has no blocks, only bt has", f.Blocks, f.Kind)
	}
	return nil
}

// gates is the number of gate blocks of a cell, 0 where there is no such cell.
func gates(cell string) int { return rnn.Config{Cell: cell}.Gates() }

// write puts structures into the flags.
func (f *modelFlags) write(first factor.Spec, upper, recurrent *factor.Spec) {
	f.ModesIn, f.ModesOut, f.Tree.Tree, f.Ranks = first.In, first.Out, first.Tree, ranksOf(first)
	if u := upper; u != nil {
		f.UpperModesIn, f.UpperModesOut, f.UpperTree.Tree, f.UpperRanks = u.In, u.Out, u.Tree, ranksOf(*u)
	}
	if r := recurrent; r != nil {
		f.RecurrentModesIn, f.RecurrentModesOut, f.RecurrentTree.Tree, f.RecurrentRanks = r.In, r.Out, r.Tree, ranksOf(*r)
	}
	f.Budget, f.Rank, f.InnerRank, f.Blocks = 0, 0, 0, 0
}

// config is what the flags say of a network, its structures left out.
func (f *modelFlags) config(input int, classes []string) model.Config {
	return model.Config{Cell: f.Cell, Bidirectional: f.Bidirectional, Input: input, Hidden: f.Hidden, Layers: f.Layers, Classes: classes, Pooling: f.Pooling}
}
