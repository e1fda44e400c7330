package factor_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
	"pgregory.net/rapid"
)

func bondSpec(kind factor.Kind, in, out []int, bonds ...int) factor.Spec {
	return factor.Spec{Kind: kind, Scope: factor.Full, In: in, Out: out, Bonds: bonds}
}

// kindSpecs are trains, rings and blocks for d from 1 to 6, with unequal ranks and modes of size 1.
func kindSpecs() map[string]factor.Spec {
	d4in, d4out := []int{3, 4, 2, 5}, []int{2, 3, 4, 2}
	return map[string]factor.Spec{
		"tt-d1":         factor.TTSpec([]int{7}, []int{8}, 1),
		"tt-d2":         factor.TTSpec([]int{6, 5}, []int{4, 3}, 3),
		"tt-d3":         factor.TTSpec([]int{5, 4, 3}, []int{4, 3, 2}, 3),
		"tt-d4-unequal": bondSpec(factor.TT, d4in, d4out, 1, 3, 5, 2, 1),
		"tt-d5":         factor.TTSpec([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 3),
		"tt-d6":         bondSpec(factor.TT, []int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 1, 1, 2}, 1, 2, 3, 1, 4, 2, 1),
		"tt-modes-of-1": bondSpec(factor.TT, []int{1, 4, 1, 5}, []int{2, 1, 1, 3}, 1, 2, 3, 3, 1),
		"tt-rank-1":     factor.TTSpec(d4in, d4out, 1),
		"tt-all-1":      factor.TTSpec([]int{1, 1}, []int{1, 1}, 1),
		"tr-d1":         factor.TRSpec([]int{7}, []int{8}, 3),
		"tr-d1-rank-1":  factor.TRSpec([]int{7}, []int{8}, 1),
		"tr-d2":         bondSpec(factor.TR, []int{6, 5}, []int{4, 3}, 2, 3, 2),
		"tr-d3":         factor.TRSpec([]int{5, 4, 3}, []int{4, 3, 2}, 3),
		"tr-d4-unequal": bondSpec(factor.TR, d4in, d4out, 2, 3, 5, 4, 2),
		"tr-d5":         factor.TRSpec([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 2),
		"tr-d6":         bondSpec(factor.TR, []int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 1, 1, 2}, 3, 2, 3, 1, 2, 2, 3),
		"tr-modes-of-1": bondSpec(factor.TR, []int{1, 4, 1, 5}, []int{2, 1, 1, 3}, 2, 3, 2, 2, 2),
		"tr-all-1":      factor.TRSpec([]int{1, 1, 1}, []int{1, 1, 1}, 2),
		"bt-d1":         factor.BTSpec([]int{7}, []int{8}, 2, 3),
		"bt-d2":         factor.BTSpec([]int{6, 5}, []int{4, 3}, 3, 2),
		"bt-d3":         factor.BTSpec([]int{5, 4, 3}, []int{4, 3, 2}, 2, 3),
		"bt-d4":         factor.BTSpec(d4in, d4out, 2, 2),
		"bt-d4-single":  factor.BTSpec(d4in, d4out, 1, 3),
		"bt-d5":         factor.BTSpec([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 2, 2),
		"bt-d6":         factor.BTSpec([]int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 1, 1, 2}, 2, 2),
		"bt-modes-of-1": factor.BTSpec([]int{1, 4, 1, 5}, []int{2, 1, 1, 3}, 3, 1),
		"bt-all-1":      factor.BTSpec([]int{1, 1}, []int{1, 1}, 2, 1),
	}
}

func allSpecs(t testing.TB) map[string]factor.Spec {
	all := specs(t)
	maps.Copy(all, kindSpecs())
	return all
}

// kindReference is the float64 oracle of a train, a ring or blocks.
func kindReference(l *factor.Linear) testutil.Entry {
	s := l.Spec()
	var weights [][]float64
	for _, p := range l.Params() {
		v := make([]float64, len(p.Data))
		for j, x := range p.Data {
			v[j] = float64(x)
		}
		weights = append(weights, v)
	}
	if s.Kind == factor.BT {
		return &testutil.BlockEntry{In: s.In, Out: s.Out, Rank: s.BlockRank, Factors: weights}
	}
	return &testutil.TrainEntry{In: s.In, Out: s.Out, Bonds: s.Bonds, Cores: weights}
}

