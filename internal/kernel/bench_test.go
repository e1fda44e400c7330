package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// benchShapes are products one forward and backward pass of a video model is made of: M, K, N.
var benchShapes = [][3]int{
	{1600, 36, 16}, {2880, 20, 16}, {7200, 8, 64}, {512, 113, 32}, {14400, 4, 16}, {1600, 16, 4}, {1600, 36, 4}, {1600, 36, 8}, {16, 8, 7600},
}

func benchPaths(b *testing.B, f func(b *testing.B)) {
	for _, p := range Paths() {
		b.Run(p.String(), func(b *testing.B) {
			defer Use(p)()
			f(b)
		})
	}
}

// measure runs f and reports the rate of the average and of the fastest run, which is less moved by what else the machine does.
func measure(b *testing.B, flop int, f func()) {
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		for range 4 {
			f()
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(4*float64(flop)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(4*float64(flop)/best.Seconds()/1e9, "best-GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

func benchMul(b *testing.B, name string, p Mul) {
	r := rand.New(rand.NewPCG(1, 1))
	last := p.Batch - 1
	x := randoms(r, last*p.ABatch+(p.M-1)*p.ARow+(p.K-1)*p.ACol+1)
	y := randoms(r, last*p.BBatch+(p.K-1)*p.BRow+p.N)
	c := make([]float32, last*p.CBatch+(p.M-1)*p.CRow+p.N)
	b.Run(name, func(b *testing.B) {
		measure(b, 2*p.M*p.N*p.K*p.Batch, func() { p.Run(c, x, y) })
	})
}

func benchDot(b *testing.B, name string, p Dot) {
	r := rand.New(rand.NewPCG(1, 1))
	last := p.Batch - 1
	x := randoms(r, last*p.ABatch+(p.M-1)*p.ARow+p.K)
	y := randoms(r, last*p.BBatch+(p.N-1)*p.BRow+p.K)
	c := make([]float32, last*p.CBatch+(p.M-1)*p.CRow+(p.N-1)*p.CCol+1)
	b.Run(name, func(b *testing.B) {
		measure(b, 2*p.M*p.N*p.K*p.Batch, func() { p.Run(c, x, y) })
	})
}

// BenchmarkNN: C[M,N] = A[M,K] B[K,N].
func BenchmarkNN(b *testing.B) {
	benchPaths(b, func(b *testing.B) {
		for _, s := range benchShapes {
			m, k, n := s[0], s[1], s[2]
			benchMul(b, fmt.Sprintf("%dx%dx%d", m, k, n), Mul{M: m, N: n, K: k, Batch: 1, ARow: k, ACol: 1, BRow: n, CRow: n})
		}
	})
}

// BenchmarkTN: C[K,N] += A[M,K]^T B[M,N], summed over the long M.
func BenchmarkTN(b *testing.B) {
	benchPaths(b, func(b *testing.B) {
		for _, s := range benchShapes {
			m, k, n := s[0], s[1], s[2]
			benchMul(b, fmt.Sprintf("%dx%dx%d", m, k, n), Mul{M: k, N: n, K: m, Batch: 1, ARow: 1, ACol: k, BRow: n, CRow: n, Add: true})
		}
	})
}

// BenchmarkNT: C[M,N] = A[M,K] B[N,K]^T.
func BenchmarkNT(b *testing.B) {
	benchPaths(b, func(b *testing.B) {
		for _, s := range benchShapes {
			m, k, n := s[0], s[1], s[2]
			benchDot(b, fmt.Sprintf("%dx%dx%d", m, k, n), Dot{M: m, N: n, K: k, Batch: 1, ARow: k, BRow: k, CRow: n, CCol: 1})
		}
	})
}

// BenchmarkBatch: many small products.
func BenchmarkBatch(b *testing.B) {
	benchPaths(b, func(b *testing.B) {
		for _, s := range [][4]int{{16, 8, 19, 500}, {16, 8, 64, 400}, {32, 32, 32, 200}, {16, 36, 20, 400}} {
			m, k, n, q := s[0], s[1], s[2], s[3]
			name := fmt.Sprintf("%dx%dx%dx%d", q, m, k, n)
			benchMul(b, "shareA/"+name, Mul{M: m, N: n, K: k, Batch: q, ARow: k, ACol: 1, BRow: n, BBatch: k * n, CRow: n, CBatch: m * n})
			benchMul(b, "sum/"+name, Mul{M: m, N: n, K: k, Batch: q, ARow: k, ACol: 1, ABatch: m * k, BRow: n, BBatch: k * n, CRow: n, Add: true})
			benchDot(b, "dot/"+name, Dot{M: m, N: n, K: k, Batch: q, ARow: k, ABatch: m * k, BRow: k, BBatch: k * n, CRow: n, CCol: 1, CBatch: m * n})
			benchDot(b, "dotsum/"+name, Dot{M: m, N: n, K: k, Batch: q, ARow: k, ABatch: m * k, BRow: k, BBatch: k * n, CRow: n, CCol: 1, Add: true})
		}
	})
}
