package kernel

import "testing"

func TestNothingAllocates(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		x, y, z := make([]float32, 4096), make([]float32, 4096), make([]float32, 4096)
		u := make([]uint8, 4096)
		for name, f := range map[string]func(){
			"mul": func() {
				(&Mul{M: 33, N: 20, K: 9, Batch: 2, ARow: 9, ACol: 1, BRow: 20, CRow: 20, CBatch: 660}).Run(x, y, z)
			},
			"narrow mul": func() { (&Mul{M: 33, N: 4, K: 60, Batch: 1, ARow: 1, ACol: 33, BRow: 4, CRow: 4}).Run(x, y, z) },
			"dot": func() {
				(&Dot{M: 33, N: 20, K: 9, Batch: 2, ARow: 9, BRow: 9, CRow: 20, CCol: 1, CBatch: 660}).Run(x, y, z)
			},
			"tall dot": func() { (&Dot{M: 128, N: 16, K: 30, Batch: 1, ARow: 30, BRow: 30, CRow: 16, CCol: 1}).Run(x, y, z) },
			"vectors": func() {
				Axpy(x, 1, y)
				Affine(x, y, 1, 1)
				FromU8(x, u, 1, 1)
				DiffU8(x, u, u, 1, 0, 1)
				Interleave(x[:40], y, z)
				Sigmoid(x, y)
				Tanh(x, y)
				DotProduct(x, y)
				SumSquares(x)
				LSTM(x, y[:9], y[9:18], y[18:27], z)
				LSTMBackward(x, y[:9], y[9:18], z, z[:9], z[:9])
				GRU(y[:9], x, z, y[:9])
				GRUBackward(x, z, y[9:18], y[:9], y[18:], x[100:], y[:9])
				TanhBackward(x, y, z)
			},
		} {
			if n := testing.AllocsPerRun(20, f); n != 0 {
				t.Errorf("%s: %g allocations", name, n)
			}
		}
	})
}
