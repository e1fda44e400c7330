package compress

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/factor"
	"pgregory.net/rapid"
)

func TestRound(t *testing.T) {
	for _, kind := range []factor.Kind{factor.HT, factor.TT} {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in, out := shape(t, 1)
				s := structure(t, kind, in, out)
				l, err := factor.New(s)
				if err != nil {
					t.Fatal(err)
				}
				l.Init(math.Pow(10, float64(rapid.IntRange(-20, 20).Draw(t, "scale"))), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
				a := FromLinear(l)
				twice, err := Add(a, a)
				if err != nil {
					t.Fatal(err)
				}
				// A + A is 2A, with A's ranks
				r, err := Round(twice, factor.Spec{}, Target{Tol: 1e-11})
				if err != nil {
					t.Fatal(err)
				}
				if usable(s) && fmt.Sprint(r.Spec.Ranks, r.Spec.Bonds) != fmt.Sprint(s.Ranks, s.Bonds) {
					t.Fatalf("A + A has ranks %v %v, A %v %v", r.Spec.Ranks, r.Spec.Bonds, s.Ranks, s.Bonds)
				}
				want, got := materialize(a), materialize(r.Factors)
				for i := range want {
					got[i] -= 2 * want[i]
				}
				if e := frobenius(got); e > 1e-11*r.Report.Norm {
					t.Fatalf("A + A is off by %v, norm %v", e, r.Report.Norm)
				}
				// fewer ranks: the error, its bound and the best possible
				caps := structure(t, kind, in, out)
				caps.Tree = s.Tree
				if kind == factor.HT {
					most := rapid.IntRange(1, 4).Draw(t, "cap")
					caps = caps.WithRanks(most, most)
				}
				r, err = Round(a, caps, Target{})
				if err != nil {
					t.Fatal(err)
				}
				frames(t, r.Factors)
				rep := r.Report
				exact := materialize(a)
				for i, v := range materialize(r.Factors) {
					exact[i] -= v
				}
				if e := frobenius(exact); math.Abs(e-rep.Error) > 1e-12*rep.Norm {
					t.Fatalf("error %v, reported %v", e, rep.Error)
				}
				if rep.Error > rep.Bound+1e-12*rep.Norm {
					t.Fatalf("error %v, bound %v, norm %v", rep.Error, rep.Bound, rep.Norm)
				}
				w := Matrix{s.Rows(), s.Cols(), l.Materialize().Data}
				lower, count := bestAlone(t, w, r.Spec)
				if rep.Bound > math.Sqrt(float64(count))*lower+1e-5*rep.Norm {
					t.Fatalf("bound %v, more than sqrt(%d) times %v", rep.Bound, count, lower)
				}
			})
		})
	}
}

// materialize forms the matrix of f, row-major.
func materialize(f *Factors) []float64 {
	h := cut(f)
	cols := h.colsL * h.colsR
	w := make([]float64, h.rowsL*h.rowsR*cols)
	for i := range h.rowsL * h.rowsR {
		h.row(w[i*cols:(i+1)*cols], i)
	}
	return w
}
