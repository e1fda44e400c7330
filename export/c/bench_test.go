package c

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// BenchmarkFrame is the time of the C engine for a frame of 160x120 and 256 hidden units, HT with ranks 8 and dense; ms/frame is what the engine itself took.
//
//	go test ./export/c -run '^$' -bench Frame
func BenchmarkFrame(b *testing.B) {
	for _, flags := range [][]string{{"gcc", "-O2"}, {"gcc", "-O3", "-march=native"}, {"clang", "-O2"}, {"clang", "-O3", "-march=native"}} {
		if _, err := exec.LookPath(flags[0]); err != nil {
			b.Logf("skipped: no %s", flags[0])
			continue
		}
		ht := factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8)
		for _, c := range []struct {
			name   string
			spec   factor.Spec
			bits   int
			memory int
		}{
			{"ht-float-fast", ht, 32, 0}, {"ht-float-64K", ht, 32, 64 << 10}, {"ht-int16-64K", ht, 16, 64 << 10}, {"ht-int8-64K", ht, 8, 64 << 10}, {"ht-int8-32K", ht, 8, 32 << 10},
			{"dense-float", factor.DenseSpec(1024, 19456), 32, 0},
		} {
			b.Run(fmt.Sprintf("%s/%s", c.name, flags), func(b *testing.B) { benchmark(b, flags, c.spec, c.bits, c.memory) })
		}
	}
}

func benchmark(b *testing.B, flags []string, spec factor.Spec, bits, memory int) {
	const steps = 20
	f := testmodels.Random(b, model.Config{Cell: "lstm", Input: 19200, Hidden: 256, Layers: 1, Classes: make27(), Pooling: "mean", Structure: spec}, 1)
	rows := testmodels.Rows(f.Config, 1, 1)
	build, err := FloatBuild(f, memory)
	if err != nil {
		b.Fatal(err)
	}
	fd := feed{program: build.Program, weights: build.Weights, biases: build.Biases, numbers: build.Numbers}
	if bits != 32 {
		m, err := quant.Quantise(f, []rnn.Sequence{rows}, quant.Options{Bits: bits, Memory: memory})
		if err != nil {
			b.Fatal(err)
		}
		if build, err = IntBuild(m); err != nil {
			b.Fatal(err)
		}
		fd.program, fd.weights, fd.biases, fd.numbers = build.Program, narrow(build.IntWeights, build.Arithmetic), build.IntBiases, build.Numbers
	}
	fd.layout, fd.classes, fd.steps, fd.row = build.Layout, 27, steps, 19200
	var all []float32
	for range steps {
		all = append(all, rows[0]...)
	}
	fd.rows = all
	var in bytes.Buffer
	fd.write(b, &in)
	header, source := Engine(build.Arithmetic)
	exe := host(b, flags[0], header, source, flags[1:]...)
	total := 0.0
	for range b.N {
		cmd := exec.Command(exe)
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in.Bytes()), &errs
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		var seconds float64
		if _, err := fmt.Sscan(errs.String(), &seconds); err != nil {
			b.Fatal(err)
		}
		total += seconds
	}
	b.ReportMetric(1000*total/float64(b.N)/steps, "ms/frame")
	b.ReportMetric(float64(build.Bytes()), "model-B")
	b.ReportMetric(float64(build.Workspace()), "RAM-B")
}

func make27() (labels []string) {
	for i := range 27 {
		labels = append(labels, fmt.Sprint(i))
	}
	return labels
}
