package rnn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

// matrix is a Sequence over a slice.
type matrix struct {
	data  []float32
	width int
}

func (m matrix) Len() int                  { return len(m.data) / m.width }
func (m matrix) Load(dst []float32, t int) { copy(dst, m.data[t*m.width:(t+1)*m.width]) }
func (m matrix) Row(t int) []float32       { return m.data[t*m.width : (t+1)*m.width] }
func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func ht(in, out []int, leaf, inner int) factor.Spec { return factor.HTSpec(in, out, leaf, inner) }

func configs(t testing.TB) map[string]Config {
	tree, err := factor.ParseTree("[0,[1,[2,3]]]")
	if err != nil {
		t.Fatal(err)
	}
	chain := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: []int{3, 4, 2, 5}, Out: []int{2, 3, 4, 2}, Tree: tree, Ranks: map[factor.Range]int{
		{Lo: 0, Hi: 1}: 2, {Lo: 1, Hi: 2}: 3, {Lo: 2, Hi: 3}: 2, {Lo: 3, Hi: 4}: 4, {Lo: 2, Hi: 4}: 3, {Lo: 1, Hi: 4}: 5}}
	upper := ht([]int{4, 6}, []int{8, 6}, 3, 1)
	return map[string]Config{
		"dense":        {LSTM, 11, 3, 1, factor.DenseSpec(12, 14), nil, 4, PoolMean},
		"dense-2":      {LSTM, 11, 3, 2, factor.DenseSpec(12, 14), specOf(factor.DenseSpec(12, 6)), 4, PoolLast},
		"d1":           {LSTM, 6, 2, 1, ht([]int{9}, []int{8}, 1, 1), nil, 3, PoolLast},
		"d2":           {LSTM, 20, 3, 1, ht([]int{6, 5}, []int{4, 3}, 3, 1), nil, 3, PoolMean},
		"d3":           {LSTM, 50, 6, 1, ht([]int{5, 4, 3}, []int{4, 3, 2}, 3, 2), nil, 3, PoolLast},
		"d4":           {LSTM, 100, 12, 1, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), nil, 5, PoolMean},
		"d4-chain":     {LSTM, 90, 12, 1, chain, nil, 2, PoolLast},
		"d4-2-layers":  {LSTM, 100, 12, 2, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), &upper, 5, PoolMean},
		"d4-2-same":    {LSTM, 100, 12, 2, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), nil, 5, PoolLast},
		"d5-3-layers":  {LSTM, 60, 12, 3, ht([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 2, 3), nil, 2, PoolMean},
		"d6-mode-of-1": {LSTM, 60, 6, 1, ht([]int{2, 3, 2, 2, 3, 1}, []int{2, 2, 2, 3, 1, 1}, 1, 1), nil, 3, PoolMean},
		"d6":           {LSTM, 60, 12, 1, ht([]int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 3, 1, 2}, 2, 3), nil, 3, PoolMean},
	}
}

func specOf(s factor.Spec) *factor.Spec { return &s }

