package compress

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"pgregory.net/rapid"
)

// checker is what testing.T and rapid.T have in common.
type checker interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// random is a matrix of normal numbers, with singular values that fall or not.
func random(rows, cols int, seed uint64, fall, scale float64) Matrix {
	rng := rand.New(rand.NewPCG(seed, 5))
	m := Matrix{rows, cols, make([]float32, rows*cols)}
	for i := range rows {
		for j := range cols {
			m.Data[i*cols+j] = float32(scale * rng.NormFloat64() * math.Exp(-fall*float64(i+j)))
		}
	}
	return m
}

// shape draws modes, some of them 1, at most a few thousand entries.
func shape(t *rapid.T, least int) (in, out []int) {
	d := rapid.IntRange(least, 5).Draw(t, "d")
	most := []int{0, 30, 8, 5, 4, 3}[d]
	for range d {
		in = append(in, rapid.IntRange(1, most).Draw(t, "n"))
		out = append(out, rapid.IntRange(1, most).Draw(t, "m"))
	}
	return in, out
}

// drawTree draws a dimension tree over d modes.
func drawTree(t *rapid.T, d int) factor.Tree {
	var text func(lo, hi int) string
	text = func(lo, hi int) string {
		if hi-lo == 1 {
			return fmt.Sprint(lo)
		}
		mid := rapid.IntRange(lo+1, hi-1).Draw(t, "mid")
		return "[" + text(lo, mid) + "," + text(mid, hi) + "]"
	}
	tree, err := factor.ParseTree(text(0, d))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// structure draws a structure of the kind with ranks that are valid.
func structure(t *rapid.T, kind factor.Kind, in, out []int) factor.Spec {
	d := len(in)
	most := rapid.IntRange(1, 9).Draw(t, "rank")
	switch kind {
	case factor.HT:
		s := factor.HTSpec(in, out, 1, 1)
		s.Tree = drawTree(t, d)
		s = s.WithRanks(1, 1)
		for _, n := range s.Tree.Nodes()[:2*d-2] { // children first: their ranks bound the parent's
			s.Ranks[n] = min(most, s.MaxRank(n))
		}
		return s
	case factor.TT:
		s := factor.TTSpec(in, out, 1)
		for k := 1; k < d; k++ {
			s.Bonds[k] = min(most, s.MaxBond(k))
		}
		return s
	case factor.TR:
		return factor.TRSpec(in, out, min(most, 4))
	}
	return factor.BTSpec(in, out, 1, min(most, slices.Min(joint(factor.Spec{In: in, Out: out}))))
}

// unfoldings are the nodes whose unfoldings bound the best error from below: each truncated alone at its rank. count is
// how many of them a decomposition truncates.
func bestAlone(t checker, w Matrix, s factor.Spec) (lower float64, count int) {
	full, err := gather(w, s)
	if err != nil {
		t.Fatal(err)
	}
	d := len(s.In)
	tail := func(modes factor.Range, rank int) {
		u := &tensor{slices.Clone(full.dims), full.data}
		for u.dims = slices.Clone(u.dims); modes.Hi-modes.Lo > 1; modes.Hi-- {
			u.merge(modes.Lo)
		}
		_, sigma := u.decompose(modes.Lo)
		lower = max(lower, frobenius(sigma[min(rank, len(sigma)):]))
		count++
	}
	switch s.Kind {
	case factor.HT:
		for n, r := range s.Ranks {
			tail(n, r)
		}
		count = max(2*d-3, 1)
	case factor.TT:
		for k := 1; k < d; k++ {
			tail(factor.Range{Lo: 0, Hi: k}, s.Bonds[k])
		}
	case factor.BT:
		for k := range d {
			tail(factor.Leaf(k), s.BlockRank)
		}
	}
	return lower, count
}

// orthonormal checks the columns of a.
func orthonormal(t checker, name string, a blas64.General) {
	t.Helper()
	g := newGeneral(a.Cols, a.Cols)
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, a, a, 0, g)
	for i := range a.Cols {
		for j := range a.Cols {
			want := 0.0
			if i == j {
				want = 1
			}
			if e := math.Abs(g.Data[i*a.Cols+j] - want); !(e < 1e-12) {
				t.Fatalf("%s %dx%d: columns %d and %d have product %v", name, a.Rows, a.Cols, i, j, g.Data[i*a.Cols+j])
			}
		}
	}
}

