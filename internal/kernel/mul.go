// Package kernel holds the float32 inner loops everything above stands on.
//
// Every operation has one meaning, written as a plain Go loop (the reference), and may have faster
// twins that are chosen at run time. Matrices are row-major with explicit strides counted in elements.
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
	for q := range p.Batch {
		p.one(c[q*p.CBatch:], a[q*p.ABatch:], b[q*p.BBatch:])
	}
}

func (p *Mul) check(c, a, b []float32) {
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
	last := p.Batch - 1
	if need := last*p.CBatch + (p.M-1)*p.CRow + (p.N-1)*p.CCol + 1; len(c) < need {
		panic(fmt.Sprintf("kernel: c has %d elements, %+v needs %d", len(c), *p, need))
	}
	if need := last*p.ABatch + (p.M-1)*p.ARow + p.K; len(a) < need {
		panic(fmt.Sprintf("kernel: a has %d elements, %+v needs %d", len(a), *p, need))
	}
	if need := last*p.BBatch + (p.N-1)*p.BRow + p.K; len(b) < need {
		panic(fmt.Sprintf("kernel: b has %d elements, %+v needs %d", len(b), *p, need))
	}
	for q := range p.Batch {
		p.one(c[q*p.CBatch:], a[q*p.ABatch:], b[q*p.BBatch:])
	}
}

func (p *Dot) one(c, a, b []float32) {
	for i := range p.M {
		ra := a[i*p.ARow : i*p.ARow+p.K]
		for j := range p.N {
			rb := b[j*p.BRow : j*p.BRow+p.K]
			var s float32
			for k, v := range ra {
				s += v * rb[k]
			}
			if p.Add {
				c[i*p.CRow+j*p.CCol] += s
			} else {
				c[i*p.CRow+j*p.CCol] = s
			}
		}
	}
}
