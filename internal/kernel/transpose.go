package kernel

import "fmt"

// A Dot of many rows by a small B is faster as a Mul: that has no sums across lanes. B is transposed into an array on the stack for it.

// smallPack and largePack are the sizes of the array; the larger one takes longer to clear.
const (
	smallPack = 1 << 10
	largePack = 1 << 12
)

// mul does the products as a Mul if that is likely to be faster, and says whether it did.
func (j *dotJob) mul(path Path, c, a, b []float32) bool {
	if j.turnWins(path) {
		j.mulTurned(path, c, a, b)
		return true
	}
	rows := j.M
	if j.BBatch == 0 {
		rows *= j.Batch
	}
	if j.CCol != 1 || !mulWins(path, rows, j) {
		return false
	}
	if j.N*j.K <= smallPack {
		var pack [smallPack]float32
		j.mulPacked(path, pack[:], c, a, b)
	} else {
		var pack [largePack]float32
		j.mulPacked(path, pack[:], c, a, b)
	}
	return true
}

// mulWins weighs the transposition and the clearing of its array against the sums across lanes.
func mulWins(path Path, rows int, j *dotJob) bool {
	switch {
	case path == Scalar || path == NEON: // have no good way to do a Dot
		return rows >= 4 && rows*j.N*j.K >= 2048
	case rows*j.N*j.K < 8192 || j.K > 256:
		return false
	case j.sums > 1:
		return rows >= 128
	case j.K > 16:
		return rows >= 24
	}
	return rows >= 8
}

func (j *dotJob) mulPacked(path Path, pack, c, a, b []float32) {
	outer, inner := j.Batch, 1
	if j.BBatch == 0 {
		outer, inner = 1, j.Batch
	}
	for q := range outer {
		for s := range j.sums {
			for col := 0; col < j.N; col += 64 {
				n := min(64, j.N-col)
				brow := (n + 15) &^ 15
				block := min(j.K, len(pack)/brow)
				for k := 0; k < j.K; k += block {
					p := mulJob{Mul: Mul{
						M: j.M, N: n, K: min(block, j.K-k), Batch: inner,
						ARow: j.ARow, ACol: 1, ABatch: j.ABatch,
						BRow: brow,
						CRow: j.CRow, CBatch: j.CBatch,
						Add: j.Add || s > 0 || k > 0,
					}, sums: 1}
					transpose(path, pack, b[q*j.BBatch+s*j.bsum+col*j.BRow+k:], n, p.K, brow, j.BRow)
					p.run(path, c[q*j.CBatch+col:], a[q*j.ABatch+s*j.asum+k:], pack)
				}
			}
		}
	}
}

// turnPack bounds A^T and turnRows the columns of C in mulTurned.
const (
	turnPack = 1 << 12
	turnRows = 32
)

// turnRow is how far apart the rows of A^T lie in memory.
func turnRow(m int) int { return (m + 15) &^ 15 }

// turnWins reports whether mulTurned is likely to be faster than other ways: there is one A for all products, and C has few columns, which
// leave many lanes idle, beside its rows.
func (j *dotJob) turnWins(path Path) bool {
	if path != AVX2 && path != AVX512 {
		return false // transpositions are slow
	}
	vector := 16
	if path == AVX2 {
		vector = 8
	}
	lanes := func(n int) int { return (n + vector - 1) / vector * vector }
	return j.CCol == 1 && !j.Add && j.sums == 1 && (j.Batch == 1 || j.ABatch == 0) && j.K >= 4 &&
		j.N >= 2 && j.N <= turnRows && j.M >= 16 && turnRow(j.M)*j.K <= turnPack && j.Batch*j.M*j.N*j.K >= 8192 &&
		10*j.N*lanes(j.M) < 8*j.M*lanes(j.N)
}

// mulTurned does C^T = B A^T, whose rows are long, and transposes it into C, several products at a time.
func (j *dotJob) mulTurned(path Path, c, a, b []float32) {
	const width = 64
	var pack [turnPack]float32 // A^T
	var turned [2 * turnRows * width]float32
	row := turnRow(j.M)
	transpose(path, pack[:], a, j.M, j.K, row, j.ARow)
	most := turnRow(split(j.M, width))
	group := len(turned) / (j.N * most)
	for q := 0; q < j.Batch; q += group {
		batch := min(group, j.Batch-q)
		for i := 0; i < j.M; i += most {
			n := min(most, j.M-i)
			p := mulJob{Mul: Mul{M: j.N, N: n, K: j.K, Batch: batch, ARow: j.BRow, ACol: 1, ABatch: j.BBatch, BRow: row, CRow: most, CBatch: j.N * most}, sums: 1}
			p.run(path, turned[:], b[q*j.BBatch:], pack[i:])
			for k := range batch {
				transpose(path, c[(q+k)*j.CBatch+i*j.CRow:], turned[k*p.CBatch:], j.N, n, j.CRow, most)
			}
		}
	}
}

// Transpose sets dst[c*dstRow+r] to src[r*srcRow+c], r < rows, c < cols, and touches nothing else. dst and src must not overlap. It
// panics when a slice is too short for the strides.
func Transpose(dst, src []float32, rows, cols, dstRow, srcRow int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if need := (cols-1)*dstRow + rows; dstRow < 0 || len(dst) < need {
		panic(fmt.Sprintf("kernel: dst has %d elements, the transpose of [%d, %d] in rows of %d needs %d", len(dst), rows, cols, dstRow, need))
	}
	if need := (rows-1)*srcRow + cols; srcRow < 0 || len(src) < need {
		panic(fmt.Sprintf("kernel: src has %d elements, [%d, %d] in rows of %d needs %d", len(src), rows, cols, srcRow, need))
	}
	transpose(Current(), dst, src, rows, cols, dstRow, srcRow)
}

// transpose is Transpose on a path.
func transpose(path Path, dst, src []float32, rows, cols, dstRow, srcRow int) {
	if transposeStrip(path, rows) > 0 && cols >= 4 {
		// The last strip and the last block of columns reach back over what is done already, so nothing beyond the edge is written.
		for i := 0; i < rows; {
			strip := transposeStrip(path, max(rows-i, 4))
			i = min(i, rows-strip)
			transposeColumns(strip, dst[i:], src[i*srcRow:], cols/4, dstRow, srcRow)
			if cols%4 != 0 {
				transposeColumns(strip, dst[(cols-4)*dstRow+i:], src[i*srcRow+cols-4:], 1, dstRow, srcRow)
			}
			i += strip
		}
		return
	}
	for r := range rows {
		for c, v := range src[r*srcRow : r*srcRow+cols] {
			dst[c*dstRow+r] = v
		}
	}
}

// split gives the length of equal parts of n that are no longer than most.
func split(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}
