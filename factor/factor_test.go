package factor_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

func tree(t testing.TB, s string) factor.Tree {
	t.Helper()
	tr, err := factor.ParseTree(s)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func ranks(v ...any) map[factor.Range]int {
	out := map[factor.Range]int{}
	for i := 0; i < len(v); i += 2 {
		var r factor.Range
		if err := r.UnmarshalText([]byte(v[i].(string))); err != nil {
			panic(err)
		}
		out[r] = v[i+1].(int)
	}
	return out
}

// specs covers d from 1 to 6, chains and balanced trees, unequal ranks, modes of size 1.
func specs(t testing.TB) map[string]factor.Spec {
	chain := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: []int{3, 4, 2, 5}, Out: []int{2, 3, 4, 2}, Tree: tree(t, "[0,[1,[2,3]]]"),
		Ranks: ranks("0", 2, "1", 3, "2", 2, "3", 4, "2-4", 3, "1-4", 5)}
	left := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: []int{3, 2, 2, 3, 2}, Out: []int{2, 2, 3, 2, 2}, Tree: tree(t, "[[[0,1],2],[3,4]]"),
		Ranks: ranks("0", 2, "1", 3, "2", 4, "3", 3, "4", 2, "0-2", 5, "0-3", 4, "3-5", 3)}
	unequal := factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2)
	unequal.Ranks = ranks("0", 3, "1", 2, "2", 4, "3", 3, "0-2", 2, "2-4", 5)
	return map[string]factor.Spec{
		"dense":         factor.DenseSpec(12, 35),
		"d1":            factor.HTSpec([]int{7}, []int{8}, 1, 1),
		"d2":            factor.HTSpec([]int{6, 5}, []int{4, 3}, 3, 1),
		"d3":            factor.HTSpec([]int{5, 4, 3}, []int{4, 3, 2}, 3, 2),
		"d4":            factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2),
		"d4-wide":       factor.HTSpec([]int{8, 5, 6, 7}, []int{4, 2, 8, 2}, 5, 6),
		"d4-rank-1":     factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 1, 1),
		"d4-unequal":    unequal,
		"d4-chain":      chain,
		"d5-left":       left,
		"d5":            factor.HTSpec([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 2, 3),
		"d6":            factor.HTSpec([]int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 3, 1, 2}, 2, 3),
		"modes-of-1":    factor.HTSpec([]int{1, 4, 1, 5}, []int{2, 1, 1, 6}, 1, 1),
		"in-1-first":    factor.HTSpec([]int{1, 6, 5}, []int{4, 3, 1}, 3, 2),
		"all-modes-1":   factor.HTSpec([]int{1, 1}, []int{1, 1}, 1, 1),
		"out-all-1":     factor.HTSpec([]int{6, 5, 4}, []int{1, 1, 1}, 3, 2),
		"large-leaf-in": factor.HTSpec([]int{2, 37, 3, 3}, []int{4, 2, 2, 2}, 4, 3),
	}
}

func filled(t testing.TB, s factor.Spec, seed uint64) *factor.Linear {
	t.Helper()
	l, err := factor.New(s)
	if err != nil {
		t.Fatal(err)
	}
	l.Init(1, rand.New(rand.NewPCG(seed, 1)))
	return l
}

// reference is the float64 oracle of a structured matrix.
func reference(l *factor.Linear) testutil.Entry {
	s := l.Spec()
	if s.Kind != factor.HT {
		return kindReference(l)
	}
	h := &testutil.HTEntry{In: s.In, Out: s.Out}
	number := map[factor.Range]int{}
	d := len(s.In)
	for k := range d {
		h.Ranks = append(h.Ranks, s.Rank(factor.Leaf(k)))
		number[factor.Leaf(k)] = k
	}
	nodes, children := s.Tree.Inner()
	for i, n := range nodes {
		number[n] = d + i
		h.Ranks = append(h.Ranks, s.Rank(n))
		h.Left = append(h.Left, number[children[i][0]])
		h.Right = append(h.Right, number[children[i][1]])
	}
	for i, p := range l.Params() {
		v := make([]float64, len(p.Data))
		for j, x := range p.Data {
			v[j] = float64(x)
		}
		if i < d {
			h.Leaves = append(h.Leaves, v)
		} else {
			h.Transfer = append(h.Transfer, v)
		}
	}
	return h
}

func TestMaterialize(t *testing.T) {
	for name, s := range allSpecs(t) {
		if s.Kind == factor.Dense {
			continue
		}
		l := filled(t, s, 3)
		w := l.Materialize()
		ref := reference(l)
		want := make([]float64, len(w.Data))
		for i := range want {
			want[i] = ref.At(i/s.Cols(), i%s.Cols())
		}
		testutil.Close(t, name, w.Data, want, 1e-6)
	}
}

