package model

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

// structureFor is a structure for a matrix of rows x cols with ranks of 1.
func structureFor(kind factor.Kind, scope factor.Scope, rows, cols int) factor.Spec {
	in, out := []int{2, (cols + 1) / 2}, []int{rows / 3, 3}
	var s factor.Spec
	switch kind {
	case factor.HT:
		s = factor.HTSpec(in, out, 1, 1)
	case factor.TT:
		s = factor.TTSpec(in, out, 1)
	case factor.TR:
		s = factor.TRSpec(in, out, 1)
	}
	return s.WithScope(scope)
}

// At full rank every network gives PyTorch's numbers still; with less, its cells share their structures.
func TestCompress(t *testing.T) {
	for _, c := range torchCases(t) {
		f, _, err := fromPyTorchCase(t, c)
		if err != nil {
			t.Fatal(err)
		}
		rows := f.Config.RNN().Gates() * c.Hidden
		for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR} {
			for _, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
				name := fmt.Sprintf("%s %d layers both %v %s %s", c.Cell, c.Layers, c.Bidirectional, kind, scope)
				hidden := 0
				if scope == factor.Full {
					hidden = c.Hidden
				}
				how := Compression{Structure: structureFor(kind, scope, rows, c.Input+hidden), Target: compress.Target{Tol: 1e-7}}
				upper := structureFor(kind, scope, rows, c.outputs()+hidden)
				how.Upper = &upper
				if scope == factor.Split {
					rec := structureFor(kind, factor.Full, rows, c.Hidden)
					how.Recurrent = &rec
				}
				g, report, err := Compress(f, how)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				testutil.CloseTo(t, name, c.logits(g.Net), c.means(), 5e-6)
				matrices := c.Layers * f.Config.RNN().Directions()
				if scope == factor.Split {
					matrices *= 2
				}
				if len(report) != matrices {
					t.Errorf("%s: %d matrices in the report, want %d", name, len(report), matrices)
				}
				// a second time from the structured model: what is not dense is formed
				h, _, err := Compress(g, how)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				testutil.CloseTo(t, name+" again", c.logits(h.Net), c.means(), 1e-5)

				weights, _, _ := g.Net.Count()
				how.Target = compress.Target{Budget: weights - 1}
				h, report, err = Compress(f, how)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if n, _, _ := h.Net.Count(); n > how.Target.Budget {
					t.Errorf("%s: %d weights for a budget of %d", name, n, how.Target.Budget)
				}
				for _, r := range report {
					if r.Error > r.Bound*(1+1e-9)+1e-12 || r.RelErr > 0.99 {
						t.Errorf("%s: %s: error %v, bound %v of norm %v", name, r.Name, r.Error, r.Bound, r.Norm)
					}
				}
			}
		}
	}
}

func fromPyTorchCase(t *testing.T, c torchCase) (*File, []string, error) {
	return FromPyTorch(writeTensors(t, c.stateDict("", "F32")), PyTorch{Pooling: "mean"})
}

func TestCompressRefuses(t *testing.T) {
	c := torchCases(t)[2] // two layers
	f, _, err := fromPyTorchCase(t, c)
	if err != nil {
		t.Fatal(err)
	}
	full, partial := structureFor(factor.HT, factor.Full, 12, 7), structureFor(factor.HT, factor.Partial, 12, 4)
	wrong := structureFor(factor.HT, factor.Full, 15, 7)
	small := structureFor(factor.HT, factor.Full, 12, 4)
	for _, tc := range []struct {
		how  Compression
		want string
	}{
		{Compression{Structure: structureFor(factor.HT, factor.Split, 12, 4)}, "scope split, and no structure of the hidden half: give one"},
		{Compression{Structure: partial, Target: compress.Target{Budget: 72}}, "budget of 72 weights: the dense hidden halves alone have 72"},
		{Compression{Structure: full, Target: compress.Target{Budget: 20}}, "cell.0: budget of 10 weights: ranks of 1 alone take"},
		{Compression{Structure: wrong}, "cell.0: output modes [5 3] multiply to 15, the matrix has 12 rows"},
		{Compression{Structure: full, Upper: &small}, "cell.1: input modes [2 2] multiply to 4, the matrix has 6 columns"},
	} {
		_, _, err := Compress(f, tc.how)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}
