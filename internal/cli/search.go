package cli

import (
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/plan"
)

// search asks the planner for what the flags leave open.
func (f *modelFlags) search(l layer, input int, frame frameSize, budget int64) (factor.Spec, error) {
	r := plan.Request{
		Cell: f.Cell, Input: input, Hidden: f.Hidden, Kind: factor.Kind(l.kind), Scope: l.scope, Budget: budget, In: l.modesIn, Out: l.modesOut,
		Tree: l.tree, Leaf: f.Rank, Limit: 1,
	}
	if r.Kind == factor.HT { // a kind beside it may be another
		if r.Inner = f.InnerRank; r.Inner == 0 {
			r.Inner = f.Rank
		}
	}
	if r.Kind == factor.BT {
		r.Blocks = f.Blocks
	}
	if l.scope != factor.Full {
		// One of two matrices: the planner takes the other to be dense and counts it, the budget is of this one alone.
		r.Scope = factor.Partial
		r.Input, _ = l.columns(input, f.Hidden)
		if budget > 0 {
			r.Budget += int64(gates(f.Cell)) * int64(f.Hidden) * int64(f.Hidden)
		}
	}
	if frame.H*frame.W*frame.C == r.Input {
		r.Frame = plan.Frame{Height: frame.H, Width: frame.W, Channels: frame.C}
	}
	p, err := plan.Propose(r)
	if err != nil {
		return factor.Spec{}, &usageError{err: err}
	}
	return spelled(p.Candidates[0].Spec.WithScope(l.scope)), nil
}
