// Package kernel holds the float32 inner loops everything above stands on.
//
// Every operation has one meaning, written as a plain Go loop (the reference), and may have faster
// twins that are chosen at run time: see Path. Matrices are row-major with explicit strides counted in elements.
//
// Nothing here allocates or starts goroutines. The twins differ from the reference in rounding only, but how an element is rounded
// may depend on the sizes and strides of the whole operation: who wants the same numbers from any number of workers must
// divide the work in the same way for all of them.
//
// The build tag noasm leaves only Go.
package kernel

import "fmt"

// Mul describes Batch products C (+)= A B of small strided matrices,
//
//	C[i*CRow + j] (+)= sum_k A[i*ARow + k*ACol] * B[k*BRow + j]   i < M, j < N, k < K
//
// Columns of B and C are adjacent in memory; A may have any strides, so A^T B is the same operation with
// ARow and ACol exchanged. Product b reads A[b*ABatch:], B[b*BBatch:] and writes C[b*CBatch:]. With CBatch = 0
// and Add the products are summed into one C. C must not overlap A or B.
type Mul struct {
	M, N, K            int
	Batch              int
	ARow, ACol, ABatch int
	BRow, BBatch       int
	CRow, CBatch       int
	Add                bool
}

// Run does the products. It panics when a slice is too short for the strides.
func (p *Mul) Run(c, a, b []float32) {
	if p.M == 0 || p.N == 0 || p.Batch == 0 {
		return
	}
	p.check(c, a, b)
	path := Current()
	if path == Scalar {
		p.scalar(c, a, b)
		return
	}
	j := mulJob{Mul: *p, sums: 1}
	if j.K == 0 { // nothing to sum
		p.reference(c, a, b)
		return
	}
	if j.Batch > 1 && j.CBatch == 0 {
		if j.Add {
			j.sums, j.asum, j.bsum = j.Batch, j.ABatch, j.BBatch
		} else { // each product replaces the one before it
			a, b = a[(j.Batch-1)*j.ABatch:], b[(j.Batch-1)*j.BBatch:]
		}
		j.Batch = 1
	}
	j.fold()
	j.simd(path, c, a, b)
}

// mulJob is a Mul whose products are each a sum of products themselves, asum and bsum elements apart.
type mulJob struct {
	Mul
	sums, asum, bsum int
}

// run does the products on the path; a job for Scalar has no sums.
func (j *mulJob) run(path Path, c, a, b []float32) {
	if path == Scalar {
		j.scalar(c, a, b)
		return
	}
	j.simd(path, c, a, b)
}

// fold makes one product of many where they lie one after the other.
func (j *mulJob) fold() {
	if j.sums > 1 && j.asum == j.K*j.ACol && j.bsum == j.K*j.BRow {
		j.K *= j.sums
		j.sums = 1
	}
	switch {
	case j.Batch == 1:
		return
	case j.BBatch == 0 && j.ABatch == j.M*j.ARow && j.CBatch == j.M*j.CRow:
		j.M *= j.Batch
	case j.ABatch == 0 && j.BBatch == j.N && j.CBatch == j.N:
		j.N *= j.Batch
	default:
		return
	}
	j.Batch = 1
}

// reference is what every path must agree with.
func (p *Mul) reference(c, a, b []float32) {
	for q := range p.Batch {
		p.one(c[q*p.CBatch:], a[min(q*p.ABatch, len(a)):], b[min(q*p.BBatch, len(b)):])
	}
}

// check is all that stands between a wrong shape and the micro-kernels, which trust what they are told.
func (p *Mul) check(c, a, b []float32) {
	if p.M|p.N|p.K|p.Batch|p.ARow|p.ACol|p.ABatch|p.BRow|p.BBatch|p.CRow|p.CBatch < 0 {
		panic(fmt.Sprintf("kernel: negative size or stride in %+v", *p))
	}
	last := p.Batch - 1
	if need := last*p.CBatch + (p.M-1)*p.CRow + p.N; len(c) < need {
		panic(fmt.Sprintf("kernel: c has %d elements, %+v needs %d", len(c), *p, need))
	}
	if p.K == 0 {
		return
	}
	if need := last*p.ABatch + (p.M-1)*p.ARow + (p.K-1)*p.ACol + 1; len(a) < need {
		panic(fmt.Sprintf("kernel: a has %d elements, %+v needs %d", len(a), *p, need))
	}
	if need := last*p.BBatch + (p.K-1)*p.BRow + p.N; len(b) < need {
		panic(fmt.Sprintf("kernel: b has %d elements, %+v needs %d", len(b), *p, need))
	}
}

func (p *Mul) one(c, a, b []float32) {
	for i := range p.M {
		row := c[i*p.CRow : i*p.CRow+p.N]
		if !p.Add {
			clear(row)
		}
		for k := range p.K {
			s := a[i*p.ARow+k*p.ACol]
			for j, v := range b[k*p.BRow : k*p.BRow+p.N] {
				row[j] += s * v
			}
		}
	}
}
