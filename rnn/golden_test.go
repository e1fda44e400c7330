package rnn

import (
	"fmt"
	"math"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

func TestGolden(t *testing.T) {
	for _, c := range testutil.Golden(t) {
		cfg := Config{Cell: LSTM, Input: c.Input, Hidden: c.Hidden, Layers: 1, Structure: goldenSpec(t, c), Classes: 1, Pooling: PoolLast}
		m, err := Zero(cfg)
		if err != nil {
			t.Fatal(err)
		}
		names := goldenNames(c)
		for _, p := range m.params[:len(names)] {
			copy(p.Data, names[p.Name].Float32())
		}
		e := newEngine(m.cells[0])
		e.refresh()
		var p packing
		lens := make([]int, c.Batch)
		for i := range lens {
			lens[i] = c.Seq
		}
		p.pack(lens)
		x := factor.Matrix{Data: c.X.Float32(), Stride: c.Input}
		a := pass{h0: c.H0.Float32(), c0: c.C0.Float32()}
		a.forward(&e, &p, x, true)
		const tol = 2e-5
		testutil.Close(t, c.Name+" h", a.h, c.H.Data, tol)
		testutil.Close(t, c.Name+" c", a.c, c.C.Data, tol)
		// loss = 0.5 sum (h-target)^2 + 0.25 sum c_T^2
		dh, loss := make([]float32, len(a.h)), 0.0
		for i, v := range a.h {
			dh[i] = v - float32(c.Target.Data[i])
			loss += 0.5 * math.Pow(float64(v)-c.Target.Data[i], 2)
		}
		last := a.c[(c.Seq-1)*c.Batch*c.Hidden:]
		dcLast := make([]float32, len(last))
		for i, v := range last {
			dcLast[i] = v / 2
			loss += 0.25 * float64(v) * float64(v)
		}
		if math.Abs(loss-c.Loss) > tol*c.Loss {
			t.Errorf("%s: loss %v, want %v", c.Name, loss, c.Loss)
		}
		grads := gradsOf(m)
		g := e.newGrad()
		dx, dh0 := make([]float32, len(c.X.Data)), make([]float32, len(c.H0.Data))
		a.backward(&e, &p, x, &g, dh, dx, dh0, dcLast)
		e.collect(grads, &g)
		testutil.Close(t, c.Name+" dx", dx, c.Grad.X.Data, tol)
		testutil.Close(t, c.Name+" dh0", dh0, c.Grad.H0.Data, tol)
		testutil.Close(t, c.Name+" dc0", a.dc, c.Grad.C0.Data, tol)
		c.Leaves, c.Inner, c.Bias = c.Grad.Leaves, c.Grad.Inner, c.Grad.Bias
		names = goldenNames(c)
		for i, param := range m.params[:len(names)] {
			testutil.Close(t, c.Name+" d"+param.Name, grads[i], names[param.Name].Data, tol)
		}
	}
}

func goldenRange(name string, d int) factor.Range {
	if name == "root" {
		return factor.Range{Lo: 0, Hi: d}
	}
	return factor.Range{Lo: int(name[0] - '0'), Hi: int(name[len(name)-1]-'0') + 1}
}

func goldenSpec(t testing.TB, c testutil.GoldenCase) factor.Spec {
	t.Helper()
	tree, err := factor.ParseTree(string(c.Tree))
	if err != nil {
		t.Fatal(err)
	}
	s := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: c.In, Out: c.Out, Tree: tree, Ranks: map[factor.Range]int{}}
	for name, r := range c.Ranks {
		s.Ranks[goldenRange(name, len(c.In))] = r
	}
	return s
}

// goldenNames lists a case's weights under our names.
func goldenNames(c testutil.GoldenCase) map[string]testutil.Array {
	out := map[string]testutil.Array{"cell.0.bias": c.Bias}
	for k, a := range c.Leaves {
		out[fmt.Sprintf("cell.0.leaf.%d", k)] = a
	}
	for name, a := range c.Inner {
		out[fmt.Sprintf("cell.0.transfer.%v", goldenRange(name, len(c.In)))] = a
	}
	return out
}
