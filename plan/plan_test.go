package plan

import (
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
	"pgregory.net/rapid"
)

func propose(t testing.TB, r Request) Plan {
	t.Helper()
	p, err := Propose(r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return p
}

// TestFixedModes holds the prices of structures that are fixed entirely to known numbers.
func TestFixedModes(t *testing.T) {
	for _, c := range []struct {
		in, out      []int
		leaf, inner  int
		weights, mac int64
	}{
		{[]int{8, 113, 8, 8}, []int{4, 4, 8, 8}, 4, 4, 2592, 1_227_008},
		{[]int{8, 8, 8, 113}, []int{4, 4, 4, 16}, 4, 4, 7760, 4_169_984},
		{[]int{8, 8, 8, 113}, []int{16, 4, 4, 4}, 4, 4, 2720, 1_159_424},
		{[]int{8, 8, 8, 113}, []int{16, 4, 4, 4}, 8, 8, 6240, 2_740_224},
	} {
		p := propose(t, Request{Input: 57600, Hidden: 256, In: c.in, Out: c.out, Leaf: c.leaf, Inner: c.inner})
		if len(p.Candidates) != 1 {
			t.Fatalf("%v x %v: %d candidates, want 1", c.in, c.out, len(p.Candidates))
		}
		got := p.Candidates[0]
		if !slices.Equal(got.Spec.In, c.in) || !slices.Equal(got.Spec.Out, c.out) {
			t.Errorf("modes %v x %v became %v x %v", c.in, c.out, got.Spec.In, got.Spec.Out)
		}
		if got.Weights != c.weights || got.MAC != c.mac {
			t.Errorf("%v x %v: %d weights and %d multiply-adds, want %d and %d", c.in, c.out, got.Weights, got.MAC, c.weights, c.mac)
		}
		if got.Biases != 1024 || got.DenseWeights != 1024*57856 || got.Padding != 0 {
			t.Errorf("%v x %v: biases %d, dense %d, padding %d", c.in, c.out, got.Biases, got.DenseWeights, got.Padding)
		}
	}
}

// TestPaperBudget holds the search at the paper's size and budget to a structure found by hand.
func TestPaperBudget(t *testing.T) {
	p := propose(t, Request{Input: 57600, Hidden: 256, Budget: 8808})
	if len(p.Candidates) < 3 {
		t.Fatalf("%d candidates", len(p.Candidates))
	}
	best := p.Candidates[0]
	for n, r := range best.Spec.Ranks {
		if r < 9 {
			t.Errorf("rank %d at node %v of %v x %v: by hand all ranks are at least 9", r, n, best.Spec.In, best.Spec.Out)
		}
	}
	if best.MAC > 2_500_000 {
		t.Errorf("%v x %v takes %d multiply-adds, by hand 2.5 M are enough", best.Spec.In, best.Spec.Out, best.MAC)
	}
	for _, c := range p.Candidates {
		if c.Weights > 8808 || c.Weights < 8000 {
			t.Errorf("%v x %v has %d weights of 8808", c.Spec.In, c.Spec.Out, c.Weights)
		}
	}
}

// TestFixedRanksBeatTheHandMade looks for pairings at ranks of 4.
func TestFixedRanksBeatTheHandMade(t *testing.T) {
	best := propose(t, Request{Input: 57600, Hidden: 256, Leaf: 4, Inner: 4}).Candidates[0]
	if best.Weights > 2592 || best.MAC > 1_159_424 {
		t.Errorf("%v x %v has %d weights and %d multiply-adds, by hand 2592 and 1159424", best.Spec.In, best.Spec.Out, best.Weights, best.MAC)
	}
}

func TestDefaultRanks(t *testing.T) {
	for _, size := range [][2]int{{57600, 256}, {12, 64}, {1, 1}, {100, 3}, {997, 1}, {640, 257}} {
		s, err := Default(size[0], size[1], Frame{}, 0)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		w, err := s.Params()
		if err != nil || w > 8808 {
			t.Errorf("%v: %d weights, %v", size, w, err)
		}
		for n, r := range s.Ranks {
			if r > 8 {
				t.Errorf("%v: rank %d at node %v, more than 8", size, r, n)
			}
		}
		checkSpec(t, s, size[0], size[1])
	}
	// Modes that cannot be kept within the default budget are planned all the same.
	c := propose(t, Request{Input: 57600, Hidden: 256, In: []int{241, 241}}).Candidates[0]
	if c.Weights <= 8808 || c.Spec.Ranks[factor.Leaf(0)] != 8 {
		t.Errorf("%d weights, ranks %v", c.Weights, c.Spec.Ranks)
	}
}

func checkSpec(t interface {
	Helper()
	Errorf(string, ...any)
}, s factor.Spec, input, hidden int) {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Errorf("%v x %v: %v", s.In, s.Out, err)
	}
	if s.Rows() != 4*hidden || s.Cols() < input+hidden {
		t.Errorf("%v x %v: %d x %d for input %d, hidden %d", s.Out, s.In, s.Rows(), s.Cols(), input, hidden)
	}
}

// TestSizes tries sizes that are hard to factor.
func TestSizes(t *testing.T) {
	for _, size := range [][2]int{{1, 3}, {12, 9}, {1000, 127}, {1, 257}, {12, 256}, {1000, 2048}, {57600, 2048}, {3, 1}} {
		input, hidden := size[0], size[1]
		budget := 2000 + 12*int64(hidden) // grows with the largest prime of 4 x 257 rows
		p := propose(t, Request{Input: input, Hidden: hidden, Budget: budget, Limit: 4})
		for _, c := range p.Candidates {
			checkSpec(t, c.Spec, input, hidden)
			if c.Weights > budget {
				t.Errorf("input %d, hidden %d: %d weights", input, hidden, c.Weights)
			}
		}
	}
}

