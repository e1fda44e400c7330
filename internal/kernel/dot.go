package kernel

import "fmt"

// Dot describes Batch products C (+)= A B^T of strided matrices whose rows are adjacent in memory,
//
//	C[i*CRow + j*CCol] (+)= sum_k A[i*ARow + k] * B[j*BRow + k]   i < M, j < N, k < K
//
// Batches as in Mul. C must not overlap A or B.
type Dot struct {
	M, N, K            int
	Batch              int
	ARow, ABatch       int
	BRow, BBatch       int
	CRow, CCol, CBatch int
	Add                bool
}

// Run does the products. It panics when a slice is too short for the strides.
func (p *Dot) Run(c, a, b []float32) {
	if p.M == 0 || p.N == 0 || p.Batch == 0 {
		return
	}
	p.check(c, a, b)
	path := Current()
	if p.K == 0 { // nothing to sum
		p.reference(c, a, b)
		return
	}
	j := dotJob{Dot: *p, sums: 1}
	if j.Batch > 1 && j.CBatch == 0 {
		if j.Add {
			j.sums, j.asum, j.bsum = j.Batch, j.ABatch, j.BBatch
		} else { // each product replaces the one before it
			a, b = a[(j.Batch-1)*j.ABatch:], b[(j.Batch-1)*j.BBatch:]
		}
		j.Batch = 1
	}
	if j.CCol != 1 && j.CRow == 1 { // C^T = B A^T
		j.swap()
		a, b = b, a
	}
	j.fold()
	switch {
	case j.mul(path, c, a, b):
	case path == AVX2 || path == AVX512:
		j.simd(path, c, a, b)
	default:
		j.scalar(c, a, b)
	}
}

// dotJob is a Dot whose products are each a sum of products themselves, asum and bsum elements apart.
type dotJob struct {
	Dot
	sums, asum, bsum int
}

// swap exchanges the parts of A and B.
func (j *dotJob) swap() {
	j.M, j.N = j.N, j.M
	j.ARow, j.BRow = j.BRow, j.ARow
	j.ABatch, j.BBatch = j.BBatch, j.ABatch
	j.asum, j.bsum = j.bsum, j.asum
	j.CRow, j.CCol = j.CCol, j.CRow
}

// fold makes one product of many where they lie one after the other.
func (j *dotJob) fold() {
	if j.sums > 1 && j.asum == j.K && j.bsum == j.K {
		j.K *= j.sums
		j.sums = 1
	}
	switch {
	case j.Batch == 1:
		return
	case j.BBatch == 0 && j.ABatch == j.M*j.ARow && j.CBatch == j.M*j.CRow:
		j.M *= j.Batch
	case j.ABatch == 0 && j.BBatch == j.N*j.BRow && j.CBatch == j.N*j.CCol:
		j.N *= j.Batch
	default:
		return
	}
	j.Batch = 1
}

func (p *Dot) check(c, a, b []float32) {
	if p.M|p.N|p.K|p.Batch|p.ARow|p.ABatch|p.BRow|p.BBatch|p.CRow|p.CCol|p.CBatch < 0 {
		panic(fmt.Sprintf("kernel: negative size or stride in %+v", *p))
	}
	last := p.Batch - 1
	if need := last*p.CBatch + (p.M-1)*p.CRow + (p.N-1)*p.CCol + 1; len(c) < need {
		panic(fmt.Sprintf("kernel: c has %d elements, %+v needs %d", len(c), *p, need))
	}
	if p.K == 0 {
		return
	}
	if need := last*p.ABatch + (p.M-1)*p.ARow + p.K; len(a) < need {
		panic(fmt.Sprintf("kernel: a has %d elements, %+v needs %d", len(a), *p, need))
	}
	if need := last*p.BBatch + (p.N-1)*p.BRow + p.K; len(b) < need {
		panic(fmt.Sprintf("kernel: b has %d elements, %+v needs %d", len(b), *p, need))
	}
}

// reference is what every path must agree with.
func (p *Dot) reference(c, a, b []float32) {
	for q := range p.Batch {
		p.one(c[q*p.CBatch:], a[min(q*p.ABatch, len(a)):], b[min(q*p.BBatch, len(b)):])
	}
}

func (p *Dot) one(c, a, b []float32) {
	for i := range p.M {
		var ra []float32
		if p.K > 0 {
			ra = a[i*p.ARow : i*p.ARow+p.K]
		}
		for j := range p.N {
			var s float32
			for k, v := range ra {
				s += v * b[j*p.BRow+k]
			}
			if p.Add {
				c[i*p.CRow+j*p.CCol] += s
			} else {
				c[i*p.CRow+j*p.CCol] = s
			}
		}
	}
}
