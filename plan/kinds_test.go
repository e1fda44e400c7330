package plan

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"pgregory.net/rapid"
)

var newKinds = []factor.Kind{factor.TT, factor.TR, factor.BT}

// TestFillKinds checks the ranks chosen for trains, rings and blocks: valid, counted as factor counts, and as large as the budget
// lets them be.
func TestFillKinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 6).Draw(t, "d")
		in := rapid.SliceOfN(rapid.IntRange(1, 9), d, d).Draw(t, "in")
		out := rapid.SliceOfN(rapid.IntRange(1, 9), d, d).Draw(t, "out")
		p := problem{Request: Request{
			Kind:   rapid.SampledFrom(newKinds).Draw(t, "kind"),
			Leaf:   rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "rank"),
			Budget: int64(rapid.IntRange(1, 3000).Draw(t, "budget")),
		}}
		if p.Kind == factor.BT {
			p.Blocks = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "blocks")
		}
		f := p.grower(d).grow(in, out, p.want())
		s, ok := filled(t, f, in, out, p.Budget)
		if !ok {
			return
		}
		if p.Leaf > 0 && (p.Kind == factor.BT && s.BlockRank != p.Leaf || p.Kind != factor.BT && slices.ContainsFunc(s.Bonds[1:d], func(r int) bool { return r != p.Leaf })) {
			t.Fatalf("rank %d became %+v", p.Leaf, s)
		}
		if p.Blocks > 0 && s.Blocks != p.Blocks {
			t.Fatalf("%d blocks became %d", p.Blocks, s.Blocks)
		}
		if r, ok := f.(*train); ok && p.Leaf == 0 {
			for k := range r.rank {
				if r.allowed(k) != s.MaxBond(k) {
					t.Fatalf("bond %d: %d allowed, factor says %d", k, r.allowed(k), s.MaxBond(k))
				}
				if k == 0 && !r.ring() || r.rank[k] >= r.useful(k) {
					continue
				}
				r.rank[k]++
				if r.weights() <= float64(p.Budget) {
					t.Fatalf("bond %d could have rank %d", k, r.rank[k])
				}
				r.rank[k]--
			}
		}
	})
}

// TestKindWidth compares the bounds on the rank of W, and at the nodes of the balanced tree, with matrices with random factors.
func TestKindWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 4).Draw(t, "d")
		in := rapid.SliceOfN(rapid.IntRange(1, 4), d, d).Draw(t, "in")
		out := rapid.SliceOfN(rapid.IntRange(1, 4), d, d).Draw(t, "out")
		p := problem{Request: Request{Kind: rapid.SampledFrom(newKinds).Draw(t, "kind")}}
		if p.Kind == factor.BT {
			p.Blocks = rapid.IntRange(1, 3).Draw(t, "blocks")
		}
		f := p.grower(d).grow(in, out, want{blocks: p.Blocks, target: rapid.IntRange(1, 3).Draw(t, "rank")})
		w := boundedRank(t, f, in, out)
		// The unfolding of the first half of the modes against the others.
		if d < 2 {
			return
		}
		mid := (d + 1) / 2
		m1, n1, m2, n2 := 1, 1, 1, 1
		for k := range d {
			if k < mid {
				m1, n1 = m1*out[k], n1*in[k]
			} else {
				m2, n2 = m2*out[k], n2*in[k]
			}
		}
		unfolded := make([]float32, len(w))
		for i := range m1 * m2 {
			for j := range n1 * n2 {
				unfolded[((i/m2)*n1+j/n2)*(m2*n2)+(i%m2)*n2+j%n2] = w[i*n1*n2+j]
			}
		}
		var through float64
		switch f := f.(type) {
		case *train:
			through = f.at(0) * f.at(mid)
		case *blocks:
			through = float64(f.count) * math.Pow(float64(f.rank), float64(d-mid))
		}
		if got := rankOf(unfolded, m1*n1, m2*n2); float64(got) > through {
			t.Fatalf("the unfolding has rank %d, bound %v", got, through)
		}
	})
}

