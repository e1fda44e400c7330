package model

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
)

// bestOf compresses matrices to the best of the structures.
func bestOf(ctx context.Context, group []piece, structures []factor.Spec, target compress.Target) (best []*compress.Result, err error) {
	least := math.Inf(1)
	for _, s := range structures {
		results, e := together(ctx, group, s, target)
		if e := ctx.Err(); e != nil {
			return nil, e
		}
		if e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		value := lost(results)
		if target.Tol != 0 {
			value = float64(results[0].Weights())
		}
		if value < least || best == nil {
			best, least = results, value
		}
	}
	if best == nil {
		return nil, err
	}
	return best, nil
}

// together compresses matrices to one structure with the same ranks.
func together(ctx context.Context, group []piece, s factor.Spec, target compress.Target) ([]*compress.Result, error) {
	alone := make([]*compress.Result, len(group))
	var chosen []factor.Spec
	for i, p := range group {
		var err error
		if alone[i], err = p.decompose(ctx, s, target); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(c factor.Spec) bool { return sameSpec(c, alone[i].Spec) }) {
			chosen = append(chosen, alone[i].Spec)
		}
	}
	if len(chosen) == 1 || target == (compress.Target{}) {
		return alone, nil
	}
	if target.Tol != 0 {
		chosen = []factor.Spec{largest(chosen)}
	}
	var best []*compress.Result
	for _, c := range chosen {
		results := slices.Clone(alone)
		for i, p := range group {
			if sameSpec(c, alone[i].Spec) {
				continue
			}
			var err error
			if results[i], err = p.decompose(ctx, c, compress.Target{}); err != nil {
				return nil, err
			}
		}
		if best == nil || lost(results) < lost(best) {
			best = results
		}
	}
	return best, nil
}

// sameSpec reports whether two structures of the same modes and tree have the same ranks.
func sameSpec(a, b factor.Spec) bool {
	return maps.Equal(a.Ranks, b.Ranks) && slices.Equal(a.Bonds, b.Bonds) && a.BlockRank == b.BlockRank
}

// lost is the squared error over all matrices.
func lost(results []*compress.Result) (sum float64) {
	for _, r := range results {
		sum += r.Report.Error * r.Report.Error
	}
	return sum
}

// largest takes the largest rank at each node.
func largest(specs []factor.Spec) factor.Spec {
	out := specs[0].Clone()
	for _, s := range specs[1:] {
		for n, r := range s.Ranks {
			out.Ranks[n] = max(out.Ranks[n], r)
		}
		for k, r := range s.Bonds {
			out.Bonds[k] = max(out.Bonds[k], r)
		}
		out.BlockRank = max(out.BlockRank, s.BlockRank)
	}
	return out
}