// frames checks that all factors but the last are orthonormal.
func frames(t checker, f *Factors) {
	t.Helper()
	s := f.Spec
	switch s.Kind {
	case factor.HT:
		tr := newHTTree(s)
		for n := range tr.root() {
			orthonormal(t, tr.nodes[n].String(), frame(f.Data[n], s.Rank(tr.nodes[n])))
		}
	case factor.TT:
		for k := range len(s.In) - 1 {
			orthonormal(t, fmt.Sprintf("core %d", k), frame(f.Data[k], s.Bonds[k+1]))
		}
	case factor.BT:
		for k := range s.In {
			orthonormal(t, fmt.Sprintf("factor %d", k), frame(f.Data[k], s.BlockRank))
		}
	}
}

func TestProperties(t *testing.T) {
	for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR, factor.BT} {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in, out := shape(t, 1)
				s := structure(t, kind, in, out)
				if err := s.Validate(); err != nil {
					t.Skip(err.Error())
				}
				scale := math.Pow(10, float64(rapid.IntRange(-30, 30).Draw(t, "scale")))
				cols := rapid.IntRange(max(1, s.Cols()-2), s.Cols()).Draw(t, "cols")
				w := random(s.Rows(), cols, rapid.Uint64().Draw(t, "seed"), rapid.Float64Range(0, 0.5).Draw(t, "fall"), scale)
				var target Target
				if rapid.Bool().Draw(t, "tolerance") {
					target.Tol = math.Pow(10, -float64(rapid.IntRange(0, 6).Draw(t, "tol"))) / 2
				}
				r, err := Decompose(context.Background(), w, s, target)
				if err != nil {
					if kind == factor.BT && strings.Contains(err.Error(), "smallest mode") {
						return
					}
					t.Fatal(err)
				}
				rep := r.Report
				eps := 1e-13 * rep.Norm
				if math.Abs(rep.Error-rep.Bound) > eps {
					t.Fatalf("error %v, bound %v, norm %v", rep.Error, rep.Bound, rep.Norm)
				}
				if target.Tol > 0 && rep.Error > target.Tol*rep.Norm+eps {
					t.Fatalf("error %v of norm %v for tolerance %v", rep.Error, rep.Norm, target.Tol)
				}
				if !usable(r.Spec) {
					t.Fatalf("ranks %v %v are more than those around them can use", r.Spec.Ranks, r.Spec.Bonds)
				}
				if kind != factor.TR {
					frames(t, r.Factors)
					lower, count := bestAlone(t, w, r.Spec)
					if rep.Bound > math.Sqrt(float64(count))*lower+eps {
						t.Fatalf("bound %v, more than sqrt(%d) times %v, which no matrix with these ranks comes below", rep.Bound, count, lower)
					}
				}
				if n, err := r.Spec.Params(); err != nil || n != rep.Weights {
					t.Fatalf("%d weights, the structure has %d, %v", rep.Weights, n, err)
				}
				same(t, w, r)
			})
		})
	}
}

// same checks the reported error and the float32 factors against the matrix that package factor makes of them.
func same(t checker, w Matrix, r *Result) {
	t.Helper()
	l, err := r.Linear()
	if err != nil {
		t.Fatal(err)
	}
	m := l.Materialize()
	diff := make([]float64, len(m.Data))
	cols := r.Spec.Cols()
	for i := range r.Spec.Rows() {
		for j := range cols {
			diff[i*cols+j] = float64(m.Data[i*cols+j])
			if j < w.Cols {
				diff[i*cols+j] -= float64(w.Data[i*w.Cols+j])
			}
		}
	}
	if e := frobenius(diff); math.Abs(e-r.Report.Error) > 2e-6*r.Report.Norm {
		t.Fatalf("%s: the float32 matrix is %v off, reported %v, norm %v", r.Spec.Kind, e, r.Report.Error, r.Report.Norm)
	}
}

