package plan

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
)

// Compare puts the kinds HT, TT, TR, BT and dense side by side under one request, whose Kind is not looked at. As they spend the same
// budget, those with the fewest multiply-adds come first (after those that line up with a frame), each halving of the ranks that W
// can have counting as four times as many; dense comes last. What the request sets for one kind alone (Tree, Inner, Blocks) the others do without. Every kind that
// fits gets at least one candidate, even beyond the Limit; for the others Omitted says why they do not fit.
func Compare(r Request) (Plan, error) {
	var kinds []found
	var omitted []Omitted
	var failure error
	for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR, factor.BT} {
		f, err := r.only(kind).find()
		if err != nil {
			omitted = append(omitted, Omitted{string(kind), err.Error()})
			if failure == nil {
				failure = err
			}
			continue
		}
		for _, o := range f.omitted {
			omitted = append(omitted, Omitted{fmt.Sprintf("%s, %s", kind, o.What), o.Why})
		}
		kinds = append(kinds, f)
	}
	if len(kinds) == 0 {
		return Plan{}, failure
	}
	all := kinds[0]
	all.options, all.omitted = nil, omitted
	slices.SortStableFunc(kinds, func(a, b found) int { return cheaper(a.options[0], b.options[0]) })
	for i := 0; i < all.Limit; i++ {
		for _, f := range kinds {
			if i < len(f.options) && (i == 0 || len(all.options) < all.Limit) {
				all.options = append(all.options, f.options[i])
			}
		}
	}
	slices.SortStableFunc(all.options, cheaper)
	dense, err := r.only(factor.Dense).find()
	if err != nil {
		all.omitted = append(all.omitted, Omitted{string(factor.Dense), err.Error()})
	} else {
		all.options = append(all.options, dense.options...)
	}
	return all.plan()
}

// cheaper orders options of different kinds, whose ranks cannot be compared.
func cheaper(a, b *option) int {
	a, b = a.ofRankOne(), b.ofRankOne()
	return better(a, b)
}

// ofRankOne is o as if its ranks were 1.
func (o *option) ofRankOne() *option {
	p := *o
	p.rank = 0
	return &p
}

// only is r for one kind, without what is set for others.
func (r Request) only(kind factor.Kind) Request {
	r.Kind = kind
	if kind != factor.HT {
		r.Tree, r.Inner = factor.Tree{}, 0
	}
	if kind != factor.BT {
		r.Blocks = 0
	}
	if kind == factor.Dense {
		r.In, r.Out, r.Leaf, r.Modes = nil, nil, 0, 0
	}
	return r
}