// TestRingWidth crosses a ring, which takes two bonds, and a train, which takes one.
func TestRingWidth(t *testing.T) {
	in, out := []int{1, 9}, []int{9, 1}
	for kind, want := range map[factor.Kind]float64{factor.TT: 2, factor.TR: 4} {
		p := problem{Request: Request{Kind: kind, Leaf: 2}}
		f := p.grower(2).grow(in, out, p.want())
		if refused := f.fill(); refused != nil {
			t.Fatal(refused)
		}
		if got := f.width(in, out); got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}

// TestCompare holds the kinds side by side to what every plan promises.
func TestCompare(t *testing.T) {
	for _, r := range []Request{
		{Input: 57600, Hidden: 256, Budget: 8808},
		{Input: 997, Hidden: 31, Budget: 2000, Cell: "gru", Limit: 7},
		{Input: 768, Hidden: 16, Budget: 3000, Cell: "rnn", Frame: Frame{24, 32, 1}, Scope: factor.Partial, Limit: 2},
		{Input: 100, Hidden: 12, Leaf: 2},
		{Input: 100, Hidden: 12, In: []int{4, 4, 7}, Out: []int{4, 4, 3}, Budget: 900},
	} {
		p, err := Compare(r)
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		seen := map[factor.Kind]int{}
		last := math.Inf(1)
		for i, c := range p.Candidates {
			s := c.Spec
			seen[s.Kind]++
			if err := s.Validate(); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
			scope := r.Scope
			if scope == "" {
				scope = factor.Full
			}
			if s.Scope != scope || r.Budget > 0 && c.Weights > r.Budget {
				t.Errorf("%+v with scope %s has %d weights for a budget of %d", s, s.Scope, c.Weights, r.Budget)
			}
			if r.In != nil && s.Kind != factor.Dense && (!slices.Equal(s.In, r.In) || !slices.Equal(s.Out, r.Out)) {
				t.Errorf("modes %v x %v became %v x %v", r.In, r.Out, s.In, s.Out)
			}
			front := true
			for j, o := range p.Candidates {
				if j != i && o.Weights <= c.Weights && o.MAC <= c.MAC && (o.Weights < c.Weights || o.MAC < c.MAC) {
					front = false
				}
			}
			if c.Front != front {
				t.Errorf("%s %v x %v: front is %v", s.Kind, s.Out, s.In, c.Front)
			}
			if s.Kind == factor.Dense && i != len(p.Candidates)-1 {
				t.Errorf("dense is candidate %d", i+1)
			}
			if score := -math.Log2(float64(c.MAC)); r.Frame.IsZero() && s.Kind != factor.Dense && !strings.Contains(c.Why, " at most, of ") {
				if score > last+1e-6 {
					t.Errorf("candidate %d takes fewer multiply-adds than the one before it", i+1)
				}
				last = score
			}
		}
		for _, k := range factor.Kinds {
			left := slices.ContainsFunc(p.Omitted, func(o Omitted) bool { return o.What == string(k) })
			if (seen[k] == 0) != left {
				t.Errorf("%+v: %d candidates of kind %s, left out: %v", r, seen[k], k, left)
			}
		}
		if r.Input > 1000 {
			continue // once is enough of what takes long
		}
		if again, err := Compare(r); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%+v: two calls give different plans", r)
		}
	}
}

// TestPartial counts the dense hidden half.
func TestPartial(t *testing.T) {
	in, out := []int{8, 20, 20, 18}, []int{16, 4, 4, 4}
	c := propose(t, Request{Input: 57600, Hidden: 256, Kind: factor.TT, Scope: factor.Partial, In: in, Out: out, Leaf: 4}).Candidates[0]
	const hidden = 1024 * 256
	if n, _ := c.Spec.Params(); n != 3360 || c.Weights != 3360+hidden || c.DenseWeights != 1024*57856 || c.HiddenMAC != hidden {
		t.Errorf("%d weights in the structure, %+v", n, c)
	}
	if cost, _ := c.Spec.Cost(1); c.MAC != cost.MAC+hidden || c.InputMAC != cost.MAC {
		t.Errorf("%d and %d multiply-adds, the input half takes %d", c.MAC, c.InputMAC, cost.MAC)
	}
	f := Frame{24, 32, 1}
	best := propose(t, Request{Input: 768, Hidden: 16, Kind: factor.TT, Scope: factor.Partial, Budget: 2500, Frame: f}).Candidates[0]
	if !best.Aligned || strings.Contains(best.Why, "hidden units in rows") || best.Weights > 2500 {
		t.Errorf("%v: %s", best.Spec.In, best.Why)
	}
	for _, cell := range []struct {
		name         string
		rows, biases int64
	}{{"lstm", 64, 64}, {"gru", 48, 96}, {"rnn", 16, 16}} {
		c := propose(t, Request{Cell: cell.name, Input: 768, Hidden: 16, Budget: 3000}).Candidates[0]
		if int64(c.Spec.Rows()) != cell.rows || c.Biases != cell.biases || c.DenseWeights != cell.rows*784 {
			t.Errorf("%s: %d rows, %d biases, dense %d", cell.name, c.Spec.Rows(), c.Biases, c.DenseWeights)
		}
	}
}

// TestLimits says which ranks cannot grow.
func TestLimits(t *testing.T) {
	c := propose(t, Request{Input: 12, Hidden: 3, Kind: factor.TT, In: []int{3, 5}, Out: []int{3, 4}, Leaf: 9}).Candidates[0]
	if want := []Limit{{"bond 1", 9, 9}}; !slices.Equal(c.Limits, want) || !strings.Contains(c.Why, "as large as it can be: rank 9 at bond 1") {
		t.Errorf("%+v, %s", c.Limits, c.Why)
	}
	c = propose(t, Request{Input: 12, Hidden: 3, In: []int{3, 5}, Out: []int{3, 4}, Leaf: 4}).Candidates[0]
	if want := []Limit{{"node 0", 4, 9}, {"node 1", 4, 9}}; !slices.Equal(c.Limits, want) || strings.Contains(c.Why, "as large as") {
		t.Errorf("%+v, %s", c.Limits, c.Why)
	}
	dense := propose(t, Request{Input: 12, Hidden: 3, Kind: factor.Dense})
	if text, err := json.Marshal(dense); err != nil || !strings.Contains(string(text), `"limits":[]`) || !strings.Contains(string(text), `"omitted":[]`) {
		t.Errorf("%s, %v: lists that are empty are lists all the same", text, err)
	}
}
