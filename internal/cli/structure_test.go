package cli

import (
	"fmt"
	"testing"

	"github.com/fdht/fdht/factor"
)

// Whatever is asked for, a network that is proposed within a budget has no more weights than that, and its structures, spelled
// out in the flags, make themselves again.
func TestBudgetsHold(t *testing.T) {
	for _, kind := range []string{"ht", "tt", "tr", "bt"} {
		for _, scope := range []string{"full", "partial", "split"} {
			for i, cell := range []string{"lstm", "gru", "rnn"} {
				f := modelFlags{Cell: cell, Kind: kind, Scope: scope, Hidden: 16, Layers: 1 + i%2, Bidirectional: i == 1, Pooling: "mean", Budget: 2500}
				if f.Layers == 2 {
					f.Budget = 6000
				}
				budget, name := f.Budget, fmt.Sprintf("%s %s %s", kind, scope, cell)
				cfg := f.config(60, []string{"a", "b"})
				var err error
				if cfg.Structure, cfg.Upper, cfg.Recurrent, err = f.resolve(60, frameSize{}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := cfg.RNN().Validate(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				weights, _, _, err := cfg.RNN().Count()
				if err != nil || weights > budget || weights < budget/8 {
					t.Errorf("%s: %d weights for a budget of %d, %v", name, weights, budget, err)
				}
				if cfg.Structure.Kind != factor.Kind(kind) || cfg.Structure.Scope != factor.Scope(scope) {
					t.Errorf("%s: %+v", name, cfg.Structure)
				}
				again := cfg
				if again.Structure, again.Upper, again.Recurrent, err = f.resolve(60, frameSize{}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := sameStructure("m", cfg, again); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// The hidden half takes its modes from the input half and its ranks from --rank.
func TestHiddenHalf(t *testing.T) {
	f := modelFlags{Cell: "gru", Kind: "tt", Scope: "split", Hidden: 12, Layers: 1, ModesIn: []int{5, 2, 2}, ModesOut: []int{6, 3, 2}, Rank: 3, RecurrentKind: "bt", Blocks: 2}
	_, _, got, err := f.resolve(20, frameSize{})
	if err != nil {
		t.Fatal(err)
	}
	want := factor.BTSpec([]int{2, 2, 3}, []int{6, 3, 2}, 2, 3)
	if describeValue(*got) != describeValue(want) {
		t.Errorf("%s, want %s", describeValue(*got), describeValue(want))
	}
	if f.Rank != 0 || f.RecurrentRanks.String() != "2x3" || f.Ranks.String() != "1,3,3,1" {
		t.Errorf("rank %d, ranks %v and %v", f.Rank, f.Ranks, f.RecurrentRanks)
	}
}