func normal(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// windows are column windows of N columns: all, first, last, and some within.
func windows(n int) [][2]int {
	w := [][2]int{{0, n}, {0, 1}, {n - 1, n}, {n / 3, n/3 + 1}, {0, n/2 + 1}, {n / 2, n}, {n / 3, n - n/4}, {n - n/5 - 1, n}}
	return slices.DeleteFunc(w, func(v [2]int) bool { return v[0] >= v[1] })
}

func TestOpsAgainstMaterialized(t *testing.T) {
	for name, s := range allSpecs(t) {
		l := filled(t, s, 5)
		w := l.Materialize().Data
		m, n := s.Rows(), s.Cols()
		for _, win := range windows(n) {
			for _, rows := range []int{1, 2, 7} {
				lo, hi := win[0], win[1]
				what := fmt.Sprintf("%s columns %d..%d rows %d", name, lo, hi, rows)
				rng := rand.New(rand.NewPCG(9, uint64(rows)))
				width := hi - lo
				x, dy := normal(rng, rows*width), normal(rng, rows*m)
				y0, dx0 := normal(rng, rows*m), normal(rng, rows*width)
				y, dx := slices.Clone(y0), slices.Clone(dx0)
				wantY, wantX := make([]float64, rows*m), make([]float64, rows*width)
				for r := range rows {
					for i := range m {
						wantY[r*m+i] = float64(y0[r*m+i])
						for j := range width {
							wantY[r*m+i] += float64(w[i*n+lo+j]) * float64(x[r*width+j])
						}
					}
					for j := range width {
						wantX[r*width+j] = float64(dx0[r*width+j])
						for i := range m {
							wantX[r*width+j] += float64(w[i*n+lo+j]) * float64(dy[r*m+i])
						}
					}
				}
				op := l.Compile(lo, hi, rows)
				op.Refresh()
				sc := op.NewScratch()
				for range 2 { // the second time with used scratch
					copy(y, y0)
					copy(dx, dx0)
					op.Apply(y, rows, factor.Matrix{Data: x, Stride: width}, sc)
					op.ApplyT(dx, rows, dy, sc)
				}
				// A column of one input has one term an entry: relative to the largest term of the sums, not to their result.
				testutil.CloseTo(t, what+" y", y, wantY, 4e-6*scale(w, x))
				testutil.CloseTo(t, what+" dx", dx, wantX, 4e-6*scale(w, dy))
			}
		}
	}
}

// scale is the size of a sum of products of entries of a and b.
func scale(a, b []float32) float64 {
	var sa, sb, n float64
	for _, v := range a {
		sa += float64(v) * float64(v)
	}
	for _, v := range b {
		sb += float64(v) * float64(v)
		n++
	}
	return math.Sqrt(sa/float64(len(a))*sb/n)*math.Sqrt(n) + 1e-30
}

// The loss sum_r dy_r . W x_r is linear in each single weight, so a central difference of the float64 oracle is exact.
func TestGradientsAgainstDifferences(t *testing.T) {
	for name, s := range allSpecs(t) {
		if s.Kind == factor.Dense {
			continue
		}
		l := filled(t, s, 7)
		m, n := s.Rows(), s.Cols()
		for _, win := range windows(n)[:min(4, len(windows(n)))] {
			lo, hi := win[0], win[1]
			const rows = 5
			rng := rand.New(rand.NewPCG(11, 2))
			width := hi - lo
			x, dy := normal(rng, rows*width), normal(rng, rows*m)
			outer := make([]float64, m*width) // sum_r dy_r x_r^T
			for r := range rows {
				for i := range m {
					for j := range width {
						outer[i*width+j] += float64(dy[r*m+i]) * float64(x[r*width+j])
					}
				}
			}
			ref := reference(l)
			loss := func() float64 {
				sum := 0.0
				for i := range m {
					for j := range width {
						sum += outer[i*width+j] * ref.At(i, lo+j)
					}
				}
				return sum
			}
			op := l.Compile(lo, hi, rows)
			op.Refresh()
			target := zeros(l)
			g, sc := op.NewGrad(), op.NewScratch()
			op.Gradient(g, 2, dy, factor.Matrix{Data: x, Stride: width}, sc)
			op.Gradient(g, rows-2, dy[2*m:], factor.Matrix{Data: x[2*width:], Stride: width}, sc)
			op.Collect(target, g)
			for p, weights := range ref.Weights() {
				want := make([]float64, len(weights))
				every := 1 + len(weights)*m*width/2_000 // a sample of the weights where the matrix is large
				for i := range weights {
					want[i] = float64(target[p][i])
					if i%every != 0 {
						continue
					}
					old := weights[i]
					weights[i] = old + 0.5
					up := loss()
					weights[i] = old - 0.5
					want[i] = up - loss()
					weights[i] = old
				}
				testutil.Close(t, fmt.Sprintf("%s columns %d..%d d%s", name, lo, hi, l.Params()[p].Name), target[p], want, 1e-5)
			}
		}
	}
}

func zeros(l *factor.Linear) [][]float32 {
	var out [][]float32
	for _, p := range l.Params() {
		out = append(out, make([]float32, len(p.Data)))
	}
	return out
}

func TestOpsDoNotAllocate(t *testing.T) {
	for name, s := range allSpecs(t) {
		l := filled(t, s, 5)
		const rows = 3
		x, y := make([]float32, rows*s.Cols()), make([]float32, rows*s.Rows())
		op := l.Compile(0, s.Cols(), rows)
		target := zeros(l)
		g, sc := op.NewGrad(), op.NewScratch()
		op.Aim(g, target)
		var in factor.Rows = factor.Matrix{Data: x, Stride: s.Cols()}
		n := testing.AllocsPerRun(5, func() {
			op.Refresh()
			op.Apply(y, rows, in, sc)
			op.ApplyT(x, rows, y, sc)
			op.Gradient(g, rows, y, in, sc)
			op.Collect(target, g)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a run", name, n)
		}
	}
}

func TestInitDeviation(t *testing.T) {
	s := factor.HTSpec([]int{5, 4, 6, 4}, []int{4, 2, 4, 2}, 6, 6)
	sum, count := 0.0, 0
	for seed := range uint64(40) {
		l, _ := factor.New(s)
		l.Init(0.25, rand.New(rand.NewPCG(seed, 1)))
		for _, v := range l.Materialize().Data {
			sum += float64(v) * float64(v)
			count++
		}
	}
	if got := sum / float64(count); got < 0.5*0.0625 || got > 2*0.0625 {
		t.Errorf("mean square of W over 40 draws is %.4f, want about 0.0625", got)
	}
	l := filled(t, s, 1)
	before := l.Materialize().Data
	l.Scale(3)
	want := make([]float64, len(before))
	for i, v := range before {
		want[i] = 3 * float64(v)
	}
	testutil.Close(t, "scaled", l.Materialize().Data, want, 1e-5)
}

// The counts of the FDHT paper's setting and of the project's own table of best orders.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		in, out     []int
		leaf, inner int
		batch       int
		weights     int64
		mac         int64 // for each row
	}{
		{[]int{8, 113, 8, 8}, []int{4, 4, 8, 8}, 4, 4, 1, 2592, 1227008},
		{[]int{8, 8, 8, 113}, []int{4, 4, 4, 16}, 4, 4, 1, 7760, 4169984},
		{[]int{8, 8, 8, 113}, []int{16, 4, 4, 4}, 4, 4, 1, 2720, 1159424},
		{[]int{8, 8, 8, 113}, []int{16, 4, 4, 4}, 8, 8, 1, 6240, 2740224},
		{[]int{8, 8, 8, 113}, []int{8, 8, 4, 4}, 12, 5, 96, 8809, 3599605},
		{[]int{8, 20, 20, 18}, []int{16, 4, 4, 4}, 4, 4, 1, 1584, 1865472},
		{[]int{8, 8, 8, 8}, []int{16, 8, 8, 8}, 8, 8, 96, 3648, 4722048},
	} {
		s := factor.HTSpec(c.in, c.out, c.leaf, c.inner)
		n, err := s.Params()
		if err != nil || n != c.weights {
			t.Errorf("%v x %v ranks %d, %d: %d weights, %v, want %d", c.out, c.in, c.leaf, c.inner, n, err, c.weights)
		}
		cost, err := s.Cost(c.batch)
		if err != nil || cost.MAC/int64(c.batch) != c.mac {
			t.Errorf("%v x %v ranks %d, %d: %d multiply-adds a row, %v, want %d", c.out, c.in, c.leaf, c.inner, cost.MAC/int64(c.batch), err, c.mac)
		}
	}
	if c, _ := factor.DenseSpec(1024, 57856).Cost(2); c.MAC != 2*1024*57856 {
		t.Errorf("dense: %d multiply-adds", c.MAC)
	}
}

