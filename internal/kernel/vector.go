package kernel

// The operations on vectors below come as an exported function, which lets the path in use do as many elements as it can, and a plain
// loop that does the rest: all of them on the path Scalar.

// Axpy adds s*x to y. len(x) must be at least len(y).
func Axpy(y []float32, s float32, x []float32) {
	x = x[:len(y)]
	n := simdAxpy(Current(), y, s, x)
	scalarAxpy(y[n:], s, x[n:])
}

func scalarAxpy(y []float32, s float32, x []float32) {
	for i := range y {
		y[i] += s * x[i]
	}
}

// DotProduct is the sum of a[i]*b[i]. len(b) must be at least len(a).
func DotProduct(a, b []float32) float32 {
	var c [1]float32
	p := Dot{M: 1, N: 1, K: len(a), Batch: 1}
	p.Run(c[:], a, b)
	return c[0]
}

// SumSquares is the sum of x[i]*x[i] in float64.
func SumSquares(x []float32) float64 {
	sum, n := simdSumSquares(Current(), x)
	for _, v := range x[n:] {
		sum += float64(v) * float64(v)
	}
	return sum
}

// FromU8 writes dst[i] = scale*src[i] + shift. len(src) must be at least len(dst).
func FromU8(dst []float32, src []uint8, scale, shift float32) {
	src = src[:len(dst)]
	n := simdFromU8(Current(), dst, src, scale, shift)
	scalarFromU8(dst[n:], src[n:], scale, shift)
}

func scalarFromU8(dst []float32, src []uint8, scale, shift float32) {
	for i, v := range src {
		dst[i] = scale*float32(v) + shift
	}
}

// DiffU8 writes dst[i] = min(max(scale*(a[i]-b[i]), lo), hi). a and b must be at least as long as dst.
func DiffU8(dst []float32, a, b []uint8, scale, lo, hi float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n := simdDiffU8(Current(), dst, a, b, scale, lo, hi)
	scalarDiffU8(dst[n:], a[n:], b[n:], scale, lo, hi)
}

func scalarDiffU8(dst []float32, a, b []uint8, scale, lo, hi float32) {
	for i := range dst {
		dst[i] = min(max(scale*float32(int(a[i])-int(b[i])), lo), hi)
	}
}

// Interleave writes dst[2i] = x[i], dst[2i+1] = y[i]. x and y must be at least half as long as dst.
func Interleave(dst, x, y []float32) {
	x, y = x[:len(dst)/2], y[:len(dst)/2]
	n := simdInterleave(Current(), dst, x, y)
	scalarInterleave(dst[2*n:], x[n:], y[n:])
}

func scalarInterleave(dst, x, y []float32) {
	for i, v := range x {
		dst[2*i], dst[2*i+1] = v, y[i]
	}
}

// Affine writes dst[i] = scale*src[i] + shift. dst and src may be the same slice. len(src) must be at least len(dst).
func Affine(dst, src []float32, scale, shift float32) {
	src = src[:len(dst)]
	n := simdAffine(Current(), dst, src, scale, shift)
	scalarAffine(dst[n:], src[n:], scale, shift)
}

func scalarAffine(dst, src []float32, scale, shift float32) {
	for i, v := range src {
		dst[i] = scale*v + shift
	}
}
