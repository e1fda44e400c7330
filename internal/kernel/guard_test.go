//go:build linux

package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// page gives n elements that end, or begin, where the memory does: to touch anything beyond is a fault.
type page struct{ t *testing.T }

func (p page) bytes(n int, atStart bool) []byte {
	size := syscall.Getpagesize()
	most := (n + size - 1) / size * size
	all, err := syscall.Mmap(-1, 0, most+2*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		p.t.Skipf("mmap: %v", err)
	}
	p.t.Cleanup(func() { _ = syscall.Munmap(all) })
	for _, edge := range [][]byte{all[:size], all[size+most:]} {
		if err := syscall.Mprotect(edge, syscall.PROT_NONE); err != nil {
			p.t.Skipf("mprotect: %v", err)
		}
	}
	if atStart {
		return all[size : size+n : size+n]
	}
	return all[size+most-n : size+most : size+most]
}

func (p page) floats(r *rand.Rand, n int, atStart bool) []float32 {
	if n == 0 {
		return nil
	}
	b := p.bytes(4*n, atStart)
	x := unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
	copy(x, randoms(r, n))
	return x
}

// TestNothingBeyondTheEdge puts every operand at the very end, then at the very start, of the memory there is.
func TestNothingBeyondTheEdge(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for i := range 200 {
			t.Run("", func(t *testing.T) {
				r := shapes{rand.New(rand.NewPCG(uint64(i), 9))}
				g, atStart := page{t}, i%2 == 1
				p := r.mul()
				last := p.Batch - 1
				p.Run(
					g.floats(r.Rand, last*p.CBatch+(p.M-1)*p.CRow+p.N, atStart),
					g.floats(r.Rand, last*p.ABatch+(p.M-1)*p.ARow+max(0, p.K-1)*p.ACol+1, atStart),
					g.floats(r.Rand, last*p.BBatch+max(0, p.K-1)*p.BRow+p.N, atStart),
				)
				d := r.dot()
				last = d.Batch - 1
				d.Run(
					g.floats(r.Rand, last*d.CBatch+(d.M-1)*d.CRow+(d.N-1)*d.CCol+1, atStart),
					g.floats(r.Rand, last*d.ABatch+(d.M-1)*d.ARow+d.K, atStart),
					g.floats(r.Rand, last*d.BBatch+(d.N-1)*d.BRow+d.K, atStart),
				)
			})
		}
		for _, n := range lengths {
			t.Run("", func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(n), 10))
				for _, atStart := range []bool{false, true} {
					f := func(n int) []float32 { return page{t}.floats(r, n, atStart) }
					Axpy(f(n), 1, f(n))
					Affine(f(n), f(n), 1, 1)
					Sigmoid(f(n), f(n))
					Tanh(f(n), f(n))
					DotProduct(f(n), f(n))
					SumSquares(f(n))
					Interleave(f(2*n), f(n), f(n))
					LSTM(f(4*n), f(n), f(n), f(n), f(n))
					LSTMBackward(f(4*n), f(n), f(n), f(4*n), f(n), f(n))
					if n > 0 {
						FromU8(f(n), page{t}.bytes(n, atStart), 1, 1)
						DiffU8(f(n), page{t}.bytes(n, atStart), page{t}.bytes(n, atStart), 1, 0, 1)
					}
				}
			})
		}
	})
}
