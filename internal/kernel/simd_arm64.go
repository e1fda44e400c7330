//go:build !noasm

package kernel

func lanesAndTiles(Path) (lanes int, tiles [][]int) { return 4, tilesNEON[:] }

func mulTiles(_ Path, rows, vectors int, c, a, b *float32, p *mulArgs) {
	mulNEON(rows, vectors, c, a, b, p)
}

// simd is never called: NEON has no micro-kernel for Dot.
func (j *dotJob) simd(_ Path, _, _, _ []float32) {}

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

// There are no kernels for whole transpositions.
func transposeStrip(Path, int) int { return 0 }

func transposeColumns(_ int, _, _ []float32, _, _, _ int) {}
