//go:build !noasm

package kernel

func lanesAndTiles(Path) (lanes int, tiles [][]int) { return 4, tilesNEON[:] }

func mulTiles(_ Path, rows, vectors int, c, a, b *float32, p *mulArgs) {
	mulNEON(rows, vectors, c, a, b, p)
}

// simd does the products as a Mul where there is enough to do, and with the scalar loops else.
func (j *dotJob) simd(path Path, c, a, b []float32) {
	if j.mul(path, c, a, b) {
		return
	}
	for s := range j.sums {
		p := j.Dot
		p.Add = p.Add || s > 0
		p.scalar(c, a[s*j.asum:], b[s*j.bsum:])
	}
}

// simdTranspose leaves everything to the plain loop.
func simdTranspose(_ Path, _, _ []float32, _, _, _, _ int) (r, c int) { return 0, 0 }

// simdPeak does multiply-adds on registers and returns how many.
func simdPeak(path Path, n int) int {
	if path != NEON {
		return 0
	}
	peakNEON(n)
	return n * 16 * 4
}

// mulNarrow is never called: NEON's tiles are narrow.
func mulNarrow(*mulJob, *float32, *float32, *float32) {}
