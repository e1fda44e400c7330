package rnn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
)

// TestLargeDense compares networks whose dense gradients are written in place, the whole batch in one shard, with the same
// weights as HT matrices of one mode, which have gradients of their own.
func TestLargeDense(t *testing.T) {
	const in, H = 2400, 150
	oneMode := func(rows, cols int) factor.Spec { return ht([]int{cols}, []int{rows}, 1, 1) }
	for _, cell := range []string{LSTM, GRU} {
		for _, bidirectional := range []bool{false, true} {
			for _, scope := range []factor.Scope{factor.Full, factor.Partial} {
				t.Run(fmt.Sprintf("%s-%v-%s", cell, bidirectional, scope), func(t *testing.T) {
					cfg := Config{Cell: cell, Bidirectional: bidirectional, Input: in, Hidden: H, Layers: 2, Classes: 3, Pooling: PoolMean}
					M, hidden := cfg.Gates()*H, 0
					if scope == factor.Full {
						hidden = H
					}
					spec := func(of func(rows, cols int) factor.Spec) Config {
						c := cfg
						c.Structure = of(M, in+hidden).WithScope(scope)
						c.Upper = specOf(of(M, c.Outputs()+hidden).WithScope(scope))
						return c
					}
					large, same := fresh(t, spec(factor.DenseSpec), 1), fresh(t, spec(oneMode), 1)
					for i := range large.params {
						copy(same.params[i].Data, large.params[i].Data)
					}
					r, s := large.NewRunner(2), same.NewRunner(2)
					if !r.whole || s.whole {
						t.Fatalf("in one shard: dense %v, HT %v", r.whole, s.whole)
					}
					batch := ragged(large.cfg, 6, 5)
					got, want := gradsOf(large), gradsOf(same)
					a, b := r.Train(got, batch, 0, 1, quadratic), s.Train(want, batch, 0, 1, quadratic)
					if math.Abs(a-b) > 1e-4*(1+math.Abs(b)) {
						t.Errorf("loss %g, want %g", a, b)
					}
					for p := range got {
						size := float64(max(slices.Max(want[p]), -slices.Min(want[p])))
						for i := range got[p] {
							if d := math.Abs(float64(got[p][i] - want[p][i])); !(d <= 1e-4*size+1e-7) {
								t.Fatalf("gradient of %s[%d] is %g, want %g", large.params[p].Name, i, got[p][i], want[p][i])
							}
						}
					}
				})
			}
		}
	}
}
