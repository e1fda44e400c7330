package plan

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
	"pgregory.net/rapid"
)

func TestFactorings(t *testing.T) {
	for _, c := range []struct {
		n, parts, least int
		want            [][]int
	}{
		{12, 2, 2, [][]int{{3, 4}, {2, 6}}},
		{12, 3, 2, [][]int{{2, 2, 3}}},
		{12, 4, 2, nil},
		{7, 2, 1, [][]int{{1, 7}}},
		{7, 1, 2, [][]int{{7}}},
		{64, 3, 2, [][]int{{4, 4, 4}, {2, 4, 8}, {2, 2, 16}}},
	} {
		if got := factorings(c.n, c.parts, c.least); !reflect.DeepEqual(got, c.want) {
			t.Errorf("factorings(%d, %d, %d) = %v, want %v", c.n, c.parts, c.least, got, c.want)
		}
	}
}

func TestPaddings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(2, 100_000), rapid.IntRange(2, math.MaxInt32/4)).Draw(t, "n")
		parts := rapid.IntRange(1, 5).Draw(t, "parts")
		lists := paddings(n, parts, 2)
		if len(lists) == 0 || len(lists) > 50_000 {
			t.Fatalf("%d lists", len(lists))
		}
		for _, v := range lists {
			p, ok := multiply(v)
			if !ok || p < n || len(v) != parts || !slices.IsSorted(v) {
				t.Fatalf("%v for %d", v, n)
			}
			if last := v[parts-1]; parts > 1 && last > 2 && p/last*(last-1) >= n {
				t.Fatalf("%v is more than %d needs", v, n)
			}
		}
	})
}

func TestArrangements(t *testing.T) {
	var got [][]int
	for a := range arrangements([]int{2, 1, 2}) {
		got = append(got, slices.Clone(a))
	}
	if want := [][]int{{1, 2, 2}, {2, 1, 2}, {2, 2, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPairings(t *testing.T) {
	in, out := [][]int{{8, 8, 8, 113}}, [][]int{{4, 4, 8, 8}}
	// 113 has 4 or 8 beside it, the three 8 share the rest in any order.
	if got := pairings(modeLists{lists: in}, modeLists{lists: out}); len(got) != 2 {
		t.Errorf("%d free pairings %v, want 2", len(got), got)
	}
	if got := pairings(modeLists{lists: in, fixed: true}, modeLists{lists: out}); len(got) != 6 || !slices.Equal(got[0].out, []int{4, 8, 8, 4}) {
		t.Errorf("%d pairings %v of fixed input modes, want 6, the leanest first", len(got), got)
	}
	if got := pairings(modeLists{lists: in}, modeLists{lists: out, fixed: true}); len(got) != 4 || got[0].in[0] != 113 && got[0].in[1] != 113 {
		t.Errorf("%d pairings %v of fixed output modes, want 4, the leanest first", len(got), got)
	}
	if got := pairings(modeLists{lists: in, fixed: true}, modeLists{lists: out, fixed: true}); len(got) != 1 {
		t.Errorf("%d pairings %v of fixed modes, want 1", len(got), got)
	}
}

func TestArrangedOn(t *testing.T) {
	for d, want := range []int{0, 1, 1, 3, 3, 30} {
		if d > 0 {
			if got := newDimTree(factor.Balanced(d)).arrangedOn(1000); len(got) != want {
				t.Errorf("d = %d: %d orders, want %d", d, len(got), want)
			}
		}
	}
}

func drawTree(t *rapid.T, d int) factor.Tree {
	var text func(lo, hi int) string
	text = func(lo, hi int) string {
		if hi-lo == 1 {
			return string(rune('0' + lo))
		}
		mid := rapid.IntRange(lo+1, hi-1).Draw(t, "split")
		return "[" + text(lo, mid) + "," + text(mid, hi) + "]"
	}
	if d == 1 {
		return factor.Balanced(1)
	}
	tree, err := factor.ParseTree(text(0, d))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// filled gives f its ranks and checks that the structure is valid, counted as factor counts and within the budget. ok is false where the
// budget or a bound refuses it.
func filled(t *rapid.T, f ranks, in, out []int, budget int64) (s factor.Spec, ok bool) {
	if refused := f.fill(); refused != nil {
		if refused.bound == 0 && refused.least <= float64(budget) {
			t.Fatalf("refused with %v weights", refused.least)
		}
		return s, false
	}
	f.raise()
	s = f.spec(in, out)
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	n, _ := s.Params()
	if float64(n) != f.weights() || n > budget {
		t.Fatalf("%d weights, counted %v, budget %d", n, f.weights(), budget)
	}
	for _, l := range f.limits() {
		if l.Rank > l.Most {
			t.Fatalf("%+v", l)
		}
	}
	return s, true
}

// boundedRank fills f, makes a matrix with random factors of it and holds its rank against the bound.
func boundedRank(t *rapid.T, f ranks, in, out []int) (w []float32) {
	if refused := f.fill(); refused != nil {
		t.Fatal(refused)
	}
	l, err := factor.New(f.spec(in, out))
	if err != nil {
		t.Fatal(err)
	}
	l.Init(1, rand.New(rand.NewPCG(1, 2)))
	m := l.Materialize()
	if got, bound := rankOf(m.Data, m.Shape[0], m.Shape[1]), f.width(in, out); float64(got) > bound {
		t.Fatalf("rank %d, bound %v", got, bound)
	}
	return m.Data
}

// TestFill checks the ranks chosen on any tree: valid, counted as factor counts, and as large as the budget lets them be.
func TestFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 6).Draw(t, "d")
		in := rapid.SliceOfN(rapid.IntRange(1, 9), d, d).Draw(t, "in")
		out := rapid.SliceOfN(rapid.IntRange(1, 9), d, d).Draw(t, "out")
		w := want{
			leaf:   rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "leaf"),
			inner:  rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "inner"),
			budget: int64(rapid.IntRange(1, 3000).Draw(t, "budget")),
			spend:  true,
		}
		f := newDimTree(drawTree(t, d)).newFilling(in, out, w)
		s, ok := filled(t, f, in, out, w.budget)
		if !ok {
			return
		}
		for i := range f.root() {
			if most := s.MaxRank(f.nodes[i]); f.allowed(i) != most {
				t.Fatalf("node %v: %d allowed, factor says %d", f.nodes[i], f.allowed(i), most)
			}
			if f.fixedRank(i) > 0 || f.rank[i] >= f.useful(i) {
				continue
			}
			f.rank[i]++
			if f.weights() <= float64(w.budget) {
				t.Fatalf("node %v could have rank %d", f.nodes[i], f.rank[i])
			}
			f.rank[i]--
		}
	})
}