func TestExactAtFullRank(t *testing.T) {
	blocks := map[int]bool{} // numbers of modes with a block of full rank
	for _, modes := range [][2][]int{{{118}, {48}}, {{10, 12}, {6, 8}}, {{3, 5, 8}, {2, 3, 8}}, {{3, 4, 2, 5}, {2, 3, 4, 2}}, {{3, 1, 4, 2, 5}, {1, 2, 3, 4, 2}},
		{{8, 12}, {12, 8}}, {{3, 2, 6}, {4, 6, 2}}, {{3, 2, 1, 6}, {2, 3, 6, 1}}} {
		in, out := modes[0], modes[1]
		for _, scale := range []float64{1e-30, 1, 1e30} {
			for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR, factor.BT} {
				s := factor.HTSpec(in, out, 1, 1)
				switch kind {
				case factor.HT:
					for _, n := range s.Tree.Nodes()[:2*len(in)-2] {
						s.Ranks[n] = s.MaxRank(n)
					}
				case factor.TT:
					s = factor.TTSpec(in, out, 1)
					for k := 1; k < len(in); k++ {
						s.Bonds[k] = s.MaxBond(k)
					}
				case factor.TR:
					s = factor.TRSpec(in, out, int(math.Sqrt(float64(s.Rows()*s.Cols())))) // more than any cut can use
				case factor.BT:
					if len(in) == 1 { // a core of one number
						s = factor.BTSpec(in, out, 1, 1)
						break
					}
					p := joint(s)
					if slices.Min(p) != slices.Max(p) { // one rank cannot be full at all modes
						continue
					}
					s = factor.BTSpec(in, out, 1, p[0])
					blocks[len(in)] = true
				}
				r, err := Decompose(context.Background(), random(s.Rows(), s.Cols()-1, 3, 0, scale), s, Target{})
				if err != nil {
					t.Fatal(err)
				}
				if r.Report.Bound > 1e-13*r.Report.Norm || r.Report.RelErr > 1e-13 {
					t.Errorf("%s %v x %v at %v: relative error %v, bound %v", kind, out, in, scale, r.Report.RelErr, r.Report.RelBnd)
				}
			}
		}
	}
	if len(blocks) != 3 {
		t.Errorf("blocks of full rank with numbers of modes %v only", blocks)
	}
}

