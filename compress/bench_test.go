package compress

import (
	"context"
	"runtime"
	"testing"

	"github.com/fdht/fdht/factor"
)

// one runs f on one processor.
func one(t testing.TB, f func()) {
	t.Helper()
	n := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(n)
	f()
}

// video is a matrix of the size of the paper's network: 57,600 inputs, 256 hidden units.
func video() Matrix { return random(1024, 57856, 1, 0, 0.01) }

func benchmark(b *testing.B, s factor.Spec, target Target) {
	w := video()
	b.ReportAllocs()
	for b.Loop() {
		r, err := Decompose(context.Background(), w, s, target)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.Report.RelErr, "error")
		b.ReportMetric(float64(r.Report.Weights), "weights")
	}
}

func BenchmarkVideoHT(b *testing.B) {
	benchmark(b, factor.HTSpec([]int{8, 8, 8, 113}, []int{4, 4, 8, 8}, 8, 8), Target{})
}

func BenchmarkVideoTT(b *testing.B) {
	benchmark(b, factor.TTSpec([]int{8, 8, 8, 113}, []int{4, 4, 8, 8}, 8), Target{})
}

func BenchmarkVideoBT(b *testing.B) {
	benchmark(b, factor.BTSpec([]int{8, 8, 8, 113}, []int{4, 4, 8, 8}, 1, 4), Target{})
}

func BenchmarkVideoBudget(b *testing.B) {
	benchmark(b, factor.HTSpec([]int{8, 8, 8, 113}, []int{4, 4, 8, 8}, 1, 1), Target{Budget: 8808})
}