// TestWidth compares the bound on the rank of W with the rank of matrices with random factors.
func TestWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 4).Draw(t, "d")
		in := rapid.SliceOfN(rapid.IntRange(1, 4), d, d).Draw(t, "in")
		out := rapid.SliceOfN(rapid.IntRange(1, 4), d, d).Draw(t, "out")
		f := newDimTree(drawTree(t, d)).newFilling(in, out, want{target: rapid.IntRange(1, 3).Draw(t, "rank")})
		boundedRank(t, f, in, out)
	})
}

// rankOf is the numerical rank of a row-major matrix, by elimination with full pivoting.
func rankOf(data []float32, rows, cols int) int {
	a := make([]float64, len(data))
	for i, v := range data {
		a[i] = float64(v)
	}
	first := 0.0
	for rank := range min(rows, cols) {
		pi, pj, pivot := rank, rank, 0.0
		for i := rank; i < rows; i++ {
			for j := rank; j < cols; j++ {
				if v := math.Abs(a[i*cols+j]); v > pivot {
					pi, pj, pivot = i, j, v
				}
			}
		}
		first = max(first, pivot)
		if pivot <= 1e-5*first {
			return rank
		}
		for j := range cols {
			a[rank*cols+j], a[pi*cols+j] = a[pi*cols+j], a[rank*cols+j]
		}
		for i := range rows {
			a[i*cols+rank], a[i*cols+pj] = a[i*cols+pj], a[i*cols+rank]
		}
		for i := rank + 1; i < rows; i++ {
			c := a[i*cols+rank] / a[rank*cols+rank]
			for j := rank; j < cols; j++ {
				a[i*cols+j] -= c * a[rank*cols+j]
			}
		}
	}
	return min(rows, cols)
}

// TestWindowModes checks that the box covers the window and nothing it need not.
func TestWindowModes(t *testing.T) {
	for _, c := range []struct {
		in     []int
		lo, hi int
		want   []int
	}{
		{[]int{8, 8, 8, 113}, 0, 57856, []int{8, 8, 8, 113}},
		{[]int{8, 8, 8, 113}, 57600, 57856, []int{1, 1, 3, 113}},
		{[]int{113, 8, 8, 8}, 57600, 57856, []int{1, 4, 8, 8}},
		{[]int{9, 15, 10, 16}, 19200, 19456, []int{1, 2, 10, 16}},
		{[]int{9, 15, 10, 16}, 0, 19200, []int{8, 15, 10, 16}},
	} {
		if got := windowModes(c.in, c.lo, c.hi); !slices.Equal(got, c.want) {
			t.Errorf("columns %d..%d of %v: %v, want %v", c.lo, c.hi, c.in, got, c.want)
		}
	}
}
