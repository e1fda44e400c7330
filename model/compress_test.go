package model

import (
	"context"
	"errors"
	"fmt"
	"math"
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
				how := Compression{Structure: []factor.Spec{structureFor(kind, scope, rows, c.Input+hidden)}, Target: compress.Target{Tol: 1e-7}}
				how.Upper = []factor.Spec{structureFor(kind, scope, rows, c.outputs()+hidden)}
				if scope == factor.Split {
					how.Recurrent = []factor.Spec{structureFor(kind, factor.Full, rows, c.Hidden)}
				}
				g, report, err := Compress(context.Background(), f, how)
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
				h, _, err := Compress(context.Background(), g, how)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				testutil.CloseTo(t, name+" again", c.logits(h.Net), c.means(), 1e-5)

				weights, _, _ := g.Net.Count()
				how.Target = compress.Target{Budget: weights - 1}
				h, report, err = Compress(context.Background(), f, how)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if n, _, _ := h.Net.Count(); n > how.Target.Budget {
					t.Errorf("%s: %d weights for a budget of %d", name, n, how.Target.Budget)
				}
				for _, r := range report {
					if rep := r.Report; rep.Error > rep.Bound*(1+1e-9)+1e-12 || rep.RelErr > 0.99 {
						t.Errorf("%s: %s: error %v, bound %v of norm %v", name, r.Name, rep.Error, rep.Bound, rep.Norm)
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
	of := func(scope factor.Scope, rows, cols int) []factor.Spec {
		return []factor.Spec{structureFor(factor.HT, scope, rows, cols)}
	}
	full, partial, small := of(factor.Full, 12, 7), of(factor.Partial, 12, 4), of(factor.Full, 12, 4)
	for _, tc := range []struct {
		how  Compression
		want string
	}{
		{Compression{Structure: of(factor.Split, 12, 4)}, "scope split, and no structure of the hidden half: give one"},
		{Compression{}, "no structure to compress to"},
		{Compression{Structure: partial, Target: compress.Target{Budget: 72}}, "budget of 72 weights: the dense hidden halves have 72, and ranks of 1 take 30 more; raise it, or choose scope full or split"},
		{Compression{Structure: full, Target: compress.Target{Budget: 20}}, "budget of 20 weights: ranks of 1 alone take 42; raise it, or choose other modes"},
		{Compression{Structure: of(factor.Full, 15, 7)}, "cell.0: output modes [5 3] multiply to 15, the matrix has 12 rows"},
		{Compression{Structure: full, Upper: small}, "cell.1: input modes [2 2] multiply to 4, the matrix has 6 columns"},
	} {
		_, _, err := Compress(context.Background(), f, tc.how)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
		var request *compress.RequestError
		if !errors.As(err, &request) {
			t.Errorf("%v: no request error", err)
		}
	}
	large, err := New(Config{Cell: "lstm", Input: 1 << 20, Hidden: 256, Layers: 1, Classes: []string{"a"}, Pooling: "last",
		Structure: factor.HTSpec([]int{1025, 1024}, []int{32, 32}, 1, 1)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Compress(context.Background(), large, Compression{Structure: []factor.Spec{large.Config.Structure}})
	if want := "cell.0: modes [32 32] x [1025 1024] make a dense matrix of 1.07e+09 numbers: at most 268435456 are formed"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, _, err := Compress(stopped, f, Compression{Structure: full, Upper: full}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A budget goes to the matrices by what ranks of 1 take in each.
func TestCompressSharesTheBudget(t *testing.T) {
	cfg := Config{Cell: "lstm", Input: 90, Hidden: 6, Layers: 3, Classes: []string{"a"}, Pooling: "last", Structure: factor.DenseSpec(24, 96)}
	up := factor.DenseSpec(24, 12)
	cfg.Upper = &up
	f, err := New(cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	how := Compression{Structure: []factor.Spec{factor.HTSpec([]int{1, 96}, []int{24, 1}, 1, 1)},
		Upper: []factor.Spec{factor.HTSpec([]int{3, 4}, []int{6, 4}, 1, 1)}}
	for _, tc := range []struct {
		budget int64
		want   []int64 // most weights of each matrix; half of the budget would be too little for the first
	}{{192, []int64{121, 36, 36}}, {700, []int64{442, 160, 160}}, {1400, []int64{885, 290, 290}}} {
		how.Target.Budget = tc.budget
		g, report, err := Compress(context.Background(), f, how)
		if err != nil {
			t.Fatal(err)
		}
		if n, _, _ := g.Net.Count(); n > how.Target.Budget || n < how.Target.Budget*4/5 {
			t.Errorf("%d weights for a budget of %d", n, how.Target.Budget)
		}
		for i, r := range report {
			if r.Report.Weights > tc.want[i] || r.Report.Weights < tc.want[i]*7/10 {
				t.Errorf("%s: %d weights of %d", r.Name, r.Report.Weights, tc.want[i])
			}
		}
	}
}

// A matrix that has the structure already is rounded without being formed, which a larger one could not be.
func TestCompressRounds(t *testing.T) {
	network := func(input, hidden int, s factor.Spec) *File {
		f, err := New(Config{Cell: "lstm", Input: input, Hidden: hidden, Layers: 1, Classes: []string{"a"}, Pooling: "last", Structure: s}, 5)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	in, out := []int{4, 6, 3}, []int{4, 3, 4}
	for _, s := range []factor.Spec{factor.HTSpec(in, out, 5, 5), factor.TTSpec(in, out, 5)} {
		less := factor.HTSpec(in, out, 3, 3)
		if s.Kind == factor.TT {
			less = factor.TTSpec(in, out, 3)
		}
		for _, how := range []Compression{{Structure: []factor.Spec{less}}, {Structure: []factor.Spec{less}, Target: compress.Target{Tol: 0.6}}} {
			f := network(60, 12, s)
			g, report, err := Compress(context.Background(), f, how)
			if err != nil {
				t.Fatal(err)
			}
			w, err := dense(f.Net.Matrix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			formed, err := compress.Decompose(context.Background(), window{w, 0, 72}, less, how.Target)
			if err != nil {
				t.Fatal(err)
			}
			got := g.Net.Matrix(0, 0).Materialize()
			sum := 0.0
			for i, v := range got.Data {
				sum += (float64(v) - float64(w.Data[i])) * (float64(v) - float64(w.Data[i]))
			}
			rep := report[0].Report
			if e := math.Sqrt(sum); math.Abs(e-rep.Error) > 1e-5*rep.Norm || e > rep.Bound*(1+1e-5) || rep.Error > 1.5*formed.Report.Error || rep.Dense != 72*48 {
				t.Errorf("%s %+v: error %v, reported %v, bound %v; by the dense matrix %v", s.Kind, how.Target, e, rep.Error, rep.Bound, formed.Report.Error)
			}
			if how.Target.Tol > 0 && rep.RelErr > how.Target.Tol {
				t.Errorf("%s: error %v for %v", s.Kind, rep.RelErr, how.Target.Tol)
			}
			before, _, _ := f.Net.Count()
			if n, _, _ := g.Net.Count(); n != rep.Weights || n >= before {
				t.Errorf("%s: %d weights of %d, %d in the report", s.Kind, n, before, rep.Weights)
			}
		}
	}
	in, out = []int{1024, 1024}, []int{32, 32}
	large := network(1<<20-256, 256, factor.HTSpec(in, out, 3, 3)) // 1,024 x 1,048,576
	_, report, err := Compress(context.Background(), large, Compression{Structure: []factor.Spec{factor.HTSpec(in, out, 2, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	if rep := report[0].Report; rep.RelErr < 0.01 || rep.RelErr > 0.99 || report[0].Spec.Ranks[factor.Leaf(0)] != 2 {
		t.Errorf("error %v, %+v", rep.RelErr, report[0].Spec)
	}
	if _, _, err := Compress(context.Background(), large, Compression{Structure: []factor.Spec{factor.HTSpec(in, out, 1<<20, 1)}}); err == nil {
		t.Error("a rank beyond all bounds is taken")
	}
}

// Of several structures the better one is taken, and one that does not fit the budget is passed over.
func TestCompressTriesStructures(t *testing.T) {
	f, _, err := fromPyTorchCase(t, torchCases(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	all := []factor.Spec{factor.HTSpec([]int{7}, []int{12}, 1, 1), factor.HTSpec([]int{2, 4}, []int{4, 3}, 1, 1), factor.HTSpec([]int{1, 7}, []int{12, 1}, 1, 1)}
	for _, target := range []compress.Target{{Budget: 60}, {Tol: 0.3}} {
		value := func(structures ...factor.Spec) float64 {
			g, report, err := Compress(context.Background(), f, Compression{Structure: structures, Target: target})
			if err != nil {
				return 1e9
			}
			if target.Tol != 0 {
				n, _, _ := g.Net.Count()
				return float64(n)
			}
			return report[0].Report.Error
		}
		best := min(value(all[0]), value(all[1]), value(all[2]))
		if got := value(all...); got != best || best > 1e6 {
			t.Errorf("%+v: %v, the best alone comes to %v", target, got, best)
		}
	}
	if _, _, err := Compress(context.Background(), f, Compression{Structure: all[:1], Target: compress.Target{Budget: 60}}); err == nil {
		t.Error("84 weights fit a budget of 60")
	}
}

// ending is a context that ends after so many looks at it.
type ending struct {
	context.Context
	left, after int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		e.after++
		return context.Canceled
	}
	return nil
}

// A compression that is stopped gives nothing, however far it is: not the best of what it has tried so far.
func TestCompressStops(t *testing.T) {
	f, _, err := fromPyTorchCase(t, torchCases(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	in, out := []int{2, 4}, []int{4, 3}
	for _, s := range []factor.Spec{factor.HTSpec(in, out, 1, 1), factor.TTSpec(in, out, 1), factor.TRSpec(in, out, 1), {Kind: factor.BT, Scope: factor.Full, In: in, Out: out, Blocks: 1, BlockRank: 1}} {
		for _, target := range []compress.Target{{Budget: 60}, {Tol: 0.3}} {
			again := s.Clone()
			again.In = []int{4, 2}
			for looks, stopped := 0, true; stopped; looks++ {
				ctx := &ending{Context: context.Background(), left: looks}
				_, _, err := Compress(ctx, f, Compression{Structure: []factor.Spec{s, again}, Target: target})
				stopped = ctx.after > 0
				if stopped && !errors.Is(err, context.Canceled) || !stopped && (err != nil || looks < 2) {
					t.Fatalf("%s %+v, stopped %v at look %d: %v", s.Kind, target, stopped, looks, err)
				}
			}
		}
	}
}