func TestGolden(t *testing.T) {
	for _, c := range testutil.Golden(t) {
		l := goldenLinear(t, c)
		testutil.Close(t, c.Name+" W", l.Materialize().Data, c.Dense.Data, 2e-6)
		y := make([]float32, len(c.Wv.Data))
		op := l.Compile(0, l.Spec().Cols(), 1)
		op.Refresh()
		op.Apply(y, 1, factor.Matrix{Data: c.V.Float32()}, op.NewScratch())
		testutil.Close(t, c.Name+" W v", y, c.Wv.Data, 2e-6)
	}
}

func goldenLinear(t testing.TB, c testutil.GoldenCase) *factor.Linear {
	t.Helper()
	s := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: c.In, Out: c.Out, Tree: tree(t, string(c.Tree)), Ranks: map[factor.Range]int{}}
	for name, r := range c.Ranks {
		s.Ranks[goldenRange(name, len(c.In))] = r
	}
	l, err := factor.New(s)
	if err != nil {
		t.Fatal(err)
	}
	inner := map[string][]float32{}
	for name, a := range c.Inner {
		inner["transfer."+goldenRange(name, len(c.In)).String()] = a.Float32()
	}
	for i, p := range l.Params() {
		if i < len(c.Leaves) {
			copy(p.Data, c.Leaves[i].Float32())
		} else {
			copy(p.Data, inner[p.Name])
		}
	}
	return l
}

