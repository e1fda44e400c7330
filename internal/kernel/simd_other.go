//go:build noasm || !(amd64 || arm64)

package kernel

// simd is never called: there is no path but Scalar.
func (j *mulJob) simd(_ Path, _, _, _ []float32) {}

func (j *dotJob) simd(_ Path, _, _, _ []float32) {}

func simdPeak(Path, int) int { return 0 }

// There are no kernels for whole transpositions.
func transposeStrip(Path, int) int { return 0 }

func transposeColumns(_ int, _, _ []float32, _, _, _ int) {}
