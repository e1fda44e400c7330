package kernel

import "sync/atomic"

// Path is one way to do the operations of this package.
type Path int32

// The paths, from the slowest to the fastest. Scalar is there on every machine.
const (
	Scalar Path = iota // Go loops
	NEON               // arm64, 4 lanes
	AVX2               // amd64 with AVX2, FMA3 and BMI2, 8 lanes
	AVX512             // amd64 with AVX-512 F, BW, DQ and VL, 16 lanes
	paths
)

// String gives the name of the path.
func (p Path) String() string {
	return [...]string{"scalar", "neon", "avx2", "avx512"}[p]
}

// Available says whether this build and this processor have the path.
func (p Path) Available() bool { return available(p) }

// Paths lists the paths available, the slowest first.
func Paths() []Path {
	var list []Path
	for p := range paths {
		if p.Available() {
			list = append(list, p)
		}
	}
	return list
}

// active is the path in use. The fastest there is, but for tests and benchmarks.
var active = func() *atomic.Int32 {
	a := new(atomic.Int32)
	for p := range paths {
		if p.Available() {
			a.Store(int32(p))
		}
	}
	return a
}()

// Current is the path in use.
func Current() Path { return Path(active.Load()) }

// Use makes p the path in use, for tests and benchmarks, and returns the function that undoes it. It panics when p is not
// available.
func Use(p Path) (restore func()) {
	if !p.Available() {
		panic("kernel: path " + p.String() + " is not available here")
	}
	old := active.Swap(int32(p))
	return func() { active.Store(old) }
}