func fresh(t testing.TB, cfg Config, seed uint64) *Model {
	t.Helper()
	m, err := New(cfg, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	for _, p := range m.params {
		if p.Group != Weights {
			for i := range p.Data {
				p.Data[i] += 0.3 * float32(rng.NormFloat64())
			}
		}
	}
	return m
}

// ragged makes clips of different lengths, one of a single step, enough for several shards.
func ragged(cfg Config, n int, seed uint64) []Sequence {
	rng := rand.New(rand.NewPCG(seed, 3))
	var out []Sequence
	for i := range n {
		steps := []int{3, 1, 5, 2, 4}[i%5]
		out = append(out, matrix{random(rng, steps*cfg.Input), cfg.Input})
	}
	return out
}

// reference is the network in float64 on dense weights, written from the equations alone.
type reference struct {
	cfg        Config
	w          [][]float64 // [4H, N] of each cell
	bias       [][]float64
	head, last []float64
}

func newReference(m *Model) *reference {
	r := &reference{cfg: m.cfg}
	for _, c := range m.cells {
		r.w = append(r.w, wide(dense(c.w)))
		r.bias = append(r.bias, wide(c.bias))
	}
	r.head, r.last = wide(m.head), wide(m.bias)
	return r
}

func dense(l *factor.Linear) []float32 { return l.Materialize().Data }

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func (r *reference) logits(clip Sequence) []float64 {
	H := r.cfg.Hidden
	var xs [][]float64
	for t := range clip.Len() {
		x := make([]float32, r.cfg.Input)
		clip.Load(x, t)
		xs = append(xs, wide(x))
	}
	sig := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	for l := range r.w {
		h, c := make([]float64, H), make([]float64, H)
		n := len(r.w[l]) / (4 * H)
		var out [][]float64
		for _, x := range xs {
			z := slices.Clone(r.bias[l])
			v := append(slices.Clone(x), h...)
			for i := range z {
				for j, e := range v {
					z[i] += r.w[l][i*n+j] * e
				}
			}
			h = make([]float64, H)
			for u := range H {
				c[u] = sig(z[H+u])*c[u] + sig(z[u])*math.Tanh(z[2*H+u])
				h[u] = sig(z[3*H+u]) * math.Tanh(c[u])
			}
			out = append(out, h)
		}
		xs = out
	}
	pooled := make([]float64, H)
	for t, h := range xs {
		for u := range H {
			if r.cfg.Pooling == PoolMean {
				pooled[u] += h[u] / float64(len(xs))
			} else if t == len(xs)-1 {
				pooled[u] = h[u]
			}
		}
	}
	y := slices.Clone(r.last)
	for c := range y {
		for u, v := range pooled {
			y[c] += r.head[c*H+u] * v
		}
	}
	return y
}

func TestForwardAndStreamAgainstReference(t *testing.T) {
	for name, cfg := range configs(t) {
		m := fresh(t, cfg, 5)
		batch := ragged(cfg, 11, 9)
		ref := newReference(m)
		var want []float64
		for _, c := range batch {
			want = append(want, ref.logits(c)...)
		}
		r := m.NewRunner(2)
		got := make([]float32, len(want))
		r.Forward(got, batch)
		testutil.Close(t, name+" logits", got, want, 2e-5)
		s := r.NewStream()
		for i, c := range batch {
			s.Reset()
			x := make([]float32, cfg.Input)
			for step := range c.Len() {
				c.Load(x, step)
				s.Step(got[i*cfg.Classes:(i+1)*cfg.Classes], x)
			}
		}
		testutil.Close(t, name+" stream", got, want, 2e-5)
	}
}

// A loss with a curved dependence on the logits: sum_c a_c y_c + y_c^2 / 2.
func testLoss(a []float64, y []float64) float64 {
	sum := 0.0
	for c, v := range y {
		sum += a[c]*v + v*v/2
	}
	return sum
}

func TestGradientsAgainstDifferences(t *testing.T) {
	for name, cfg := range configs(t) {
		m := fresh(t, cfg, 5)
		batch := ragged(cfg, 6, 9)
		a := wide(random(rand.New(rand.NewPCG(8, 8)), cfg.Classes))
		grads := gradsOf(m)
		loss := m.NewRunner(2).Train(grads, batch, 0, 1, func(clip int, d, y []float32) float64 {
			for c := range d {
				d[c] = float32(a[c]) + y[c]
			}
			return testLoss(a, wide(y))
		})
		total := func() float64 {
			ref := newReference(m)
			sum := 0.0
			for _, c := range batch {
				sum += testLoss(a, ref.logits(c))
			}
			return sum
		}
		if want := total(); math.Abs(loss-want) > 1e-4*math.Abs(want) {
			t.Errorf("%s: loss %v, want %v", name, loss, want)
		}
		rng := rand.New(rand.NewPCG(4, 4))
		for p, param := range m.params {
			// The float32 weights are moved and read back exactly, so that the float64 reference sees the true step.
			want, got := []float64{}, []float32{}
			for range min(len(param.Data), 6) {
				i := rng.IntN(len(param.Data))
				old := param.Data[i]
				const eps = 1.0 / 512
				up, down := old+eps, old-eps
				param.Data[i] = up
				high := total()
				param.Data[i] = down
				low := total()
				param.Data[i] = old
				want = append(want, (high-low)/(float64(up)-float64(down)))
				got = append(got, grads[p][i])
			}
			largest := 0.0
			for _, g := range grads[p] {
				largest = max(largest, math.Abs(float64(g)))
			}
			testutil.CloseTo(t, fmt.Sprintf("%s d%s", name, param.Name), got, want, 2e-4*largest)
		}
	}
}

func gradsOf(m *Model) [][]float32 {
	var out [][]float32
	for _, p := range m.params {
		out = append(out, make([]float32, len(p.Data)))
	}
	return out
}

func quadratic(clip int, d, y []float32) float64 {
	copy(d, y)
	sum := 0.0
	for _, v := range y {
		sum += float64(v) * float64(v) / 2
	}
	return sum
}

// Any number of workers gives the same bits, with dropout, and a second run on used memory the same as the first.
func TestWorkersDoNotMatter(t *testing.T) {
	for name, cfg := range configs(t) {
		m := fresh(t, cfg, 5)
		batch := ragged(cfg, 14, 9)
		var want [][]float32
		var wantLoss float64
		for _, workers := range []int{1, 2, 3, 7} {
			r := m.NewRunner(workers)
			for range 2 {
				grads := gradsOf(m)
				loss := r.Train(grads, batch, 0.3, 6, quadratic)
				if want == nil {
					want, wantLoss = grads, loss
				}
				for p := range grads {
					if !slices.Equal(grads[p], want[p]) || loss != wantLoss {
						t.Fatalf("%s: %d workers give another gradient of %s", name, workers, m.params[p].Name)
					}
				}
			}
		}
		other := gradsOf(m)
		m.NewRunner(2).Train(other, batch, 0.3, 7, quadratic)
		if slices.Equal(other[len(other)-2], want[len(want)-2]) {
			t.Errorf("%s: another seed gives the same dropout", name)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	for name, cfg := range configs(t) {
		m := fresh(t, cfg, 5)
		batch := ragged(cfg, 9, 9)
		grads := gradsOf(m)
		r := m.NewRunner(1)
		logits := make([]float32, len(batch)*cfg.Classes)
		s := r.NewStream()
		x := batch[0].(matrix).Row(0)
		for what, f := range map[string]func(){
			"Train":       func() { r.Train(grads, batch, 0.1, 1, quadratic) },
			"Forward":     func() { r.Forward(logits, batch) },
			"Refresh":     func() { r.Refresh() },
			"Stream.Step": func() { s.Step(logits[:cfg.Classes], x) },
		} {
			f()
			if n := testing.AllocsPerRun(3, f); n != 0 {
				t.Errorf("%s: %s allocates %v times", name, what, n)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range testutil.Golden(t) {
		cfg := Config{LSTM, c.Input, c.Hidden, 1, goldenSpec(t, c), nil, 1, PoolLast}
		m, err := Zero(cfg)
		if err != nil {
			t.Fatal(err)
		}
		names := goldenNames(c)
		for _, p := range m.params[:len(names)] {
			copy(p.Data, names[p.Name].Float32())
		}
		e := newEngine(m.cells[0], c.Hidden)
		e.refresh()
		var p packing
		lens := make([]int, c.Batch)
		for i := range lens {
			lens[i] = c.Seq
		}
		p.pack(lens)
		x := factor.Matrix{Data: c.X.Float32(), Stride: c.Input}
		a := pass{h0: c.H0.Float32(), c0: c.C0.Float32()}
		a.forward(&e, &p, x)
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
		own := grads[:len(names)-1]
		g := cellGrad{e.inputs.NewGrad(), e.recur.NewGrad(), grads[len(names)-1]}
		dx, dh0 := make([]float32, len(c.X.Data)), make([]float32, len(c.H0.Data))
		a.backward(&e, &p, x, &g, dh, dx, dh0, dcLast)
		e.inputs.Collect(own, g.inputs)
		e.recur.Collect(own, g.recur)
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

func TestCalibrate(t *testing.T) {
	cfg := Config{LSTM, 1000, 64, 2, ht([]int{11, 10, 10}, []int{8, 8, 4}, 5, 4), specOf(ht([]int{16, 8}, []int{16, 16}, 6, 1)), 3, PoolMean}
	m, err := New(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var seqs []Sequence
	for range 12 { // frames that are black but for a few spots
		x := make([]float32, 9*cfg.Input)
		for i := range x {
			if rng.IntN(50) == 0 {
				x[i] = float32(rng.NormFloat64())
			}
			x[i] -= 0.2
		}
		seqs = append(seqs, matrix{x, cfg.Input})
	}
	m.Calibrate(seqs)
	r := m.NewRunner(1)
	z := make([]float32, 9*4*cfg.Hidden)
	sum, n := 0.0, 0.0
	mean := make([]float64, 4*cfg.Hidden)
	var all [][]float32
	for _, s := range seqs {
		clear(z)
		r.engines[0].inputs.Apply(z, 9, factor.Matrix{Data: s.(matrix).data, Stride: cfg.Input}, r.engines[0].inputs.NewScratch())
		all = append(all, slices.Clone(z))
		for i, v := range z {
			mean[i%len(mean)] += float64(v) / float64(9*len(seqs))
		}
	}
	for _, z := range all {
		for i, v := range z {
			d := float64(v) - mean[i%len(mean)]
			sum += d * d
			n++
		}
	}
	if dev := math.Sqrt(sum / n); math.Abs(dev-1) > 1e-3 {
		t.Errorf("deviation of the pre-activations is %v, want 1", dev)
	}
	for u, b := range m.cells[0].bias {
		want := -mean[u]
		if u/cfg.Hidden == 1 {
			want++
		}
		if math.Abs(float64(b)-want) > 1e-3 {
			t.Fatalf("bias %d is %v, want %v", u, b, want)
		}
	}
}

func TestConfigNamesTheFault(t *testing.T) {
	ok := configs(t)["d4-2-layers"]
	for want, change := range map[string]func(*Config){
		`unknown cell "gru"`:                      func(c *Config) { c.Cell = "gru" },
		`unknown pooling "max"`:                   func(c *Config) { c.Pooling = "max" },
		"each is at least 1":                      func(c *Config) { c.Classes = 0 },
		"needs 4 x 13 = 52":                       func(c *Config) { c.Hidden = 13 },
		"fewer than 110 inputs + 12 hidden":       func(c *Config) { c.Input = 110 },
		"cell 1: input modes [4 5] multiply":      func(c *Config) { c.Upper = specOf(ht([]int{4, 5}, []int{8, 6}, 3, 1)) },
		"cell 0: rank 99 at node 0: the least is": func(c *Config) { c.Structure = ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 99, 2) },
	} {
		c := ok
		change(&c)
		if _, err := New(c, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