func TestKindsGolden(t *testing.T) {
	var doc struct {
		Cases []struct {
			Name    string               `json:"name"`
			Spec    factor.Spec          `json:"spec"`
			Rows    int                  `json:"rows"`
			Weights map[string][]float64 `json:"weights"`
			X       []float64            `json:"x"`
			Target  []float64            `json:"target"`
			W       []float64            `json:"w"`
			Y       []float64            `json:"y"`
			DX      []float64            `json:"dx"`
			Grads   map[string][]float64 `json:"grads"`
		} `json:"cases"`
	}
	b, err := os.ReadFile(filepath.Join(testutil.Root(), "testdata", "kinds.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Cases) == 0 {
		t.Fatal("kinds.json holds no case")
	}
	for _, c := range doc.Cases {
		l, err := factor.New(c.Spec)
		if err != nil {
			t.Fatal(c.Name, err)
		}
		if l.Factors() != len(c.Weights) {
			t.Fatalf("%s: %d factors, want %d", c.Name, l.Factors(), len(c.Weights))
		}
		for _, p := range l.Params() {
			if copied := copy(p.Data, float32s(c.Weights[p.Name])); copied != len(p.Data) {
				t.Fatalf("%s: %d numbers for %s %v", c.Name, copied, p.Name, p.Shape)
			}
		}
		testutil.Close(t, c.Name+" W", l.Materialize().Data, c.W, 1e-6)
		rows, cols := l.Spec().Rows(), l.Spec().Cols()
		in := factor.Matrix{Data: float32s(c.X), Stride: cols}
		y, dx := make([]float32, c.Rows*rows), make([]float32, c.Rows*cols)
		op := l.Compile(0, cols, c.Rows)
		op.Refresh()
		sc, g, target := op.NewScratch(), op.NewGrad(), zeros(l)
		op.Apply(y, c.Rows, in, sc)
		testutil.Close(t, c.Name+" y", y, c.Y, 2e-6)
		for i := range y {
			y[i] -= float32(c.Target[i]) // dL/dy
		}
		op.ApplyT(dx, c.Rows, y, sc)
		testutil.Close(t, c.Name+" dx", dx, c.DX, 5e-6)
		op.Gradient(g, c.Rows, y, in, sc)
		op.Collect(target, g)
		for i, p := range l.Params() {
			testutil.Close(t, c.Name+" d"+p.Name, target[i], c.Grads[p.Name], 5e-6)
		}
	}
}

func float32s(v []float64) []float32 { return testutil.Array{Data: v}.Float32() }

// Structures of any kind, modes, ranks and window agree with the plain sums.
func TestKindsAtRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 5).Draw(t, "d")
		in := rapid.SliceOfN(rapid.IntRange(1, 4), d, d).Draw(t, "in")
		out := rapid.SliceOfN(rapid.IntRange(1, 3), d, d).Draw(t, "out")
		var s factor.Spec
		switch kind := rapid.SampledFrom([]factor.Kind{factor.TT, factor.TR, factor.BT}).Draw(t, "kind"); kind {
		case factor.BT:
			s = factor.BTSpec(in, out, rapid.IntRange(1, 3).Draw(t, "blocks"), rapid.IntRange(1, 3).Draw(t, "rank"))
		default:
			s = bondSpec(kind, in, out, rapid.SliceOfN(rapid.IntRange(1, 4), d+1, d+1).Draw(t, "bonds")...)
			if s.Bonds[d] = s.Bonds[0]; kind == factor.TT {
				s.Bonds[0], s.Bonds[d] = 1, 1
			}
		}
		l, err := factor.New(s)
		if err != nil {
			t.Skip(err)
		}
		l.Init(1, rand.New(rand.NewPCG(1, 2)))
		cols, rows := s.Cols(), s.Rows()
		lo := rapid.IntRange(0, cols-1).Draw(t, "lo")
		hi := rapid.IntRange(lo+1, cols).Draw(t, "hi")
		i, j := rapid.IntRange(0, rows-1).Draw(t, "row"), rapid.IntRange(lo, hi-1).Draw(t, "column")
		op := l.Compile(lo, hi, rapid.SampledFrom([]int{1, 100}).Draw(t, "batch"))
		op.Refresh()
		sc := op.NewScratch()
		ref := kindReference(l)
		x, y := make([]float32, hi-lo), make([]float32, rows)
		x[j-lo] = 1
		op.Apply(y, 1, factor.Matrix{Data: x}, sc)
		for i, got := range y {
			if want := ref.At(i, j); math.Abs(float64(got)-want) > 1e-4*(1+math.Abs(want)) {
				t.Fatalf("%+v columns %d..%d: W[%d,%d] is %v, want %v", s, lo, hi, i, j, got, want)
			}
		}
		clear(x)
		clear(y)
		y[i] = 1
		op.ApplyT(x, 1, y, sc)
		for j, got := range x {
			if want := ref.At(i, lo+j); math.Abs(float64(got)-want) > 1e-4*(1+math.Abs(want)) {
				t.Fatalf("%+v columns %d..%d: W^T[%d,%d] is %v, want %v", s, lo, hi, lo+j, i, got, want)
			}
		}
	})
}

