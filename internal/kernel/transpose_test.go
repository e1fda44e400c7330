package kernel

import (
	"math/rand/v2"
	"testing"
)

func checkTranspose(t *testing.T, rows, cols, dstGap, srcGap int) {
	dstRow, srcRow := rows+dstGap, cols+srcGap
	src := randoms(rand.New(rand.NewPCG(1, 1)), max(0, (rows-1)*srcRow+cols))
	dst := make([]float32, max(0, (cols-1)*dstRow+rows)+2*room)
	for i := range dst {
		dst[i] = canary
	}
	want := append([]float32(nil), dst...)
	for r := range rows {
		for c := range cols {
			want[room+c*dstRow+r] = src[r*srcRow+c]
		}
	}
	Transpose(dst[room:len(dst)-room], src, rows, cols, dstRow, srcRow)
	for i := range dst {
		if dst[i] != want[i] {
			t.Fatalf("[%d, %d] in rows of %d to rows of %d: element %d is %g, want %g", rows, cols, srcRow, dstRow, i-room, dst[i], want[i])
		}
	}
}

func TestTranspose(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for rows := range 40 {
			for cols := range 12 {
				checkTranspose(t, rows, cols, 0, 0)
				checkTranspose(t, rows, cols, 3, 5)
			}
		}
		checkTranspose(t, 80, 19, 0, 0)
	})
}

func TestTransposeWrongShapesPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"dst": func() { Transpose(make([]float32, 5), make([]float32, 6), 2, 3, 2, 3) },
		"src": func() { Transpose(make([]float32, 6), make([]float32, 5), 2, 3, 2, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
