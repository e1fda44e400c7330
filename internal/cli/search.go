package cli

import (
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/plan"
)

// search asks the planner for what the flags leave open.
func (f *modelFlags) search(l layer, input int, frame frameSize, budget int64) (factor.Spec, error) {
	r := plan.Request{
		Cell: f.Cell, Input: input, Hidden: f.Hidden, Kind: factor.Kind(f.Kind), Budget: budget, In: l.modesIn, Out: l.modesOut, Tree: l.tree,
		Leaf: f.Rank, Inner: f.InnerRank, Limit: 1,
	}
	if r.Inner == 0 {
		r.Inner = f.Rank
	}
	if frame.H*frame.W*frame.C == input {
		r.Frame = plan.Frame{Height: frame.H, Width: frame.W, Channels: frame.C}
	}
	p, err := plan.Propose(r)
	if err != nil {
		return factor.Spec{}, &usageError{err: err}
	}
	s := p.Candidates[0].Spec
	if s.Tree.IsZero() {
		s.Tree = factor.Balanced(len(s.In))
	}
	return s, nil
}
