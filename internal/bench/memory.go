package bench

import (
	"os"
	"strconv"
	"strings"
)

// peakMemory is the most resident memory that this process has had, in MiB; 0 where there is no /proc.
//
// It is the number that getrusage calls ru_maxrss, taken from where the kernel keeps it: a child started with vfork, as
// Go does it, finds the peak of its parent in ru_maxrss, while VmHWM begins anew with the program.
func peakMemory() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	v, ok := field(string(b), "VmHWM")
	if !ok {
		return 0
	}
	kib, err := strconv.ParseFloat(strings.TrimSuffix(v, " kB"), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