// Many modes: the core of a block has far more orders of its axes than can be looked at.
func TestKindsManyModes(t *testing.T) {
	in, out := []int{2, 1, 2, 2, 2, 1, 2, 2}, []int{1, 2, 2, 1, 2, 2, 1, 2}
	for _, s := range []factor.Spec{factor.TTSpec(in, out, 2), factor.TRSpec(in, out, 2), factor.BTSpec(in[:7], out[:7], 2, 2)} {
		l := filled(t, s, 4)
		w := l.Materialize().Data
		op := l.Compile(0, s.Cols(), 1)
		op.Refresh()
		x, y := make([]float32, s.Cols()), make([]float32, s.Rows())
		x[11] = 1
		op.Apply(y, 1, factor.Matrix{Data: x}, op.NewScratch())
		want := make([]float64, len(y))
		for i := range want {
			want[i] = float64(w[i*s.Cols()+11])
		}
		testutil.Close(t, string(s.Kind), y, want, 1e-5)
	}
}

// Gradients of goroutines added up in any split are those of one, and moving them changes nothing.
func TestGradsAdd(t *testing.T) {
	for name, s := range kindSpecs() {
		l := filled(t, s, 3)
		const rows = 4
		rng := rand.New(rand.NewPCG(5, 6))
		x, dy := normal(rng, rows*s.Cols()), normal(rng, rows*s.Rows())
		op := l.Compile(0, s.Cols(), rows)
		op.Refresh()
		sc := op.NewScratch()
		one, two := op.NewGrad(), op.NewGrad()
		n := one.Len()
		a, b := make([]float32, n+1), make([]float32, n+1)
		if rest := one.Move(a); len(rest) != 1 {
			t.Errorf("%s: %d numbers are left of %d after a gradient of %d", name, len(rest), n+1, n)
		}
		op.Gradient(one, 1, dy, factor.Matrix{Data: x, Stride: s.Cols()}, sc)
		op.Gradient(two, rows-1, dy[s.Rows():], factor.Matrix{Data: x[s.Cols():], Stride: s.Cols()}, sc)
		two.Move(b)
		for i, v := range b[:n] {
			a[i] += v
		}
		clear(b)
		got, empty := zeros(l), zeros(l)
		op.Collect(got, one)
		op.Collect(empty, two)
		all, want := op.NewGrad(), zeros(l)
		op.Gradient(all, rows, dy, factor.Matrix{Data: x, Stride: s.Cols()}, sc)
		op.Collect(want, all)
		for p := range got {
			exact := make([]float64, len(want[p]))
			for i, v := range want[p] {
				exact[i] = float64(v)
			}
			testutil.Close(t, fmt.Sprint(name, " factor ", p), got[p], exact, 1e-5)
			if slices.ContainsFunc(empty[p], func(v float32) bool { return v != 0 }) {
				t.Errorf("%s: factor %d of a cleared gradient is not zero", name, p)
			}
		}
	}
}

// The entries of W have the deviation that is asked for, and Scale multiplies them.
func TestKindsInit(t *testing.T) {
	in, out := []int{5, 4, 6}, []int{4, 2, 4}
	for name, s := range map[string]factor.Spec{
		"tt": bondSpec(factor.TT, in, out, 1, 6, 4, 1),
		"tr": bondSpec(factor.TR, in, out, 4, 6, 3, 4),
		"bt": factor.BTSpec(in, out, 3, 4),
	} {
		const sd = 0.25
		sum, count := 0.0, 0
		for seed := range uint64(60) {
			l, _ := factor.New(s)
			l.Init(sd, rand.New(rand.NewPCG(seed, 1)))
			for _, v := range l.Materialize().Data {
				sum += float64(v) * float64(v)
				count++
			}
		}
		if got := sum / float64(count); got < 0.75*sd*sd || got > 1.33*sd*sd {
			t.Errorf("%s: mean square of W over 60 draws is %.4f, want about %.4f", name, got, sd*sd)
		}
		l := filled(t, s, 1)
		before := l.Materialize().Data
		l.Scale(3)
		want := make([]float64, len(before))
		for i, v := range before {
			want[i] = 3 * float64(v)
		}
		testutil.Close(t, name+" scaled", l.Materialize().Data, want, 1e-5)
	}
}

