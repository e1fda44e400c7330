package rnn

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

// torchCase is a case of testdata/torch_cells.json: a network of PyTorch without a head. Rows go sequence by sequence.
type torchCase struct {
	Cell          string
	Layers        int
	Bidirectional bool
	Input, Hidden int
	Lengths       []int
	X, Target, H  []float64
	Loss          float64
	Weights       map[string][]float64
	Grads         map[string][]float64
}

func torchCases(t *testing.T) []torchCase {
	b, err := os.ReadFile(filepath.Join(testutil.Root(), "testdata", "torch_cells.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Cases []torchCase }
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Cases) != 12 {
		t.Fatalf("testdata/torch_cells.json has %d cases, want 12", len(doc.Cases))
	}
	return doc.Cases
}

// config is the dense network of the case with a scope.
func (c torchCase) config(scope factor.Scope) Config {
	cfg := Config{Cell: c.Cell, Bidirectional: c.Bidirectional, Input: c.Input, Hidden: c.Hidden, Layers: c.Layers, Classes: 1, Pooling: PoolMean}
	spec := func(in int) factor.Spec {
		if scope == factor.Full {
			in += c.Hidden
		}
		s := factor.DenseSpec(cfg.Gates()*c.Hidden, in)
		s.Scope = scope
		return s
	}
	cfg.Structure, cfg.Upper = spec(c.Input), specOf(spec(cfg.Outputs()))
	if scope == factor.Split {
		cfg.Recurrent = specOf(factor.DenseSpec(cfg.Gates()*c.Hidden, c.Hidden))
	}
	return cfg
}

// ours gives PyTorch's values, weights or gradients, the shape that ours have. Two biases that we keep as one are added as weights,
// and have equal gradients.
func (c torchCase) ours(m *Model, values map[string][]float64, gradients bool) map[string][]float64 {
	out := map[string][]float64{}
	for l := range c.Layers {
		for d := range m.cfg.Directions() {
			from, to := fmt.Sprintf("_l%d", l), fmt.Sprintf("cell.%d.", l)
			if d == 1 {
				from, to = from+"_reverse", to+"reverse."
			}
			wx, wh, bx, bh := values["weight_ih"+from], values["weight_hh"+from], values["bias_ih"+from], values["bias_hh"+from]
			if m.RecurrentMatrix(l, d) != nil {
				out[to+"weight"], out[to+"recurrent.weight"] = wx, wh
			} else {
				in := m.cfg.Inputs(l)
				for i := range bx {
					out[to+"weight"] = append(append(out[to+"weight"], wx[i*in:(i+1)*in]...), wh[i*c.Hidden:(i+1)*c.Hidden]...)
				}
			}
			out[to+"bias"] = bx
			switch {
			case c.Cell == GRU:
				out[to+"recurrent_bias"] = bh
			case !gradients:
				sum := make([]float64, len(bx))
				for i := range sum {
					sum[i] = bx[i] + bh[i]
				}
				out[to+"bias"] = sum
			}
		}
	}
	return out
}

// TestTorch: a dense cell, in each scope, is PyTorch's nn.LSTM, nn.GRU or nn.RNN.
func TestTorch(t *testing.T) {
	for _, c := range torchCases(t) {
		for _, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
			name := fmt.Sprintf("%s, %d layers, bidirectional %v, scope %s", c.Cell, c.Layers, c.Bidirectional, scope)
			m, err := Zero(c.config(scope))
			if err != nil {
				t.Fatal(err)
			}
			ours := c.ours(m, c.Weights, false)
			for _, p := range m.params {
				if strings.HasPrefix(p.Name, "head.") {
					continue
				}
				if len(ours[p.Name]) != len(p.Data) {
					t.Fatalf("%s: %d numbers for %s, want %d", name, len(ours[p.Name]), p.Name, len(p.Data))
				}
				for i, v := range ours[p.Name] {
					p.Data[i] = float32(v)
				}
			}
			checkTorch(t, name, m, c)
		}
	}
}

func checkTorch(t *testing.T, name string, m *Model, c torchCase) {
	r := m.NewRunner(1)
	w, H, D := r.workers[0], m.cfg.Hidden, m.cfg.Directions()
	var batch []Sequence
	first := make([]int, len(c.Lengths)) // row of each sequence
	at := 0
	for i, n := range c.Lengths {
		x := make([]float32, n*c.Input)
		for j := range x {
			x[j] = float32(c.X[at*c.Input+j])
		}
		batch = append(batch, matrix{x, c.Input})
		first[i] = at
		at += n
	}
	w.load(batch)
	for l := range c.Layers {
		w.forward(l)
	}
	h, loss := make([]float32, len(c.H)), 0.0
	for d := range D {
		w.dh[d] = make([]float32, w.pack.rows()*H)
		for step := range w.pack.steps() {
			for i := range w.pack.active(step) {
				row := w.pack.off[step] + i
				when := step
				if d == 1 {
					when = w.pack.lens[i] - 1 - step
				}
				theirs := (first[w.pack.clips[i]]+when)*D*H + d*H
				for u := range H {
					v := w.outs[c.Layers-1].h[d][row*H+u]
					diff := float64(v) - c.Target[theirs+u]
					h[theirs+u], w.dh[d][row*H+u] = v, float32(diff)
					loss += diff * diff / 2
				}
			}
		}
	}
	const tol = 2e-6
	testutil.Close(t, name+": h", h, c.H, tol)
	if math.Abs(loss-c.Loss) > tol*c.Loss {
		t.Errorf("%s: loss %v, want %v", name, loss, c.Loss)
	}
	grads := gradsOf(m)
	r.grads = append(r.grads, r.newGrad())
	r.aim(grads)
	w.back(r.grads[0])
	r.collect(grads)
	ours := c.ours(m, c.Grads, true)
	for i, p := range m.params {
		if want, ok := ours[p.Name]; ok {
			testutil.Close(t, fmt.Sprintf("%s: d%s", name, p.Name), grads[i], want, tol)
		}
	}
}
