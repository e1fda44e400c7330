package bench

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/fdht/fdht/internal/kernel"
)

func TestStructures(t *testing.T) {
	weights := map[string]int64{}
	for _, name := range Names {
		s, err := Structure(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := config(s).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if weights[name], err = s.Params(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if weights[HTRank4] != 1840 || weights[HTPlanned] > 1840 || weights[TTPartial] != 3360 || weights[Dense] != 59_244_544 {
		t.Errorf("weights %v", weights)
	}
	if _, err := Structure("ht-r5"); err == nil {
		t.Error("ht-r5 is taken for a network")
	}
}

// TestKernels: every product is measured, on operands of the right sizes.
func TestKernels(t *testing.T) {
	for _, op := range Ops {
		s := Shape{20, 3, 5}
		k, err := MeasureKernel(context.Background(), op, s, Effort{Runs: 1})
		if err != nil || k.GFLOPS <= 0 || k.Op != op || (Shape{k.M, k.K, k.N}) != s || k.Path != kernel.Current().String() {
			t.Errorf("%s: %+v, %v", op, k, err)
		}
	}
}

func TestRows(t *testing.T) {
	for _, pass := range Passes {
		for _, name := range []string{HTPlanned, BTPartial} {
			m, err := MeasureRow(context.Background(), name, pass, 2, Effort{Runs: 1})
			if err != nil || m.Millis <= 0 || (m.RSS > 0) != (runtime.GOOS == "linux") {
				t.Errorf("%s, %s: %+v, %v", name, pass, m, err)
			}
		}
	}
	if _, err := MeasureRow(context.Background(), HTPlanned, "none", 1, Quick); err == nil {
		t.Error("none is taken for a pass")
	}
}

// TestMedian counts runs, it does not look at times.
func TestMedian(t *testing.T) {
	n := 0
	if _, err := median(context.Background(), 0, 7, func() { n++ }); err != nil || n != 8 {
		t.Errorf("%d runs, %v, want 7 and one before", n, err)
	}
}

func TestField(t *testing.T) {
	text := "a\t: 1\nmodel name\t: Some CPU @ 3: GHz \nmodel name : other\n"
	if v, ok := field(text, "model name"); !ok || v != "Some CPU @ 3: GHz" {
		t.Errorf("%q, %v", v, ok)
	}
	if v, ok := field(text, "none"); ok {
		t.Errorf("%q", v)
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := MeasureKernel(ctx, NN, Shapes[0], Quick); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
