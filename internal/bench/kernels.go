package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fdht/fdht/internal/kernel"
)

// Op is a kind of product.
type Op string

// The products. A and B are row-major as named.
const (
	NN Op = "nn" // C[M,N] = A[M,K] B[K,N]
	TN Op = "tn" // C[K,N] = A[M,K]^T B[M,N], summed over the long M
	NT Op = "nt" // C[M,N] = A[M,K] B[N,K]^T
)

// Ops are all products.
var Ops = []Op{NN, TN, NT}

// Shape is the sizes of a product.
type Shape struct{ M, K, N int }

// Shapes are those that the steps of the paper's network have.
var Shapes = []Shape{{1600, 36, 16}, {2880, 20, 16}, {7200, 8, 64}, {512, 113, 32}, {14400, 4, 16}}

// String is "1600x36x16".
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.M, s.K, s.N) }

// Peak measures the ceiling of one core's arithmetic, in GFLOP/s.
func Peak(e Effort) float64 { return kernel.PeakFMA(kernel.Current(), 2*e.Kernel) }

// MeasureKernel measures one product on one core.
func MeasureKernel(ctx context.Context, op Op, s Shape, e Effort) (Kernel, error) {
	const calls = 4 // for one look at the clock
	run := product(op, s)
	d, err := median(ctx, e.Kernel, e.Runs, func() {
		for range calls {
			run()
		}
	})
	if err != nil {
		return Kernel{}, err
	}
	flop := 2 * float64(calls) * float64(s.M) * float64(s.K) * float64(s.N)
	return Kernel{op, s.M, s.K, s.N, kernel.Current().String(), flop / float64(max(d, time.Nanosecond).Nanoseconds())}, nil
}

// product prepares a product and returns what runs it.
func product(op Op, s Shape) func() {
	m, k, n := s.M, s.K, s.N
	rng := rand.New(rand.NewPCG(1, 1))
	a := random(rng, m*k)
	switch op {
	case TN:
		b, c := random(rng, m*n), make([]float32, k*n)
		p := kernel.Mul{M: k, N: n, K: m, Batch: 1, ARow: 1, ACol: k, BRow: n, CRow: n}
		return func() { p.Run(c, a, b) }
	case NT:
		b, c := random(rng, n*k), make([]float32, m*n)
		p := kernel.Dot{M: m, N: n, K: k, Batch: 1, ARow: k, BRow: k, CRow: n, CCol: 1}
		return func() { p.Run(c, a, b) }
	}
	b, c := random(rng, k*n), make([]float32, m*n)
	p := kernel.Mul{M: m, N: n, K: k, Batch: 1, ARow: k, ACol: 1, BRow: n, CRow: n}
	return func() { p.Run(c, a, b) }
}

// random is n numbers from -1 to 1.
func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	return x
}
