//go:build !noasm

package kernel

// simd does the products with the micro-kernels of the path: panels of as many columns as the widest tile has, blocks of k whose
// rows of B stay in the cache for all tiles of a panel, and rows in tiles of falling height.
func (j *mulJob) simd(path Path, c, a, b []float32) {
	lanes, tiles := 16, tilesAVX512[:]
	if path == AVX2 {
		lanes, tiles = 8, tilesAVX2[:]
	}
	panel := (len(tiles) - 1) * lanes
	block := j.K
	if j.M > tiles[min(len(tiles)-1, (j.N+lanes-1)/lanes)][0] {
		block = split(j.K, l1Bytes/4/min(panel, j.N))
	}
	// Many small panels are done for all of the batch at a time, large ones for one product at a time.
	outer, inner := 1, j.Batch
	if j.N > panel && j.M*panel*j.K > 8192 {
		outer, inner = j.Batch, 1
	}
	p := mulArgs{
		crow: 4 * j.CRow, arow: 4 * j.ARow, acol: 4 * j.ACol, brow: 4 * j.BRow,
		cbatch: 4 * j.CBatch, abatch: 4 * j.ABatch, bbatch: 4 * j.BBatch,
		sums: j.sums,
	}
	for q := range outer {
		for col := 0; col < j.N; col += panel {
			n := min(panel, j.N-col)
			vectors := (n + lanes - 1) / lanes
			p.tail = n - (vectors-1)*lanes
			for k := 0; k < j.K; k += block {
				p.k = min(block, j.K-k)
				p.askip = 4 * (j.asum - p.k*j.ACol)
				p.bskip = 4 * (j.bsum - p.k*j.BRow)
				p.add = 0
				if j.Add || k > 0 {
					p.add = 1
				}
				row := 0
				for _, r := range tiles[vectors] {
					p.tiles = (j.M - row) / r
					if p.tiles == 0 {
						continue
					}
					p.tilestep = r * p.arow
					p.batch = inner
					ct := &c[q*j.CBatch+row*j.CRow+col]
					at := &a[q*j.ABatch+row*j.ARow+k*j.ACol]
					bt := &b[q*j.BBatch+k*j.BRow+col]
					if path == AVX2 {
						mulAVX2(r, vectors, ct, at, bt, &p)
					} else {
						mulAVX512(r, vectors, ct, at, bt, &p)
					}
					row += (j.M - row) / r * r
				}
			}
		}
	}
}

// l1Bytes is how much of the first cache a block of B may take.
const l1Bytes = 32 << 10

// split gives the length of equal parts of n that are no longer than most.
func split(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}

// simd does the products with the micro-kernels of the path, or as a Mul where that is faster.
func (j *dotJob) simd(path Path, c, a, b []float32) {
	block := j.K
	if j.M > 4 || j.N > 4 {
		block = split(j.K, 512)
	}
	for k := 0; k < j.K; k += block {
		t := dotTiles{dotJob: *j, path: path, k: min(block, j.K-k)}
		t.Add = j.Add || k > 0
		t.all(c, a[k:], b[k:])
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
