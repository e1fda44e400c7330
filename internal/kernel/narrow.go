//go:build !noasm && (amd64 || arm64)

package kernel

// Few columns leave most lanes of the ordinary tiles idle. narrow does the products another way if there is a better one, and says
// whether it did.
func (j *mulJob) narrow(path Path, c, a, b []float32) bool {
	lanes, _ := lanesAndTiles(path)
	switch {
	case j.sums > 1 || 2*j.N > lanes:
		return false
	case j.ARow == 1 && j.Batch == 1 && j.K >= 64 && j.M >= 2*j.N:
		j.transposed(path, c, a, b)
		return true
	case path == AVX512 && j.ACol == 1 && j.N <= 4 && j.M >= 16 && j.M*j.K >= 256 && j.K <= narrowK:
		j.narrowTiles(path, c, a, b)
		return true
	}
	return false
}

// transposed does C^T = B^T A, with A's columns adjacent, into an array on the stack.
func (j *mulJob) transposed(path Path, c, a, b []float32) {
	const width, height = 64, 8
	var ct [height * width]float32
	for i := 0; i < j.M; i += width {
		p := mulJob{Mul: Mul{
			M: j.N, N: min(width, j.M-i), K: j.K, Batch: 1,
			ARow: 1, ACol: j.BRow,
			BRow: j.ACol,
			CRow: width,
		}, sums: 1}
		p.simd(path, ct[:], b, a[i:])
		for k := range p.N {
			row := c[(i+k)*j.CRow:][:j.N]
			for l := range row {
				if j.Add {
					row[l] += ct[l*width+k]
				} else {
					row[l] = ct[l*width+k]
				}
			}
		}
	}
}

// narrowK is the largest K of narrowTiles.
const narrowK = 256

// narrowTiles packs B into rows of 4, on the stack, for tiles of 16 rows; the rows left over are done as usual.
func (j *mulJob) narrowTiles(path Path, c, a, b []float32) {
	var pack [4 * narrowK]float32
	tall := *j
	tall.M = j.M &^ 15
	left := *j
	left.M -= tall.M
	left.Batch = 1
	for q := range j.Batch {
		cq, aq, bq := c[q*j.CBatch:], a[q*j.ABatch:], b[q*j.BBatch:]
		if q == 0 || j.BBatch != 0 {
			for k := range j.K {
				copy(pack[4*k:], bq[k*j.BRow:][:j.N])
			}
		}
		mulNarrow(&tall, &cq[0], &aq[0], &pack[0])
		if left.M > 0 {
			left.simd(path, cq[tall.M*j.CRow:], aq[tall.M*j.ARow:], bq)
		}
	}
}
