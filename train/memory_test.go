package train

import (
	"context"
	"runtime"
	"testing"
)

// TestMemoryIsFlat: a thousand steps of training leave the heap as large as it was before them, and none takes more from it than the few small things that a batch
// is loaded with.
func TestMemoryIsFlat(t *testing.T) {
	o := testOptions(t)
	o.Epochs, o.Batch, o.Warmup = 1, 4, 0
	o.Train = &made{clips: 4 * 1200, classes: 3, width: 20}
	o.Dir = t.TempDir()
	var from, to runtime.MemStats
	o.Progress = &hook{step: func(s Step) {
		switch {
		case s.Validating:
		case s.Step == 100:
			runtime.GC()
			runtime.ReadMemStats(&from)
		case s.Step == 1100:
			runtime.GC()
			runtime.ReadMemStats(&to)
		}
	}}
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	grown := int64(to.HeapAlloc) - int64(from.HeapAlloc)
	each := float64(to.TotalAlloc-from.TotalAlloc) / 1000
	t.Logf("heap of %d bytes, %+d after a thousand steps more; %.0f bytes in %.1f pieces a step", from.HeapAlloc, grown, each, float64(to.Mallocs-from.Mallocs)/1000)
	if from.HeapAlloc == 0 || grown > 32<<10 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if each > 2<<10 {
		t.Errorf("a step takes %.0f bytes", each)
	}
}
