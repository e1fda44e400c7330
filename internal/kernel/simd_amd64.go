//go:build !noasm

package kernel

// lanesAndTiles gives the number of lanes of the path and the tiles it has micro-kernels for.
func lanesAndTiles(path Path) (lanes int, tiles [][]int) {
	if path == AVX2 {
		return 8, tilesAVX2[:]
	}
	return 16, tilesAVX512[:]
}

func mulTiles(path Path, rows, vectors int, c, a, b *float32, p *mulArgs) {
	if path == AVX2 {
		mulAVX2(rows, vectors, c, a, b, p)
	} else {
		mulAVX512(rows, vectors, c, a, b, p)
	}
}

// mulNarrow does one product of whole tiles of 16 rows and at most 4 columns with B packed.
func mulNarrow(j *mulJob, c, a, b *float32) {
	p := mulArgs{
		crow: 4 * j.CRow, arow: 4 * j.ARow, tilestep: 4 * 16 * j.ARow,
		k: j.K, tiles: j.M / 16, tail: j.N,
	}
	if j.Add {
		p.add = 1
	}
	narrowAVX512(c, a, b, &p)
}

// simd does the products with the micro-kernels of the path.
func (j *dotJob) simd(path Path, c, a, b []float32) {
	block, sums := j.K, j.sums
	if j.M > 4 || j.N > 4 {
		block = split(j.K, 512)
		sums = split(sums, max(1, l1Floats*7/4/(j.K*(j.M+j.N))))
	}
	add := j.Add
	for s := 0; s < j.sums; s += sums {
		for k := 0; k < j.K; k += block {
			t := dotTiles{dotJob: *j, path: path, k: min(block, j.K-k)}
			t.Add, t.sums = add, min(sums, j.sums-s)
			t.all(c, a[s*j.asum+k:], b[s*j.bsum+k:])
			add = true
		}
	}
}

// dotTiles does a block of k of a dotJob.
type dotTiles struct {
	dotJob
	path Path
	k    int
}

// all covers C with tiles of 4 columns as far as it goes; the columns left over are rows of C^T = B A^T.
func (t *dotTiles) all(c, a, b []float32) {
	m, n := t.M, t.N&^3
	if n > 0 {
		t.rows(m, n/4, c, a, b)
	}
	if n == t.N {
		return
	}
	c, b = c[n*t.CCol:], b[n*t.BRow:]
	t.N -= n
	t.swap()
	a, b = b, a
	if n = t.N &^ 3; n > 0 {
		t.rows(t.M, n/4, c, a, b)
	}
	if n < t.N {
		t.call(1, 1, t.M, t.N-n, c[n*t.CCol:], a, b[n*t.BRow:])
	}
}

// rows does m rows of cols tiles of 4 columns.
func (t *dotTiles) rows(m, cols int, c, a, b []float32) {
	row := 0
	for r := 4; r > 0; r /= 2 {
		if r == 4 && t.path == AVX2 {
			continue
		}
		if n := (m - row) / r; n > 0 {
			t.call(r, 4, n, cols, c[row*t.CRow:], a[row*t.ARow:], b)
			row += n * r
		}
	}
}

// call does rows x cols tiles of r x s with one micro-kernel.
func (t *dotTiles) call(r, s, rows, cols int, c, a, b []float32) {
	lanes := 16
	if t.path == AVX2 {
		lanes = 8
	}
	p := dotArgs{
		crow: 4 * t.CRow, ccol: 4 * t.CCol, arow: 4 * t.ARow, brow: 4 * t.BRow,
		cbatch: 4 * t.CBatch, abatch: 4 * t.ABatch, bbatch: 4 * t.BBatch,
		askip: 4 * (t.asum - t.k/lanes*lanes), bskip: 4 * (t.bsum - t.k/lanes*lanes),
		binner: 4 * s * t.BRow, cinner: 4 * s * t.CCol, inner: cols,
		aouter: 4 * r * t.ARow, couter: 4 * r * t.CRow, outer: rows,
		k: t.k / lanes, tail: t.k % lanes, sums: t.sums, batch: t.Batch,
	}
	// What a run passes over is read again for each run. If not all fits into the first cache, the smaller operand is the one to stay there.
	if s*cols > r*rows && t.sums*t.k*(r*rows+s*cols) > 3*l1Floats/2 {
		p.inner, p.ainner, p.cinner, p.outer, p.bouter, p.couter = p.outer, p.aouter, p.couter, p.inner, p.binner, p.cinner
		p.aouter, p.binner = 0, 0
	}
	if t.Add {
		p.add = 1
	}
	switch t.path {
	case AVX2:
		switch r<<4 | s {
		case 2<<4 | 4:
			dotAVX2R2C4(&c[0], &a[0], &b[0], &p)
		case 1<<4 | 4:
			dotAVX2R1C4(&c[0], &a[0], &b[0], &p)
		default:
			dotAVX2R1C1(&c[0], &a[0], &b[0], &p)
		}
	default:
		switch r<<4 | s {
		case 4<<4 | 4:
			dotAVX512R4C4(&c[0], &a[0], &b[0], &p)
		case 2<<4 | 4:
			dotAVX512R2C4(&c[0], &a[0], &b[0], &p)
		case 1<<4 | 4:
			dotAVX512R1C4(&c[0], &a[0], &b[0], &p)
		default:
			dotAVX512R1C1(&c[0], &a[0], &b[0], &p)
		}
	}
}

// transposeStrip is how many rows a transposition takes at a time; 0 where there is no kernel for it.
func transposeStrip(path Path, rows int) int {
	switch {
	case path == Scalar || rows < 4:
		return 0
	case rows < 8:
		return 4
	case rows < 16 || path == AVX2:
		return 8
	}
	return 16
}

// transposeColumns transposes 4*blocks columns of a strip.
func transposeColumns(strip int, dst, src []float32, blocks, dstRow, srcRow int) {
	switch strip {
	case 4:
		transpose4(&dst[0], &src[0], 4*dstRow, 4*srcRow, blocks)
	case 8:
		transposeAVX2(&dst[0], &src[0], 4*dstRow, 4*srcRow, blocks)
	default:
		transposeAVX512(&dst[0], &src[0], 4*dstRow, 4*srcRow, blocks)
	}
}
