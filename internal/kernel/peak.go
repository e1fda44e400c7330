package kernel

import (
	"runtime"
	"time"
)

// PeakFMA measures how many floating-point operations a second one core does on the path with multiply-adds on registers alone, in GFLOP/s:
// the ceiling for Mul and Dot. It runs for about the given time and takes the best of ten parts.
func PeakFMA(path Path, d time.Duration) float64 {
	n := 1 << 12
	best := 0.0
	var sink float32
	defer runtime.KeepAlive(&sink)
	for end := time.Now().Add(d); ; {
		start := time.Now()
		flop := 2 * simdPeak(path, n)
		if flop == 0 {
			sink = scalarPeak(n, 0.5, 1)
			flop = 2 * 8 * n
		}
		took := time.Since(start)
		if took >= d/10 {
			best = max(best, float64(flop)/took.Seconds()/1e9)
		} else {
			n *= 2
		}
		if time.Now().After(end) && best > 0 {
			return best
		}
	}
}

// scalarPeak does n times 8 independent multiplications and additions.
//
//go:noinline
func scalarPeak(n int, x, y float32) float32 {
	var a, b, c, d, e, f, g, h float32
	for range n {
		a = a*x + y
		b = b*x + y
		c = c*x + y
		d = d*x + y
		e = e*x + y
		f = f*x + y
		g = g*x + y
		h = h*x + y
	}
	return a + b + c + d + e + f + g + h
}
