package compress

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
)

// The ranks that a budget is spent on are compared with the best of all equal ranks and of some hundred structures around these.
func TestBudgetIsSpentWell(t *testing.T) {
	in, out := []int{3, 4, 2, 3}, []int{2, 2, 3, 2}
	lowRank := Matrix{24, 72, make([]float32, 24*72)}
	noise := random(24, 72, 3, 0, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		a, b := make([]float64, 24), make([]float64, 72)
		for i := range a {
			a[i] = rng.NormFloat64()
		}
		for j := range b {
			b[j] = rng.NormFloat64()
		}
		for i := range a {
			for j := range b {
				lowRank.Data[i*72+j] += float32(a[i]*b[j]) + 0.05*noise.Data[i*72+j]
			}
		}
	}
	for name, w := range map[string]Matrix{"noise": noise, "falling": random(24, 72, 2, 0.05, 1), "low rank": lowRank} {
		for _, budget := range []int64{150, 600} {
			r, err := Decompose(context.Background(), w, factor.HTSpec(in, out, 1, 1), Target{Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			if r.Report.Weights > budget {
				t.Errorf("%s: %d weights for a budget of %d", name, r.Report.Weights, budget)
			}
			if r.Report.Weights < budget*19/20 {
				t.Errorf("%s: only %d weights of a budget of %d are spent", name, r.Report.Weights, budget)
			}
			best := 1.0
			for leaf := 1; leaf < 13; leaf++ {
				for inner := 1; inner < 20; inner++ {
					s := factor.HTSpec(in, out, leaf, inner)
					for n := range s.Ranks {
						if n.Len() == 1 {
							s.Ranks[n] = min(leaf, s.MaxRank(n))
						}
					}
					if n, err := s.Params(); err != nil || n > budget || s.Validate() != nil {
						continue
					}
					u, err := Decompose(context.Background(), w, s, Target{})
					if err != nil {
						t.Fatal(err)
					}
					best = min(best, u.Report.RelErr)
				}
			}
			if r.Report.RelErr > best*1.01 {
				t.Errorf("%s, %d weights: error %.4f with ranks %v, equal ranks come to %.4f", name, budget, r.Report.RelErr, r.Spec.Ranks, best)
			}
		}
	}
}

func TestBudgetOfOtherKinds(t *testing.T) {
	in, out := []int{3, 4, 2, 5}, []int{2, 3, 4, 2}
	w := random(48, 118, 2, 0.03, 1)
	for _, s := range []factor.Spec{factor.TTSpec(in, out, 1), factor.TRSpec(in, out, 1), factor.BTSpec(in, out, 1, 1),
		factor.HTSpec([]int{120}, []int{48}, 1, 1), factor.HTSpec([]int{12, 10}, []int{8, 6}, 1, 1)} {
		r, err := Decompose(context.Background(), w, s, Target{Budget: 6000})
		if err != nil {
			t.Fatal(err)
		}
		if r.Report.Weights > 6000 || r.Report.RelErr > 0.8 {
			t.Errorf("%s %v: error %v with %d weights", s.Kind, in, r.Report.RelErr, r.Report.Weights)
		}
		same(t, w, r)
	}
	// a train that may have twice the weights is no worse
	last := 1.0
	for budget := int64(100); budget < 5000; budget *= 2 {
		r, err := Decompose(context.Background(), w, factor.TTSpec(in, out, 1), Target{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		if r.Report.RelErr > last || r.Report.Weights > budget {
			t.Errorf("error %v with %d of %d weights, half of them came to %v", r.Report.RelErr, r.Report.Weights, budget, last)
		}
		last = r.Report.RelErr
	}
}

func TestErrors(t *testing.T) {
	ht := factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 2, 2)
	w := random(48, 118, 1, 0, 1)
	bad := random(48, 118, 1, 0, 1)
	bad.Data[118*7+3] /= 0
	for _, c := range []struct {
		src    Source
		spec   factor.Spec
		target Target
		want   string
	}{
		{w, ht, Target{Tol: 0.1, Budget: 100}, "tolerance 0.1 and budget 100: give one of them"},
		{w, ht, Target{Tol: 1}, "tolerance 1: want above 0 and below 1"},
		{w, ht, Target{Budget: -1}, "budget -1: want at least 1"},
		{w, ht, Target{Budget: 38}, "budget of 38 weights: ranks of 1 alone take 39; raise it, or choose other modes"},
		{w, factor.DenseSpec(48, 118), Target{}, `kind "dense": a matrix is decomposed to ht, tt, tr or bt`},
		{w, factor.DenseSpec(48, 118), Target{Tol: 0.1}, `kind "dense": a matrix is decomposed to ht, tt, tr or bt`},
		{w, factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 7, 2), Target{}, "rank 7 at node 0: the least is 1, the largest allowed here is 6"},
		{w, factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 3}, 2, 2), Target{}, "output modes [2 3 4 3] multiply to 72, the matrix has 48 rows: make them agree"},
		{w, factor.HTSpec([]int{3, 4, 2, 4}, []int{2, 3, 4, 2}, 2, 2), Target{}, "input modes [3 4 2 4] multiply to 96, the matrix has 118 columns: give modes that multiply to at least as many"},
		{w, factor.BTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 2, 2), Target{}, "2 blocks: a matrix is decomposed to 1 block"},
		{w, factor.BTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 1, 1), Target{Tol: 1e-6}, "tolerance 1e-06 takes rank 12, and the smallest mode of [2 3 4 2] x [3 4 2 5] allows 6 in a block: choose modes of more even size, or another kind"},
		{w, factor.HTSpec([]int{1 << 15, 1 << 15}, []int{6, 8}, 1, 1), Target{}, "modes [6 8] x [32768 32768] make a matrix of 5.15e+10 entries: the most that is decomposed is 1073741824"},
		{bad, ht, Target{}, "entry 3 of row 7 is "},
	} {
		_, err := Decompose(context.Background(), c.src, c.spec, c.target)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
		var request *RequestError
		if errors.As(err, &request) == strings.HasPrefix(c.want, "entry") {
			t.Errorf("%v: a request %v", err, request != nil)
		}
	}
	r, err := Decompose(context.Background(), w, ht, Target{})
	if err != nil {
		t.Fatal(err)
	}
	train, err := Decompose(context.Background(), w, factor.TTSpec(ht.In, ht.Out, 2), Target{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := Decompose(context.Background(), w, factor.TRSpec(ht.In, ht.Out, 2), Target{})
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]func() (any, error){
		"only matrices of one structure can be added":    func() (any, error) { return Add(r.Factors, train.Factors) },
		`kind "tr": only HT and TT matrices are added`:   func() (any, error) { return Add(ring.Factors, ring.Factors) },
		`kind "tr": only HT and TT matrices are rounded`: func() (any, error) { return Round(ring.Factors, ring.Spec, Target{}) },
		"budget 50: rounding takes ranks or a tolerance": func() (any, error) { return Round(r.Factors, r.Spec, Target{Budget: 50}) },
		"node 0 has no rank":                             func() (any, error) { return Round(r.Factors, factor.Spec{}, Target{}) },
		"0 ranks [] for 5 bonds":                         func() (any, error) { return Round(train.Factors, factor.Spec{}, Target{}) },
		"ranks [1 2 0 2 1] of bonds: the least is 1": func() (any, error) {
			return Round(train.Factors, factor.Spec{Bonds: []int{1, 2, 0, 2, 1}}, Target{})
		},
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestJoined(t *testing.T) {
	a, b := random(4, 3, 1, 0, 1), random(4, 2, 2, 0, 1)
	j := Joined{a, b}
	if rows, cols := j.Size(); rows != 4 || cols != 5 {
		t.Fatalf("size %d x %d", rows, cols)
	}
	row := make([]float32, 5)
	j.Row(row, 2)
	for i, want := range []float32{a.Data[6], a.Data[7], a.Data[8], b.Data[4], b.Data[5]} {
		if row[i] != want {
			t.Errorf("entry %d is %v, want %v", i, row[i], want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("parts of different heights pass")
		}
	}()
	Joined{a, random(5, 1, 1, 0, 1)}.Size()
}

// The results do not depend on the number of processors: see streams.
func TestSameAtAnyNumberOfProcessors(t *testing.T) {
	w := random(256, 300, 9, 0.01, 1)
	s := factor.HTSpec([]int{5, 4, 3, 5}, []int{4, 4, 4, 4}, 6, 6)
	a, err := Decompose(context.Background(), w, s, Target{})
	if err != nil {
		t.Fatal(err)
	}
	one(t, func() {
		b, err := Decompose(context.Background(), w, s, Target{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Data {
			for j := range a.Data[i] {
				if a.Data[i][j] != b.Data[i][j] {
					t.Fatalf("factor %d differs at %d", i, j)
				}
			}
		}
	})
}