// The published counts of the input half of an LSTM of 57,600 inputs and 256 hidden units (Yang, Krompass, Tresp 2017), and
// others by their formulas.
func TestKindsCounts(t *testing.T) {
	in, out := []int{8, 20, 20, 18}, []int{16, 4, 4, 4}
	for _, c := range []struct {
		name    string
		spec    factor.Spec
		weights int64
		rows    int
		cols    int
	}{
		{"dense", factor.DenseSpec(4*256, 57600).WithScope(factor.Partial), 58_982_400, 1024, 57600},
		{"tt", factor.TTSpec(in, out, 4).WithScope(factor.Partial), 3360, 1024, 57600},
		{"tr", factor.TRSpec(in, out, 5).WithScope(factor.Partial), 25 * (128 + 80 + 80 + 72), 1024, 57600},
		{"bt", factor.BTSpec(in, out, 2, 4).WithScope(factor.Partial), 2 * (256 + 4*(128+80+80+72)), 1024, 57600},
	} {
		n, err := c.spec.Params()
		if err != nil || n != c.weights || c.spec.Rows() != c.rows || c.spec.Cols() != c.cols {
			t.Errorf("%s: %d weights of %d x %d, %v, want %d of %d x %d", c.name, n, c.spec.Rows(), c.spec.Cols(), err, c.weights, c.rows, c.cols)
		}
		if err := c.spec.Validate(); err != nil {
			t.Error(c.name, err)
		}
		total := int64(0)
		for _, p := range mustNew(t, c.spec).Params() {
			total += int64(len(p.Data))
		}
		if c.spec.Kind != factor.Dense && total != c.weights {
			t.Errorf("%s: the factors hold %d numbers, want %d", c.name, total, c.weights)
		}
	}
}

