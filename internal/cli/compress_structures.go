package cli

import "github.com/fdht/fdht/factor"

// structures are those that a matrix may get: the one that the flags spell out, or proposals.
func (f *modelFlags) structures(l layer, input int) ([]factor.Spec, error) {
	if (len(l.modesIn) > 0) != (len(l.modesOut) > 0) {
		return nil, usage("give both, or none and several are tried", "one of --%smodes-in and --%smodes-out is missing", l.prefix, l.prefix)
	}
	if err := checkModes(l, input, f.Hidden); err != nil {
		return nil, err
	}
	if err := l.checkTree(); err != nil {
		return nil, err
	}
	if !f.Ranks.isZero() && l.ranks.isZero() {
		return nil, usage("give each its ranks, or --rank for all", "--%sranks is missing: those of --ranks are for the first matrix alone", l.prefix)
	}
	fixed := f.Rank > 0 || !l.ranks.isZero()
	if len(l.modesIn) > 0 {
		if !fixed {
			return []factor.Spec{f.unranked(l)}, nil
		}
		s, err := f.explicit(l)
		return []factor.Spec{s}, err
	}
	if !l.ranks.isZero() || !l.tree.IsZero() {
		return nil, usage("", "--%sranks and --%stree need --%smodes-in and --%smodes-out", l.prefix, l.prefix, l.prefix, l.prefix)
	}
	rows, _ := l.rows(f.Hidden)
	cols, _ := l.columns(input, f.Hidden)
	var out []factor.Spec
	for _, m := range proposeModes(rows, cols) {
		l.modesIn, l.modesOut = m.in, m.out
		s := f.unranked(l)
		if f.Rank > 0 {
			s = clampRanks(f.ranked(s))
		}
		if fixed && s.Kind == factor.BT && s.BlockRank < f.Rank { // fewer modes may allow more
			if len(out) == 0 || s.BlockRank > out[0].BlockRank {
				out = []factor.Spec{s}
			}
			continue
		}
		if fixed {
			return []factor.Spec{s}, nil
		}
		out = append(out, s)
		if int64(rows)*int64(cols) > manyEntries {
			break
		}
	}
	return out, nil
}

// unranked is the structure with ranks of 1.
func (f *modelFlags) unranked(l layer) factor.Spec {
	g := *f
	g.Rank, g.InnerRank = 1, 1
	return g.ranked(l.bare())
}

// clampRanks makes ranks of modes that were chosen here valid: no larger than the modes allow.
func clampRanks(s factor.Spec) factor.Spec {
	for _, n := range s.Tree.Nodes() {
		if r, ok := s.Ranks[n]; ok {
			s.Ranks[n] = min(r, s.MaxRank(n))
		}
	}
	if s.Kind == factor.TT {
		for k, r := range s.Bonds {
			s.Bonds[k] = min(r, s.MaxBond(k))
		}
	}
	if s.Kind == factor.BT {
		for k := range s.In {
			s.BlockRank = min(s.BlockRank, s.In[k]*s.Out[k])
		}
	}
	return s
}