// goldenRange reads a node's name in golden.json: its leaf numbers joined, or "root".
func goldenRange(name string, d int) factor.Range {
	if name == "root" {
		return factor.Range{Lo: 0, Hi: d}
	}
	return factor.Range{Lo: int(name[0] - '0'), Hi: int(name[len(name)-1]-'0') + 1}
}

func TestValidateNamesTheFault(t *testing.T) {
	ok := factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2)
	change := func(f func(*factor.Spec)) factor.Spec {
		s := ok.Clone()
		f(&s)
		return s
	}
	for _, c := range []struct {
		spec factor.Spec
		want string
	}{
		{ok, ""},
		{change(func(s *factor.Spec) { s.Kind = "cp" }), `unknown kind "cp"`},
		{change(func(s *factor.Spec) { s.Scope = "half" }), `unknown scope "half"`},
		{change(func(s *factor.Spec) { s.In = s.In[:3] }), "3 input modes [3 4 2] and 4 output modes [2 3 4 2]"},
		{change(func(s *factor.Spec) { s.In[1] = 0 }), "mode 0 in [3 0 2 5]"},
		{change(func(s *factor.Spec) { s.In[1] = 1 << 31 }), "multiply to"},
		{change(func(s *factor.Spec) { s.Ranks[factor.Leaf(2)] = 9 }), "rank 9 at node 2: the least is 1, the largest allowed here is 8"},
		{change(func(s *factor.Spec) { s.Ranks[factor.Range{Lo: 0, Hi: 2}] = 10 }), "rank 10 at node 0-2: the least is 1, the largest allowed here is 9"},
		{change(func(s *factor.Spec) { s.Ranks[factor.Leaf(0)] = 0 }), "rank 0 at node 0"},
		{change(func(s *factor.Spec) { delete(s.Ranks, factor.Leaf(0)) }), "node 0 has no rank"},
		{change(func(s *factor.Spec) { s.Ranks[factor.Range{Lo: 1, Hi: 3}] = 2 }), "rank for node 1-3"},
		{change(func(s *factor.Spec) { s.Tree = factor.Balanced(3) }), "3 leaves for 4 modes"},
		{factor.HTSpec(make([]int, 9), make([]int, 9), 1, 1), "9 modes: the most is 8"},
	} {
		err := c.spec.Validate()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
		if c.want != "" {
			if _, err := factor.New(c.spec); err == nil {
				t.Errorf("New accepts %+v", c.spec)
			}
		}
	}
}

func TestSpecJSON(t *testing.T) {
	for name, s := range allSpecs(t) {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back factor.Spec
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, _ := json.Marshal(back)
		if string(again) != string(b) {
			t.Errorf("%s: %s came back as %s", name, b, again)
		}
	}
	want := `{"kind":"ht","scope":"full","in":[3,4,2,5],"out":[2,3,4,2],"tree":[[0,1],[2,3]],"ranks":{"0":3,"0-2":2,"1":3,"2":3,"2-4":2,"3":3}}`
	if b, _ := json.Marshal(factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2)); string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	for _, bad := range []string{`[0,2]`, `[[0,1],[3,2]]`, `[0,1,2]`, `[1,0]`, `"x"`, `[]`, `[0,[1]]`, `[0.5,1]`} {
		if tr, err := factor.ParseTree(bad); err == nil {
			t.Errorf("tree %s was read as %v", bad, tr)
		}
	}
	for _, bad := range []string{"", "-1", "1-1", "2-1", "0-", "01", "+1", "0-2-3", "0-1"} {
		var r factor.Range
		if err := r.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("node name %q was read as %v", bad, r)
		}
	}
}
