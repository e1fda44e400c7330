package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
)

func TestFewer(t *testing.T) {
	for _, c := range []struct {
		weights, dense int64
		want           string
	}{
		{1000, 1000, "as many as dense"},
		{1200, 1000, "more than dense has, 1,000"},
		{990, 1000, "1.0 % fewer than dense"},
		{500, 1000, "2.0 times fewer than dense"},
		{10, 12_345, "1,234 times fewer than dense"},
	} {
		if got := fewer(c.weights, c.dense); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.weights, c.dense, got, c.want)
		}
	}
}

// The report does not take the singular values that a sketch saw for all there are.
func TestReportOfASketch(t *testing.T) {
	m := model.Compressed{Name: "cell.0", Rows: 40, Cols: 60, Spec: factor.TTSpec([]int{6, 10}, []int{8, 5}, 1)}
	m.Report = compress.Report{Norm: 5, Weights: 100, Dense: 2400, Nodes: []compress.Node{
		{Name: "bond 1", Rank: 1, SingularValues: []float64{4, 2, 1}, Discarded: 3, Sketched: true},
	}}
	text := compressed{Model: "x", Weights: 100, Dense: 2400}.markdown([]model.Compressed{m})
	for _, want := range []string{"| bond 1 | 1 | first 3 | 4 | 4 | 2 | 0.6 |", "First: there are more", "100 weights, 24.0 times fewer than dense."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	m.Report.Nodes[0].Sketched = false
	text = compressed{Model: "x", Weights: 100, Dense: 2400}.markdown([]model.Compressed{m})
	if !strings.Contains(text, "| bond 1 | 1 | 3 | 4 |") || strings.Contains(text, "First: ") {
		t.Errorf("a whole decomposition is called a sketch:\n%s", text)
	}
}

// Ctrl-C stops compress in order, a request that cannot be had is a usage error, and neither leaves a file.
func TestCompressStops(t *testing.T) {
	dir := t.TempDir()
	dense, small := filepath.Join(dir, "dense.safetensors"), filepath.Join(dir, "small.safetensors")
	f, err := model.New(model.Config{Cell: "lstm", Input: 20, Hidden: 12, Layers: 1, Structure: factor.DenseSpec(48, 32), Classes: []string{"a", "b"}, Pooling: "last"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Save(dense); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	for _, c := range []struct {
		ctx  context.Context
		flag string
		code int
		want string
	}{
		{stopped, "--tol=0.5", ExitError, "fdht: cell.0: stopped\n"},
		{stopped, "--budget=200", ExitError, "fdht: cell.0: stopped\n"},
		{context.Background(), "--budget=20", ExitUsage, "fdht: budget of 20 weights: ranks of 1 alone take "},
	} {
		var out, errs bytes.Buffer
		code := Command{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}.Run(c.ctx, []string{"compress", "--model", dense, "--out", small, c.flag})
		if code != c.code || !strings.HasPrefix(errs.String(), c.want) || out.Len() > 0 {
			t.Errorf("%s: code %d, want %d; %s%s", c.flag, code, c.code, out.String(), errs.String())
		}
		if _, err := os.Stat(small); err == nil {
			t.Fatalf("%s: a file is left", c.flag)
		}
	}
}
