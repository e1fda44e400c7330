//go:build !noasm

package kernel

// The functions below do as many elements as the path can and return how many that is.

// whole is the part of n elements that fills vectors of the path.
func whole(path Path, n int) int {
	switch path {
	case AVX512:
		return n &^ 15
	case AVX2:
		return n &^ 7
	}
	return 0
}

func simdAxpy(path Path, y []float32, s float32, x []float32) int {
	n := len(y)
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		axpyAVX512(&y[0], s, &x[0], n)
	case AVX2:
		axpyAVX2(&y[0], s, &x[0], n)
	default:
		return 0
	}
	return n
}

func simdAffine(path Path, dst, src []float32, scale, shift float32) int {
	n := len(dst)
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		affineAVX512(&dst[0], &src[0], scale, shift, n)
	case AVX2:
		affineAVX2(&dst[0], &src[0], scale, shift, n)
	default:
		return 0
	}
	return n
}

func simdFromU8(path Path, dst []float32, src []uint8, scale, shift float32) int {
	n := whole(path, len(dst))
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		fromU8AVX512(&dst[0], &src[0], scale, shift, n)
	case AVX2:
		fromU8AVX2(&dst[0], &src[0], scale, shift, n)
	default:
		return 0
	}
	return n
}

func simdDiffU8(path Path, dst []float32, a, b []uint8, scale, lo, hi float32) int {
	n := whole(path, len(dst))
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		diffU8AVX512(&dst[0], &a[0], &b[0], scale, lo, hi, n)
	case AVX2:
		diffU8AVX2(&dst[0], &a[0], &b[0], scale, lo, hi, n)
	default:
		return 0
	}
	return n
}

func simdInterleave(path Path, dst, x, y []float32) int {
	n := len(x) &^ 7
	if n == 0 || path != AVX512 && path != AVX2 {
		return 0
	}
	interleaveAVX2(&dst[0], &x[0], &y[0], n)
	return n
}

func simdSigmoid(path Path, dst, src []float32) int {
	n := len(dst)
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		sigmoidAVX512(&dst[0], &src[0], n)
	case AVX2:
		sigmoidAVX2(&dst[0], &src[0], n)
	default:
		return 0
	}
	return n
}

func simdTanh(path Path, dst, src []float32) int {
	n := len(dst)
	if n == 0 {
		return 0
	}
	switch path {
	case AVX512:
		tanhAVX512(&dst[0], &src[0], n)
	case AVX2:
		tanhAVX2(&dst[0], &src[0], n)
	default:
		return 0
	}
	return n
}

func simdSumSquares(path Path, x []float32) (sum float64, n int) {
	switch path {
	case AVX512:
		if n = len(x) &^ 31; n > 0 {
			sum = sumSquaresAVX512(&x[0], n)
		}
	case AVX2:
		if n = len(x) &^ 15; n > 0 {
			sum = sumSquaresAVX2(&x[0], n)
		}
	}
	return sum, n
}

func simdLSTM(path Path, z, c, tc, h, cPrev []float32) int {
	if len(h) == 0 {
		return 0
	}
	switch path {
	case AVX512:
		lstmAVX512(&z[0], &c[0], &tc[0], &h[0], &cPrev[0], len(h))
	case AVX2:
		lstmAVX2(&z[0], &c[0], &tc[0], &h[0], &cPrev[0], len(h))
	default:
		return 0
	}
	return len(h)
}

func simdLSTMBackward(path Path, dz, dc, dh, gates, tc, cPrev []float32) int {
	if len(dh) == 0 {
		return 0
	}
	switch path {
	case AVX512:
		lstmBackwardAVX512(&dz[0], &dc[0], &dh[0], &gates[0], &tc[0], &cPrev[0], len(dh))
	case AVX2:
		lstmBackwardAVX2(&dz[0], &dc[0], &dh[0], &gates[0], &tc[0], &cPrev[0], len(dh))
	default:
		return 0
	}
	return len(dh)
}

// simdPeak does multiply-adds on registers and returns how many.
func simdPeak(path Path, n int) int {
	switch path {
	case AVX512:
		peakAVX512(n)
		return n * 12 * 16
	case AVX2:
		peakAVX2(n)
		return n * 12 * 8
	}
	return 0
}
