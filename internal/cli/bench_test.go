package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/bench"
)

func TestBenchChoose(t *testing.T) {
	for _, c := range []struct {
		only          string
		quick         bool
		kernels, rows int
		skipped       bool
	}{
		{"", false, 15, 44, false},
		{"", true, 15, 40, true},
		{"^nn/", false, 5, 0, false},
		{"^ht-r4/frame$", true, 0, 1, false},
		{"train", false, 0, 11, false},
		{"^dense/", true, 0, 0, true},
	} {
		w, skipped, err := (&benchCmd{Only: c.only, Quick: c.quick}).choose()
		if err != nil || len(w.kernels) != c.kernels || len(w.rows) != c.rows || skipped != c.skipped {
			t.Errorf("%+v: %d products, %d passes, %v, %v", c, len(w.kernels), len(w.rows), skipped, err)
		}
	}
	for _, only := range []string{"(", "ht-r5"} {
		if _, _, err := (&benchCmd{Only: only}).choose(); err == nil || !strings.Contains(err.Error(), only) {
			t.Errorf("--only %s: %v", only, err)
		}
	}
}

func TestBenchText(t *testing.T) {
	text := benchText(bench.Report{
		Machine: bench.Machine{CPU: "A CPU", Cores: 1, Go: "go1", OS: "linux", Arch: "amd64", Path: "avx2"},
		Peak:    100,
		Kernels: []bench.Kernel{{Op: bench.TN, M: 512, K: 113, N: 32, Path: "avx2", GFLOPS: 75}},
		Rows: []bench.Row{
			{Name: bench.HTRank4, Pass: bench.Frame, Workers: 1, Millis: 0.05, RSS: 20.4},
			{Name: bench.Dense, Pass: bench.Frame, Workers: 1, Millis: 10},
		},
	})
	for _, want := range []string{
		"A CPU, 1 core, linux/amd64, go1, avx2 kernels\npeak of one core: 100 GFLOP/s\n",
		"\n512  113  32                   75     75 %\n",
		"\nht-r4    frame        1     50 µs       200.0       20 MiB\n",
		"\ndense    frame        1  10.00 ms         1.0\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestBenchJSON: others read this form, the names in it are fixed.
func TestBenchJSON(t *testing.T) {
	b, err := json.Marshal(bench.Report{
		Kernels: []bench.Kernel{{Op: bench.NN, M: 1, K: 2, N: 3, Path: "avx2", GFLOPS: 4}},
		Rows:    []bench.Row{{Name: bench.HTRank4, Pass: bench.Train, Workers: 2, Millis: 5, RSS: 6}},
	})
	want := `{"machine":{"cpu":"","cores":0,"go":"","os":"","arch":"","path":""},"peak_gflops":0,` +
		`"kernels":[{"op":"nn","m":1,"k":2,"n":3,"path":"avx2","gflops":4}],` +
		`"rows":[{"name":"ht-r4","op":"train16x6","workers":2,"ms":5,"rss_mib":6}]}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v, want\n%s", b, err, want)
	}
}
