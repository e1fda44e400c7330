package quant

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
)

// TestFloat: the floats that integers stand for give nearly the integers' logits, much nearer than the floats that were quantised do.
func TestFloat(t *testing.T) {
	all := testmodels.All(t)
	own, before := 0.0, 0.0
	for n, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		rows := testmodels.Rows(f.Config, 4, 2)
		m := quantised(t, f, rows, Options{Bits: 8, HeadRank: n % 3})
		got, err := m.Float()
		if err != nil {
			t.Fatal(err)
		}
		want := forward(m, rows)
		for i, v := range testmodels.Logits(t, got, rows)[3] {
			d := math.Abs(float64(v - want[i]))
			if !(d < 5e-3) {
				t.Errorf("%s: logit %d is %v, of integers %v", name, i, v, want[i])
			}
			own += d
		}
		for i, v := range testmodels.Logits(t, f, rows)[3] {
			before += math.Abs(float64(v - want[i]))
		}
	}
	if !(5*own < before) {
		t.Errorf("off by %g in all, the floats before by %g", own, before)
	}
}
