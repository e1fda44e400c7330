//go:build !noasm

package kernel

// simd does the products with the micro-kernels of the path, by panels of as many columns as the widest tile has. What a panel needs of A and B
// is taken in blocks that stay in the first cache for all tiles of the panel.
func (j *mulJob) simd(path Path, c, a, b []float32) {
	lanes, tiles := 16, tilesAVX512[:]
	if path == AVX2 {
		lanes, tiles = 8, tilesAVX2[:]
	}
	panel := (len(tiles) - 1) * lanes
	block, sums := j.K, j.sums
	if j.M > tiles[(min(panel, j.N)+lanes-1)/lanes][0] {
		block = split(j.K, l1Floats/min(panel, j.N))
		sums = min(sums, max(1, l1Floats/(j.K*(j.M+min(panel, j.N)))))
	}
	// Many small panels are done for all of the batch at a time, large ones for one product at a time.
	outer, inner := 1, j.Batch
	if j.N > panel && j.M*panel*j.K > 8192 {
		outer, inner = j.Batch, 1
	}
	p := mulArgs{
		crow: 4 * j.CRow, arow: 4 * j.ARow, acol: 4 * j.ACol, brow: 4 * j.BRow,
		cbatch: 4 * j.CBatch, abatch: 4 * j.ABatch, bbatch: 4 * j.BBatch,
	}
	if j.Add {
		p.add = 1
	}
	for q := range outer {
		for col := 0; col < j.N; col += panel {
			n := min(panel, j.N-col)
			vectors := (n + lanes - 1) / lanes
			p.tail = n - (vectors-1)*lanes
			v := p
			for s := 0; s < j.sums; s += sums {
				v.sums = min(sums, j.sums-s)
				for k := 0; k < j.K; k += block {
					v.k = min(block, j.K-k)
					v.askip = 4 * (j.asum - v.k*j.ACol)
					v.bskip = 4 * (j.bsum - v.k*j.BRow)
					j.rows(path, tiles[vectors], vectors, inner, &v,
						c[q*j.CBatch+col:], a[q*j.ABatch+s*j.asum+k*j.ACol:], b[q*j.BBatch+s*j.bsum+k*j.BRow+col:])
					v.add = 1
				}
			}
		}
	}
}

// rows does all rows of a panel in tiles of falling height.
func (j *mulJob) rows(path Path, heights []int, vectors, batch int, p *mulArgs, c, a, b []float32) {
	row := 0
	for _, r := range heights {
		n := (j.M - row) / r
		if n == 0 {
			continue
		}
		p.tiles, p.tilestep, p.batch = n, r*p.arow, batch
		if path == AVX2 {
			mulAVX2(r, vectors, &c[row*j.CRow], &a[row*j.ARow], &b[0], p)
		} else {
			mulAVX512(r, vectors, &c[row*j.CRow], &a[row*j.ARow], &b[0], p)
		}
		row += n * r
	}
}

// l1Floats is how many numbers of A and B are kept in the first cache.
const l1Floats = 8 << 10

// split gives the length of equal parts of n that are no longer than most.
func split(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}

// simd does the products with the micro-kernels of the path, or as a Mul where that is faster.
func (j *dotJob) simd(path Path, c, a, b []float32) {
	if j.mul(path, c, a, b) {
		return
	}
	block, sums := j.K, j.sums
	if j.M > 4 || j.N > 4 {
		block = split(j.K, 512)
		sums = min(sums, max(1, l1Floats/(j.K*(j.M+j.N))))
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
		asum: 4 * t.asum, bsum: 4 * t.bsum,
		astep: 4 * r * t.ARow, bstep: 4 * s * t.BRow, crowstep: 4 * r * t.CRow, ccolstep: 4 * s * t.CCol,
		k: t.k / lanes, tail: t.k % lanes, sums: t.sums, rows: rows, cols: cols, batch: t.Batch,
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

// simdTranspose transposes as many rows and columns as it can and returns how many.
func simdTranspose(path Path, dst, src []float32, rows, cols, dstRow, srcRow int) (r, c int) {
	r, c = rows&^3, cols&^3
	if r == 0 || c == 0 {
		return 0, 0
	}
	strip := 16
	if path == AVX2 {
		strip = 8
	}
	for i := 0; i < r; i += strip {
		groups := min(strip, r-i) / 4
		if path == AVX2 {
			transposeAVX2(&dst[i], &src[i*srcRow], 4*dstRow, 4*srcRow, groups, c/4)
		} else {
			transposeAVX512(&dst[i], &src[i*srcRow], 4*dstRow, 4*srcRow, groups, c/4)
		}
	}
	return r, c
}
