//go:build !noasm && (amd64 || arm64)

package kernel

// simd does the products with the micro-kernels of the path, by panels of as many columns as the widest tile has. What a panel needs of A and B
// is taken in blocks that stay in the first cache for all tiles of the panel.
func (j *mulJob) simd(path Path, c, a, b []float32) {
	if j.narrow(path, c, a, b) {
		return
	}
	lanes, tiles := lanesAndTiles(path)
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
		mulTiles(path, r, vectors, &c[row*j.CRow], &a[row*j.ARow], &b[0], p)
		row += n * r
	}
}

// l1Floats is how many numbers of A and B are kept in the first cache.
const l1Floats = 8 << 10
