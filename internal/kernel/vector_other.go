//go:build noasm || !(amd64 || arm64)

package kernel

// Without a path but Scalar the plain loops do everything.

func simdAxpy(Path, []float32, float32, []float32) int { return 0 }

func simdAffine(Path, []float32, []float32, float32, float32) int { return 0 }

func simdInterleave(Path, []float32, []float32, []float32) int { return 0 }

func simdFromU8(Path, []float32, []uint8, float32, float32) int { return 0 }

func simdDiffU8(Path, []float32, []uint8, []uint8, float32, float32, float32) int { return 0 }

func simdSigmoid(Path, []float32, []float32) int { return 0 }

func simdTanh(Path, []float32, []float32) int { return 0 }

func simdSumSquares(Path, []float32) (float64, int) { return 0, 0 }

func simdLSTM(Path, []float32, []float32, []float32, []float32, []float32) int { return 0 }

func simdLSTMBackward(Path, []float32, []float32, []float32, []float32, []float32, []float32) int {
	return 0
}
