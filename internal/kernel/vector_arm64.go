//go:build !noasm

package kernel

// The functions below do as many elements as the path can and return how many that is. NEON has the gates; the compiler's loops do the
// rest, which waits for the memory anyway.

func simdAxpy(Path, []float32, float32, []float32) int { return 0 }

func simdAffine(Path, []float32, []float32, float32, float32) int { return 0 }

func simdInterleave(Path, []float32, []float32, []float32) int { return 0 }

func simdFromU8(Path, []float32, []uint8, float32, float32) int { return 0 }

func simdDiffU8(Path, []float32, []uint8, []uint8, float32, float32, float32) int { return 0 }

func simdSumSquares(Path, []float32) (float64, int) { return 0, 0 }

// whole is the part of n elements that fills vectors of the path.
func whole(path Path, n int) int {
	if path == NEON {
		return n &^ 3
	}
	return 0
}

func simdSigmoid(path Path, dst, src []float32) int {
	n := whole(path, len(dst))
	if n > 0 {
		sigmoidNEON(&dst[0], &src[0], n)
	}
	return n
}

func simdTanh(path Path, dst, src []float32) int {
	n := whole(path, len(dst))
	if n > 0 {
		tanhNEON(&dst[0], &src[0], n)
	}
	return n
}

func simdLSTM(path Path, z, c, tc, h, cPrev []float32) int {
	n, k := len(h), whole(path, len(h))
	if k > 0 {
		lstmNEON(&z[0], &z[n], &z[2*n], &z[3*n], &c[0], &tc[0], &h[0], &cPrev[0], k)
	}
	return k
}

func simdLSTMBackward(path Path, dz, dc, dh, gates, tc, cPrev []float32) int {
	n, k := len(dh), whole(path, len(dh))
	if k > 0 {
		lstmBackwardNEON(&dz[0], &dz[n], &dz[2*n], &dz[3*n], &dc[0], &dh[0],
			&gates[0], &gates[n], &gates[2*n], &gates[3*n], &tc[0], &cPrev[0], k)
	}
	return k
}
