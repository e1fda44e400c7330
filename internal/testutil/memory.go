package testutil

import (
	"runtime/metrics"
	"testing"
)

// Bounded runs f and fails when it takes more than so many bytes of memory, what it gives back before it ends counted as well: no less than the most that it
// has at once. It is for single goroutines that work alone; what the runtime has not counted yet, some tens of kilobytes, may be missing or over.
func Bounded(t testing.TB, bytes int, f func()) {
	t.Helper()
	before := allocated()
	f()
	if took := allocated() - before; took > uint64(bytes) {
		t.Errorf("took %d bytes of memory, want at most %d", took, bytes)
	}
}

// allocated is how many bytes of memory were ever taken.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
