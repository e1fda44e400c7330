package kernel

// The path Scalar works in tiles of C small enough for the registers; what is left at the edges is done by the plain loops.

const (
	scalarRows = 2
	scalarCols = 4
)

func (p *Mul) scalar(c, a, b []float32) {
	if p.K == 0 {
		p.reference(c, a, b)
		return
	}
	m, n := p.M/scalarRows*scalarRows, p.N/scalarCols*scalarCols
	for q := range p.Batch {
		cq, aq, bq := c[q*p.CBatch:], a[q*p.ABatch:], b[q*p.BBatch:]
		for i := 0; i < m; i += scalarRows {
			for j := 0; j < n; j += scalarCols {
				p.tile(cq[i*p.CRow+j:], aq[i*p.ARow:], bq[j:])
			}
		}
		p.edge(m, 0, cq, aq, bq)
		if m > 0 {
			top := *p
			top.M = m
			top.edge(0, n, cq, aq, bq)
		}
	}
}

// edge does the rows from m on and in them the columns from n on.
func (p *Mul) edge(m, n int, c, a, b []float32) {
	if m == p.M || n == p.N {
		return
	}
	e := *p
	e.M -= m
	e.N -= n
	e.one(c[m*p.CRow+n:], a[m*p.ARow:], b[n:])
}

// tile does 2 x 4 elements of C.
func (p *Mul) tile(c, a, b []float32) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	x, y := 0, 0
	for range p.K {
		r := b[y : y+4 : y+4]
		b0, b1, b2, b3 := r[0], r[1], r[2], r[3]
		a0, a1 := a[x], a[x+p.ARow]
		c00 += a0 * b0
		c01 += a0 * b1
		c02 += a0 * b2
		c03 += a0 * b3
		c10 += a1 * b0
		c11 += a1 * b1
		c12 += a1 * b2
		c13 += a1 * b3
		x += p.ACol
		y += p.BRow
	}
	c0, c1 := c[:4:4], c[p.CRow:p.CRow+4:p.CRow+4]
	if p.Add {
		c00, c01, c02, c03 = c00+c0[0], c01+c0[1], c02+c0[2], c03+c0[3]
		c10, c11, c12, c13 = c10+c1[0], c11+c1[1], c12+c1[2], c13+c1[3]
	}
	c0[0], c0[1], c0[2], c0[3] = c00, c01, c02, c03
	c1[0], c1[1], c1[2], c1[3] = c10, c11, c12, c13
}

func (j *dotJob) scalar(c, a, b []float32) {
	for s := range j.sums {
		p := j.Dot
		p.Add = p.Add || s > 0
		p.scalar(c, a[s*j.asum:], b[s*j.bsum:])
	}
}

func (p *Dot) scalar(c, a, b []float32) {
	m, n := p.M&^1, p.N&^1
	for q := range p.Batch {
		cq, aq, bq := c[q*p.CBatch:], a[q*p.ABatch:], b[q*p.BBatch:]
		for i := 0; i < m; i += 2 {
			for j := 0; j < n; j += 2 {
				p.tile(cq[i*p.CRow+j*p.CCol:], aq[i*p.ARow:], bq[j*p.BRow:])
			}
		}
		p.edge(m, 0, cq, aq, bq)
		if m > 0 {
			top := *p
			top.M = m
			top.edge(0, n, cq, aq, bq)
		}
	}
}

// edge does the rows from m on and in them the columns from n on.
func (p *Dot) edge(m, n int, c, a, b []float32) {
	if m == p.M || n == p.N {
		return
	}
	e := *p
	e.M -= m
	e.N -= n
	e.one(c[m*p.CRow+n*p.CCol:], a[m*p.ARow:], b[n*p.BRow:])
}

// tile does 2 x 2 elements of C, each as two sums.
func (p *Dot) tile(c, a, b []float32) {
	a0, a1 := a[:p.K], a[p.ARow:p.ARow+p.K]
	b0, b1 := b[:p.K], b[p.BRow:p.BRow+p.K]
	var c00, c01, c10, c11, d00, d01, d10, d11 float32
	for len(a0) >= 2 && len(a1) >= 2 && len(b0) >= 2 && len(b1) >= 2 {
		c00 += a0[0] * b0[0]
		c01 += a0[0] * b1[0]
		c10 += a1[0] * b0[0]
		c11 += a1[0] * b1[0]
		d00 += a0[1] * b0[1]
		d01 += a0[1] * b1[1]
		d10 += a1[1] * b0[1]
		d11 += a1[1] * b1[1]
		a0, a1, b0, b1 = a0[2:], a1[2:], b0[2:], b1[2:]
	}
	if len(a0) > 0 && len(a1) > 0 && len(b0) > 0 && len(b1) > 0 {
		c00 += a0[0] * b0[0]
		c01 += a0[0] * b1[0]
		c10 += a1[0] * b0[0]
		c11 += a1[0] * b1[0]
	}
	p.put(&c[0], c00+d00)
	p.put(&c[p.CCol], c01+d01)
	p.put(&c[p.CRow], c10+d10)
	p.put(&c[p.CRow+p.CCol], c11+d11)
}

func (p *Dot) put(c *float32, v float32) {
	if p.Add {
		v += *c
	}
	*c = v
}