func TestPrimeColumnsArePadded(t *testing.T) {
	p := propose(t, Request{Input: 57847, Hidden: 256 /* 58103 is a prime */, Budget: 8808})
	for _, c := range p.Candidates {
		if c.Padding < 1 || c.Padding > 58103/8 || c.Spec.Cols() != 58103+c.Padding {
			t.Errorf("%v: padding %d", c.Spec.In, c.Padding)
		}
	}
}

func TestOneMode(t *testing.T) {
	c := propose(t, Request{Input: 12, Hidden: 3, Modes: 1}).Candidates[0]
	if c.Spec.Kind != factor.HT || c.Weights != 12*15 || c.MAC != 12*15 || c.InputMAC != 12*12 || c.HiddenMAC != 12*3 {
		t.Errorf("%+v", c)
	}
	c = propose(t, Request{Input: 12, Hidden: 3, Kind: factor.Dense, Budget: 180}).Candidates[0]
	if c.Spec.Kind != factor.Dense || c.Weights != 12*15 || c.Ratio != 1 || c.InputMAC != 12*12 || c.HiddenMAC != 12*3 {
		t.Errorf("%+v", c)
	}
}

// TestDeterministic compares two answers, and those on one core and on several.
func TestDeterministic(t *testing.T) {
	r := Request{Input: 768, Hidden: 16, Budget: 1000, Frame: Frame{24, 32, 1}}
	many := propose(t, r)
	if again := propose(t, r); !reflect.DeepEqual(again, many) {
		t.Error("two calls give different plans")
	}
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	if one := propose(t, r); !reflect.DeepEqual(one, many) {
		t.Error("one core and several give different plans")
	}
}

// TestProperties tries requests at random: what is fixed is kept, nothing is over the budget, the order is the documented one.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Request{
			Input:  rapid.IntRange(1, 3000).Draw(t, "input"),
			Hidden: rapid.IntRange(1, 96).Draw(t, "hidden"),
			Limit:  6,
		}
		d := rapid.IntRange(1, 4).Draw(t, "d")
		switch rapid.IntRange(0, 3).Draw(t, "fix") {
		case 1:
			r.Modes = d
		case 2:
			r.Out = rapid.Permutation(factorings(4*r.Hidden, d, 1)[0]).Draw(t, "out")
		case 3:
			r.In = rapid.Permutation(paddings(r.Input+r.Hidden, d, 1)[0]).Draw(t, "in")
		}
		r.Leaf = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "leaf")
		r.Inner = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "inner")
		r.Budget = rapid.SampledFrom([]int64{0, 500, 5000}).Draw(t, "budget")
		p, err := Propose(r)
		if err != nil {
			return // TestErrors has what errors say
		}
		last := 0.0
		for i, c := range p.Candidates {
			s := c.Spec
			checkSpec(t, s, r.Input, r.Hidden)
			w, _ := s.Params()
			cost, _ := s.Cost(1)
			if w != c.Weights || cost.MAC != c.MAC || cost.Peak != c.Peak {
				t.Errorf("%v x %v: priced %d weights, %d MAC, %d peak", s.In, s.Out, c.Weights, c.MAC, c.Peak)
			}
			if r.Budget > 0 && w > r.Budget {
				t.Errorf("%d weights for a budget of %d", w, r.Budget)
			}
			if c.InputMAC > c.MAC || c.HiddenMAC > c.MAC || c.InputMAC < 1 || c.HiddenMAC < 1 {
				t.Errorf("windows take %d and %d, all takes %d", c.InputMAC, c.HiddenMAC, c.MAC)
			}
			if r.In != nil && !slices.Equal(r.In, s.In) || r.Out != nil && !slices.Equal(r.Out, s.Out) || r.Modes > 0 && len(s.In) != r.Modes {
				t.Errorf("%+v became %v x %v", r, s.In, s.Out)
			}
			for n, rank := range s.Ranks {
				if n.Len() == 1 && r.Leaf > 0 && rank != r.Leaf || n.Len() > 1 && r.Inner > 0 && rank != r.Inner {
					t.Errorf("rank %d at node %v for leaf %d, inner %d", rank, n, r.Leaf, r.Inner)
				}
			}
			pr := problem{Request: r, rows: 4 * r.Hidden, cols: r.Input + r.Hidden}
			f := newDimTree(s.Tree).newFilling(s.In, s.Out, want{})
			for j, n := range f.nodes {
				f.rank[j] = s.Rank(n)
			}
			o := option{rank: f.meanRank(), narrowness: pr.narrow(f, s.In, s.Out)}
			score := o.score(float64(c.MAC))
			if i > 0 && score > last {
				t.Errorf("candidate %d scores %g, the one before it %g", i, score, last)
			}
			last = score
		}
	})
}

// TestSmallestPossible asks again with the budget that the error names.
func TestSmallestPossible(t *testing.T) {
	for _, r := range []Request{
		{Input: 57600, Hidden: 256},
		{Input: 12, Hidden: 64, Inner: 6},
		{Input: 30, Hidden: 5, Leaf: 3, Inner: 2},
		{Input: 19200, Hidden: 256, Frame: Frame{120, 160, 1}, Modes: 4},
	} {
		p, err := r.check()
		if err != nil {
			t.Fatal(err)
		}
		p.Budget = 1
		found, log := p.searchAll(p.want())
		if len(found) > 0 || log.smallest == nil {
			t.Fatalf("%+v: %d structures of 1 weight", r, len(found))
		}
		r.Budget = int64(log.smallest.refused.least)
		propose(t, r)
		r.Budget--
		if _, err := Propose(r); err == nil {
			t.Errorf("%+v: fits below the smallest possible", r)
		}
	}
}
