package compress

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/fdht/fdht/factor"
)

// sketched is how many nodes were found by a sketch.
func sketched(r *Result) (n int) {
	for _, node := range r.Report.Nodes {
		if node.Sketched {
			n++
		}
	}
	return n
}

// Whole decompositions by sketches come close to those without, and their tolerances hold.
func TestDecomposeBySketches(t *testing.T) {
	in, out := []int{6, 5, 6}, []int{7, 7, 6}
	w := random(294, 180, 11, 0.02, 1)
	for _, c := range []struct {
		spec   factor.Spec
		target Target
		nodes  int // found by a sketch, at least; 0: none
	}{
		{factor.HTSpec(in, out, 3, 3), Target{}, 2},
		{factor.TTSpec(in, out, 3), Target{}, 2},
		{factor.TRSpec(in, out, 2), Target{}, 2},
		{factor.BTSpec(in, out, 1, 3), Target{}, 2},
		{factor.HTSpec(in, out, 1, 1), Target{Tol: 0.7}, 3},
		{factor.TTSpec(in, out, 1), Target{Tol: 0.7}, 2},
		{factor.TRSpec(in, out, 1), Target{Tol: 0.7}, 2},
		{factor.BTSpec([]int{6, 6, 5}, []int{7, 6, 7}, 1, 1), Target{Tol: 0.7}, 1},
		{factor.HTSpec(in, out, 1, 1), Target{Budget: 800}, 1},
		{factor.TTSpec(in, out, 1), Target{Budget: 800}, 1},
		{factor.HTSpec(in, out, 1, 1), Target{Tol: 1e-6}, 0}, // finer than a sketch can tell
	} {
		whole, err := Decompose(context.Background(), w, c.spec, c.target)
		if err != nil {
			t.Fatal(err)
		}
		r, err := run{context.Background(), 16}.decompose(w, c.spec, c.target)
		if err != nil {
			t.Fatal(err)
		}
		rep := r.Report
		if n := sketched(r); n < c.nodes || c.nodes == 0 && n > 0 || sketched(whole) > 0 {
			t.Errorf("%s %+v: %d nodes by a sketch, want %d", c.spec.Kind, c.target, n, c.nodes)
		}
		if math.Abs(rep.Error-rep.Bound) > 1e-7*rep.Norm {
			t.Errorf("%s %+v: error %v, bound %v, norm %v", c.spec.Kind, c.target, rep.Error, rep.Bound, rep.Norm)
		}
		if tol := c.target.Tol; tol > 0 && rep.Error > tol*rep.Norm {
			t.Errorf("%s: error %v of %v for tolerance %v", c.spec.Kind, rep.Error, rep.Norm, tol)
		}
		if c.target.Tol == 0 && rep.Error > whole.Report.Error*1.02 || float64(rep.Weights) > 1.1*float64(whole.Report.Weights) {
			t.Errorf("%s %+v: error %v with %d weights, without sketches %v with %d", c.spec.Kind, c.target, rep.Error, rep.Weights, whole.Report.Error, whole.Report.Weights)
		}
		same(t, w, r)
	}
}

// A matrix whose unfoldings are long on both sides is sketched without anybody asking.
func TestLongUnfoldingsAreSketched(t *testing.T) {
	w := random(1600, 1600, 3, 0.01, 1)
	for _, target := range []Target{{}, {Tol: 0.5}} {
		r, err := Decompose(context.Background(), w, factor.TTSpec([]int{40, 40}, []int{40, 40}, 6), target)
		if err != nil {
			t.Fatal(err)
		}
		rep := r.Report
		if sketched(r) != 1 || math.Abs(rep.Error-rep.Bound) > 1e-7*rep.Norm || rep.RelErr < 0.1 || target.Tol > 0 && rep.RelErr > target.Tol {
			t.Errorf("%+v: %d nodes by a sketch, error %v, bound %v, ranks %v", target, sketched(r), rep.RelErr, rep.RelBnd, r.Spec.Bonds)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in, out := []int{3, 4, 2, 5}, []int{2, 3, 4, 2}
	for _, s := range []factor.Spec{factor.HTSpec(in, out, 1, 1), factor.TTSpec(in, out, 1), factor.TRSpec(in, out, 2), factor.BTSpec(in, out, 1, 1)} {
		for _, target := range []Target{{}, {Tol: 0.5}, {Budget: 500}} {
			var request *RequestError
			if _, err := Decompose(ctx, random(48, 118, 1, 0, 1), s, target); !errors.Is(err, context.Canceled) || errors.As(err, &request) {
				t.Errorf("%s %+v: %v", s.Kind, target, err)
			}
		}
	}
}