// A rank that those around it leave no use for is not kept, by rank or by tolerance.
func TestRanksOfNoUseAreNotKept(t *testing.T) {
	tree := func(text string, s factor.Spec, leaf, inner int) factor.Spec {
		tr, err := factor.ParseTree(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Tree = tr
		return s.WithRanks(leaf, inner)
	}
	three := factor.HTSpec([]int{3, 4, 5}, []int{4, 3, 4}, 1, 1)
	ones := factor.HTSpec([]int{1, 6, 5}, []int{1, 4, 6}, 1, 1)
	for _, c := range []struct {
		spec   factor.Spec
		target Target
		want   string
	}{
		{tree("[[0,1],2]", three, 8, 2), Target{}, "map[0:8 0-2:2 1:8 2:2]"},
		{tree("[0,[1,2]]", three, 8, 3), Target{}, "map[0:3 1:8 1-3:3 2:8]"},
		{tree("[[0,1],2]", ones, 1, 1), Target{Tol: 0.1}, "map[0:1 0-2:21 1:21 2:21]"},
	} {
		w := random(c.spec.Rows(), c.spec.Cols(), 7, 0, 1)
		r, err := Decompose(context.Background(), w, c.spec, c.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.Spec.Ranks); got != c.want {
			t.Errorf("ranks %v, want %v", got, c.want)
		}
		for i, n := range newHTTree(r.Spec).nodes[:len(r.Report.Nodes)] {
			if r.Report.Nodes[i].Rank != r.Spec.Ranks[n] {
				t.Errorf("node %v: rank %d in the report, %d kept", n, r.Report.Nodes[i].Rank, r.Spec.Ranks[n])
			}
		}
		if math.Abs(r.Report.Error-r.Report.Bound) > 1e-13*r.Report.Norm {
			t.Errorf("error %v, bound %v", r.Report.Error, r.Report.Bound)
		}
		same(t, w, r)
	}
}

func TestZeroMatrix(t *testing.T) {
	for _, s := range []factor.Spec{factor.HTSpec([]int{3, 4, 2}, []int{2, 2, 3}, 2, 2), factor.TTSpec([]int{3, 4, 2}, []int{2, 2, 3}, 2),
		factor.TRSpec([]int{3, 4, 2}, []int{2, 2, 3}, 2), factor.BTSpec([]int{3, 4, 2}, []int{2, 2, 3}, 1, 2)} {
		for _, target := range []Target{{}, {Tol: 0.1}, {Budget: 100}} {
			w := Matrix{12, 24, make([]float32, 12*24)}
			r, err := Decompose(context.Background(), w, s, target)
			if err != nil {
				t.Fatal(err)
			}
			if r.Report.Error != 0 || r.Report.RelErr != 0 {
				t.Errorf("%s: error %v", s.Kind, r.Report.Error)
			}
			same(t, w, r)
		}
	}
}

// A matrix of given ranks is found again, whatever is asked for beyond it.
func TestLowRankIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, s := range []factor.Spec{factor.HTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 4), factor.TTSpec([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3)} {
		l, err := factor.New(s)
		if err != nil {
			t.Fatal(err)
		}
		l.Init(1, rng)
		r, err := Decompose(context.Background(), Matrix{s.Rows(), s.Cols(), l.Materialize().Data}, s, Target{Tol: 1e-6})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(r.Spec.Ranks, r.Spec.Bonds) != fmt.Sprint(s.Ranks, s.Bonds) {
			t.Errorf("ranks %v %v, the matrix has %v %v", r.Spec.Ranks, r.Spec.Bonds, s.Ranks, s.Bonds)
		}
	}
}

// What a sketch finds is close to what the whole decomposition finds, and what it discards is true.
func TestSketch(t *testing.T) {
	for _, fall := range []float64{0, 0.02} {
		w := random(240, 300, 2, fall, 1)
		t1 := &tensor{[]int{4, 60, 5, 60}, nil}
		for _, v := range w.Data {
			t1.data = append(t1.data, float64(v))
		}
		t2 := &tensor{slices.Clone(t1.dims), slices.Clone(t1.data)}
		_, sigma := t1.decompose(1)
		best := frobenius(sigma[6:])
		c := t2.sketch(1, 6)
		u, lost := c.u, c.lost
		t2 = c.left
		orthonormal(t, "sketch", u)
		if len(c.sigma) != 6+extra || !slices.Equal(t2.dims, []int{4, 6, 5, 60}) {
			t.Fatalf("%d singular values, shape %v", len(c.sigma), t2.dims)
		}
		if math.Abs(math.Hypot(frobenius(t2.data), lost)-frobenius(t1.data)) > 1e-9*frobenius(t1.data) {
			t.Errorf("%v is kept and %v discarded of %v", frobenius(t2.data), lost, frobenius(t1.data))
		}
		if lost < best*(1-1e-9) || lost > best*1.005 {
			t.Errorf("%v is discarded, the best is %v", lost, best)
		}
		t1.project(1, u)
		for i, v := range t2.data {
			if math.Abs(v-t1.data[i]) > 1e-9*frobenius(t1.data) {
				t.Fatalf("entry %d is %v, not u^T A = %v", i, v, t1.data[i])
			}
		}
	}
}
