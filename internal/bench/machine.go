package bench

import (
	"os"
	"runtime"
	"strings"

	"github.com/fdht/fdht/internal/kernel"
)

// ThisMachine describes the machine of this process.
func ThisMachine() Machine {
	return Machine{cpuModel(), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Current().String()}
}

// cpuModel is the name of the processor as Linux gives it, elsewhere the architecture.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	if name, ok := field(string(b), "model name"); ok {
		return name
	}
	return runtime.GOARCH
}

// field is the value of the first line "key : value".
func field(text, key string) (string, bool) {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}