// mustNew is a matrix of structure s; a dense one stays away from large memory.
func mustNew(t testing.TB, s factor.Spec) *factor.Linear {
	t.Helper()
	if s.Kind == factor.Dense {
		s = factor.DenseSpec(1, 1)
	}
	l, err := factor.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A train multiplies from one end: each core is met once. Blocks and the terms of a trace cost as often as they are.
func TestKindsCost(t *testing.T) {
	cost := func(s factor.Spec) int64 {
		t.Helper()
		c, err := s.Cost(1)
		if err != nil {
			t.Fatal(err)
		}
		g, err := s.GradientCost(1)
		if err != nil {
			t.Fatal(err)
		}
		if c.MAC > 0 && g.MAC < c.MAC || c.Peak < int64(s.Rows()) {
			t.Errorf("%s: %+v forward, %+v with gradients", s.Kind, c, g)
		}
		return c.MAC
	}
	// The cheaper of the two ends: y[i1,i2] = sum x[j1,j2] G1[i1,j1,a] G2[a,i2,j2].
	if got, want := cost(factor.TTSpec([]int{6, 5}, []int{4, 3}, 2)), int64(min(6*5*4*2+5*4*2*3, 6*5*3*2+6*3*2*4)); got != want {
		t.Errorf("tt: %d multiply-adds, want %d", got, want)
	}
	if got := cost(factor.TRSpec([]int{7}, []int{8}, 3)); got != 3*7*8 {
		t.Errorf("tr of one core: %d multiply-adds, want %d", got, 3*7*8)
	}
	in, out := []int{5, 4, 3}, []int{4, 3, 2}
	if one, three := cost(factor.BTSpec(in, out, 1, 2)), cost(factor.BTSpec(in, out, 3, 2)); three != 3*one {
		t.Errorf("bt: %d multiply-adds for 3 blocks and %d for one", three, one)
	}
}

// A window costs as much as the box of mode indices around it.
func TestWindowCost(t *testing.T) {
	for _, build := range []func(in []int) factor.Spec{
		func(in []int) factor.Spec { return factor.HTSpec(in, []int{4, 4, 4, 4}, 4, 4) },
		func(in []int) factor.Spec { return factor.TTSpec(in, []int{4, 4, 4, 4}, 4) },
		func(in []int) factor.Spec { return factor.BTSpec(in, []int{4, 4, 4, 4}, 2, 4) },
	} {
		box, _ := build([]int{1, 4, 8, 8}).Cost(3)
		s := build([]int{113, 8, 8, 8})
		if got, err := s.WindowCost(57600, 57856, 3); err != nil || got != box {
			t.Errorf("%s: %+v, %v, want %+v", s.Kind, got, err, box)
		}
		if _, err := s.WindowCost(57600, 57857, 3); err == nil {
			t.Errorf("%s: a window past the last column has a cost", s.Kind)
		}
	}
	if c, err := factor.DenseSpec(5, 9).WindowCost(2, 5, 2); err != nil || c.MAC != 2*5*3 {
		t.Errorf("dense: %+v, %v", c, err)
	}
}

func TestKindsValidate(t *testing.T) {
	in, out := []int{3, 4, 2, 5}, []int{2, 3, 4, 2}
	with := func(s factor.Spec, f func(*factor.Spec)) factor.Spec {
		s = s.Clone()
		f(&s)
		return s
	}
	for _, c := range []struct {
		spec factor.Spec
		want string // "": valid
	}{
		{factor.TTSpec(in, out, 6), ""},
		{factor.TTSpec(in, out, 7), "rank 7 at bond 1 of [1 7 7 7 1]: the largest allowed here is 6"},
		{bondSpec(factor.TT, in, out, 1, 6, 72, 10, 1), ""},
		{bondSpec(factor.TT, in, out, 1, 6, 72, 11, 1), "rank 11 at bond 3 of [1 6 72 11 1]: the largest allowed here is 10"},
		{bondSpec(factor.TT, in, out, 2, 3, 3, 3, 2), "rank 2 at bond 0 of [2 3 3 3 2]: the largest allowed here is 1"},
		{bondSpec(factor.TT, in, out, 1, 3, 3, 1), "4 ranks [1 3 3 1] for 4 modes: kind tt takes 5, r_0..r_d"},
		{bondSpec(factor.TT, in, out, 1, 3, 0, 3, 1), "rank 0 at bond 2 of [1 3 0 3 1]: the least is 1"},
		{factor.TRSpec(in, out, 40), ""},
		{bondSpec(factor.TR, in, out, 1, 3, 40, 3, 1), "rank 40 at bond 2 of [1 3 40 3 1]: the largest allowed here is 24"},
		{bondSpec(factor.TR, in, out, 19, 3, 3, 3, 19), "rank 19 at bond 0 of [19 3 3 3 19]: the largest allowed here is 18"},
		{bondSpec(factor.TR, in, out, 2, 3, 3, 3, 3), "ranks [2 3 3 3 3]: r_0 is 2 and r_4 is 3, a ring joins its ends: make them equal"},
		{factor.BTSpec(in, out, 2, 6), ""},
		{factor.BTSpec(in, out, 2, 7), "block rank 7 at mode 0 of [2 3 4 2] x [3 4 2 5]: the least is 1, the largest allowed here is 6"},
		{factor.BTSpec(in, out, 0, 2), "0 blocks: the least is 1, the most 256"},
		{factor.BTSpec(in, out, 257, 2), "257 blocks: the least is 1, the most 256"},
		{factor.BTSpec([]int{64, 64, 64, 64, 64}, []int{4, 4, 4, 4, 4}, 1, 200), "weights: the most is"},
		{with(factor.TTSpec(in, out, 2), func(s *factor.Spec) { s.Tree = factor.Balanced(4) }), "kind tt with tree [[0,1],[2,3]]: tt takes a list of ranks r_0..r_d"},
		{with(factor.HTSpec(in, out, 2, 2), func(s *factor.Spec) { s.Bonds = []int{1, 1} }), "kind ht with ranks [1 1] of bonds: ht takes a rank for every tree node but the root"},
		{with(factor.TTSpec(in, out, 2), func(s *factor.Spec) { s.Blocks, s.BlockRank = 2, 3 }), "kind tt with 2 blocks of rank 3"},
		{with(factor.HTSpec(in, out, 2, 2), func(s *factor.Spec) { s.Kind = factor.BT }), "kind bt with tree [[0,1],[2,3]] and ranks map[0:2 0-2:2 1:2 2:2 2-4:2 3:2] of tree nodes: bt takes a number of blocks and their rank"},
		{with(factor.DenseSpec(3, 4), func(s *factor.Spec) { s.Bonds = []int{1, 1} }), "kind dense with ranks [1 1] of bonds: dense takes no ranks"},
		{factor.TTSpec(in, out, 2).WithScope(factor.Partial), ""},
		{factor.TTSpec(in, out, 2).WithScope(factor.Split), ""},
		{factor.TTSpec(in, out, 2).WithScope("half"), `unknown scope "half": choose full, partial or split`},
	} {
		err := c.spec.Validate()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
		if _, errNew := factor.New(c.spec); (errNew == nil) != (err == nil) {
			t.Errorf("%+v: Validate says %v, New says %v", c.spec, err, errNew)
		}
	}
}
