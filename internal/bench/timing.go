package bench

import (
	"context"
	"slices"
	"time"
)

// Effort says how long one number may take.
type Effort struct {
	Kernel time.Duration // for one product
	Row    time.Duration // for one pass; at least Runs are made however long they take
	Runs   int
}

// The efforts of a usual and of a quick measurement.
var (
	Usual = Effort{150 * time.Millisecond, time.Second, 5}
	Quick = Effort{15 * time.Millisecond, 50 * time.Millisecond, 2}
)

// mostRuns bounds the memory of the times of one number.
const mostRuns = 20_000

// median runs f, after a warm-up of a tenth of the time, until the time is over and there are at least runs, and returns the median of
// their durations. It stops early, with ctx's error, when ctx ends.
func median(ctx context.Context, total time.Duration, runs int, f func()) (time.Duration, error) {
	warm := time.Now()
	for first := true; first || ctx.Err() == nil && time.Since(warm) < total/10; first = false {
		f()
	}
	took := make([]time.Duration, 0, mostRuns)
	begin := time.Now()
	for len(took) < mostRuns && (len(took) < runs || time.Since(begin) < total) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
