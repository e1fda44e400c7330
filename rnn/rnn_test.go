package rnn

import (
	"errors"
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

// configs are networks of all sorts: matrices of every number of modes in an LSTM, every cell in every scope, one way and
// both, with 1 to 3 layers and both poolings, and every kind in every scope.
func configs(t testing.TB) map[string]Config {
	tree, err := factor.ParseTree("[0,[1,[2,3]]]")
	if err != nil {
		t.Fatal(err)
	}
	chain := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: []int{3, 4, 2, 5}, Out: []int{2, 3, 4, 2}, Tree: tree, Ranks: map[factor.Range]int{
		{Lo: 0, Hi: 1}: 2, {Lo: 1, Hi: 2}: 3, {Lo: 2, Hi: 3}: 2, {Lo: 3, Hi: 4}: 4, {Lo: 2, Hi: 4}: 3, {Lo: 1, Hi: 4}: 5}}
	upper := ht([]int{4, 6}, []int{8, 6}, 3, 1)
	lstm := func(input, hidden, layers int, s factor.Spec, upper *factor.Spec, classes int, pooling string) Config {
		return Config{Cell: LSTM, Input: input, Hidden: hidden, Layers: layers, Structure: s, Upper: upper, Classes: classes, Pooling: pooling}
	}
	all := map[string]Config{
		"dense":        lstm(11, 3, 1, factor.DenseSpec(12, 14), nil, 4, PoolMean),
		"dense-2":      lstm(11, 3, 2, factor.DenseSpec(12, 14), specOf(factor.DenseSpec(12, 6)), 4, PoolLast),
		"d1":           lstm(6, 2, 1, ht([]int{9}, []int{8}, 1, 1), nil, 3, PoolLast),
		"d2":           lstm(20, 3, 1, ht([]int{6, 5}, []int{4, 3}, 3, 1), nil, 3, PoolMean),
		"d3":           lstm(50, 6, 1, ht([]int{5, 4, 3}, []int{4, 3, 2}, 3, 2), nil, 3, PoolLast),
		"d4":           lstm(100, 12, 1, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), nil, 5, PoolMean),
		"d4-chain":     lstm(90, 12, 1, chain, nil, 2, PoolLast),
		"d4-2-layers":  lstm(100, 12, 2, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), &upper, 5, PoolMean),
		"d4-2-same":    lstm(100, 12, 2, ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 3, 2), nil, 5, PoolLast),
		"d5-3-layers":  lstm(60, 12, 3, ht([]int{3, 2, 2, 3, 2}, []int{2, 2, 3, 2, 2}, 2, 3), nil, 2, PoolMean),
		"d6-mode-of-1": lstm(60, 6, 1, ht([]int{2, 3, 2, 2, 3, 1}, []int{2, 2, 2, 3, 1, 1}, 1, 1), nil, 3, PoolMean),
		"d6":           lstm(60, 12, 1, ht([]int{2, 3, 2, 2, 3, 2}, []int{2, 2, 2, 3, 1, 2}, 2, 3), nil, 3, PoolMean),
	}
	cells := []string{LSTM, GRU, RNN}
	n := 0
	for i, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
		for _, cell := range cells {
			for _, both := range []bool{false, true} {
				for _, kind := range []factor.Kind{factor.HT, factor.Dense} {
					all[fmt.Sprintf("%s-%s-%s-both=%v", cell, kind, scope, both)] = sorts(cell, kind, scope, both, n)
					n++
				}
			}
		}
		for j, kind := range []factor.Kind{factor.TT, factor.TR, factor.BT} {
			cell, both := cells[(i+j)%3], (i+j)%2 == 1
			all[fmt.Sprintf("%s-%s-%s-both=%v", cell, kind, scope, both)] = sorts(cell, kind, scope, both, n)
			n++
		}
	}
	return all
}

// sorts is a network of the given sort; n counts through layers and poolings.
func sorts(cell string, kind factor.Kind, scope factor.Scope, both bool, n int) Config {
	c := Config{Cell: cell, Bidirectional: both, Input: 10, Hidden: 6, Layers: 1 + n%3, Classes: 3, Pooling: []string{PoolLast, PoolMean}[n/3%2]}
	out := map[string][]int{LSTM: {6, 4}, GRU: {3, 6}, RNN: {3, 2}}[cell]
	make := func(columns int) factor.Spec {
		in := map[int][]int{6: {2, 3}, 10: {4, 3}, 12: {3, 4}, 16: {4, 4}, 18: {5, 4}}[columns]
		switch kind {
		case factor.Dense:
			return factor.DenseSpec(c.Gates()*c.Hidden, columns+n%2)
		case factor.TT:
			return factor.TTSpec(in, out, 3)
		case factor.TR:
			return factor.TRSpec(in, out, 2)
		case factor.BT:
			return factor.BTSpec(in, out, 2, 2)
		}
		return ht(in, out, 2, 1)
	}
	hidden := 0
	if scope == factor.Full {
		hidden = c.Hidden
	}
	c.Structure = make(c.Input + hidden).WithScope(scope)
	c.Upper = specOf(make(c.Outputs() + hidden).WithScope(scope))
	if scope == factor.Split {
		c.Recurrent = specOf(make(c.Hidden))
	}
	return c
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

// TestNetworks compiles every network once, which takes longer than all that it is then put through.
func TestNetworks(t *testing.T) {
	for name, cfg := range configs(t) {
		t.Run(name, func(t *testing.T) {
			m := fresh(t, cfg, 5)
			r := m.NewRunner(7)
			t.Run("forward", func(t *testing.T) { checkForward(t, m, r) })
			t.Run("gradients", func(t *testing.T) { checkGradients(t, m, r) })
			t.Run("workers", func(t *testing.T) { checkWorkers(t, m, r) })
			t.Run("divided", func(t *testing.T) { checkDivided(t, m, r) })
			t.Run("allocations", func(t *testing.T) { checkAllocations(t, m, r) })
		})
	}
}

// checkForward compares the logits of clips at once and step by step with the reference.
func checkForward(t *testing.T, m *Model, r *Runner) {
	cfg := m.cfg
	batch := ragged(cfg, 11, 9)
	ref := newReference(m)
	var want []float64
	for _, c := range batch {
		want = append(want, ref.logits(c)...)
	}
	got := make([]float32, len(want))
	r.Forward(got, batch)
	testutil.Close(t, "logits", got, want, 2e-5)
	s, err := r.NewStream()
	if cfg.Bidirectional {
		if !errors.Is(err, ErrBidirectional) {
			t.Errorf("a stream of a bidirectional network: %v", err)
		}
		return
	}
	for i, c := range batch {
		s.Reset()
		x := make([]float32, cfg.Input)
		for step := range c.Len() {
			c.Load(x, step)
			s.Step(got[i*cfg.Classes:(i+1)*cfg.Classes], x)
		}
	}
	testutil.Close(t, "stream", got, want, 2e-5)
}

// A loss with a curved dependence on the logits: sum_c a_c y_c + y_c^2 / 2.
func testLoss(a []float64, y []float64) float64 {
	sum := 0.0
	for c, v := range y {
		sum += a[c]*v + v*v/2
	}
	return sum
}

// checkGradients compares gradients with differences of the reference.
func checkGradients(t *testing.T, m *Model, r *Runner) {
	batch := ragged(m.cfg, 6, 9)
	a := wide(random(rand.New(rand.NewPCG(8, 8)), m.cfg.Classes))
	grads := gradsOf(m)
	loss := r.Train(grads, batch, 0, 1, func(clip int, d, y []float32) float64 {
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
		t.Errorf("loss %v, want %v", loss, want)
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
		testutil.CloseTo(t, "d"+param.Name, got, want, 2e-4*largest)
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

// withWorkers runs f with the first n workers of r.
func withWorkers(r *Runner, n int, f func()) {
	all := r.workers
	r.workers = all[:n]
	f()
	r.workers = all
}

// checkWorkers: any number of workers gives the same bits, with dropout, and a second run on used memory the same as the first.
func checkWorkers(t *testing.T, m *Model, r *Runner) {
	batch := ragged(m.cfg, 14, 9)
	var want [][]float32
	var wantLoss float64
	for _, n := range []int{7, 1, 1, 2, 2, 3, 7} {
		grads := gradsOf(m)
		var loss float64
		withWorkers(r, n, func() { loss = r.Train(grads, batch, 0.3, 6, quadratic) })
		if want == nil {
			want, wantLoss = grads, loss
		}
		for p := range grads {
			if !slices.Equal(grads[p], want[p]) || loss != wantLoss {
				t.Fatalf("%d workers give another gradient of %s", n, m.params[p].Name)
			}
		}
	}
	other := gradsOf(m)
	r.Train(other, batch, 0.3, 7, quadratic)
	if slices.Equal(other[len(other)-2], want[len(want)-2]) {
		t.Error("another seed gives the same dropout")
	}
}

// checkDivided: a batch that several Runners divide among them, one of them without a clip, gives the bits of one.
func checkDivided(t *testing.T, m *Model, r *Runner) {
	const clips = 14
	batch := ragged(m.cfg, clips, 9)
	want, sum := gradsOf(m), 0.0
	wantLoss := r.Train(want, batch, 0.3, 6, quadratic)
	unit := r.Unit()
	loss := func(clip int, d, y []float32) float64 {
		if clip < 0 || clip >= clips {
			t.Errorf("the loss of clip %d of %d is asked for", clip, clips)
		}
		return quadratic(clip, d, y)
	}
	var runners []*Runner
	var shards [][]float32
	for _, part := range [][2]int{{0, unit}, {unit, unit}, {unit, 3 * unit}, {3 * unit, clips}} {
		p := m.NewRunner(2)
		for _, l := range p.Backward(gradsOf(m), batch[part[0]:part[1]], part[0], 0.3, 6, loss) {
			sum += l
		}
		p.Reduce(func(_ []float32, own [][]float32) error {
			for _, s := range own {
				shards = append(shards, slices.Clone(s))
			}
			return nil
		})
		runners = append(runners, p)
	}
	for _, p := range runners {
		grads := gradsOf(m)
		p.Reduce(func(total []float32, _ [][]float32) error {
			clear(total)
			for _, s := range shards {
				for i, v := range s {
					total[i] += v
				}
			}
			return nil
		})
		p.Collect(grads)
		p.Collect(grads) // of nothing
		for i := range grads {
			if !slices.Equal(grads[i], want[i]) {
				t.Fatalf("a divided batch gives another gradient of %s", m.params[i].Name)
			}
		}
	}
	if sum != wantLoss {
		t.Errorf("losses of the parts add up to %v, not to %v", sum, wantLoss)
	}
}

func checkAllocations(t *testing.T, m *Model, r *Runner) {
	batch := ragged(m.cfg, 9, 9)
	grads := gradsOf(m)
	logits := make([]float32, len(batch)*m.cfg.Classes)
	calls := map[string]func(){
		"Train":   func() { r.Train(grads, batch, 0.1, 1, quadratic) },
		"Forward": func() { r.Forward(logits, batch) },
		"Refresh": func() { r.Refresh() },
	}
	if s, err := r.NewStream(); err == nil {
		x := batch[0].(matrix).Row(0)
		calls["Stream.Step"] = func() { s.Step(logits[:m.cfg.Classes], x) }
	}
	// which worker meets the largest shard is chance: each takes them all once
	all := r.workers
	for i := range all {
		r.workers = all[i : i+1]
		for _, f := range calls {
			f()
		}
	}
	r.workers = all
	for _, workers := range []int{1, 3} {
		withWorkers(r, workers, func() {
			for what, f := range calls {
				if n := testing.AllocsPerRun(3, f); n != 0 {
					t.Errorf("%s with %d workers allocates %v times", what, workers, n)
				}
			}
		})
	}
}

func TestCalibrate(t *testing.T) {
	full := Config{Cell: LSTM, Input: 1000, Hidden: 64, Layers: 2, Structure: ht([]int{11, 10, 10}, []int{8, 8, 4}, 5, 4),
		Upper: specOf(ht([]int{16, 8}, []int{16, 16}, 6, 1)), Classes: 3, Pooling: PoolMean}
	partial := Config{Cell: GRU, Bidirectional: true, Input: 1000, Hidden: 64, Layers: 2, Structure: ht([]int{10, 10, 10}, []int{6, 8, 4}, 5, 4),
		Upper: specOf(ht([]int{16, 8}, []int{16, 12}, 6, 1)), Classes: 3, Pooling: PoolMean}
	partial.Structure.Scope, partial.Upper.Scope = factor.Partial, factor.Partial
	rng := rand.New(rand.NewPCG(1, 1))
	var seqs []Sequence
	for range 12 { // frames that are black but for a few spots
		x := make([]float32, 9*full.Input)
		for i := range x {
			if rng.IntN(50) == 0 {
				x[i] = float32(rng.NormFloat64())
			}
			x[i] -= 0.2
		}
		seqs = append(seqs, matrix{x, full.Input})
	}
	for _, cfg := range []Config{full, partial} {
		m, err := New(cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		var halves [][]float32
		for i := range m.cells {
			if w := m.RecurrentMatrix(i/cfg.Directions(), i%cfg.Directions()); w != nil {
				halves = append(halves, slices.Clone(w.Params()[0].Data))
			}
		}
		m.Calibrate(seqs)
		r := m.NewRunner(1)
		w := r.workers[0]
		w.load(seqs)
		for l := range cfg.Layers {
			for d := range cfg.Directions() {
				checkCalibrated(t, &r.engines[l*cfg.Directions()+d], w.pack.rows(), w.input(l, d))
				if len(halves) > 0 {
					if !slices.Equal(halves[0], m.RecurrentMatrix(l, d).Params()[0].Data) {
						t.Errorf("%s: the hidden half of layer %d changed", cfg.Cell, l)
					}
					halves = halves[1:]
				}
			}
			w.forward(l)
		}
	}
}

// checkCalibrated measures W [x ; 0] over R rows of x.
func checkCalibrated(t *testing.T, e *engine, R int, x factor.Rows) {
	t.Helper()
	M := e.rows()
	z, mean := make([]float32, R*M), make([]float64, M)
	e.inputs.Apply(z, R, x, e.inputs.NewScratch())
	for i, v := range z {
		mean[i%M] += float64(v) / float64(R)
	}
	sum := 0.0
	for i, v := range z {
		sum += (float64(v) - mean[i%M]) * (float64(v) - mean[i%M])
	}
	if dev := math.Sqrt(sum / float64(len(z))); math.Abs(dev-1) > 1e-3 {
		t.Errorf("deviation of the pre-activations is %v, want 1", dev)
	}
	for u, b := range e.bias {
		want := -mean[u]
		if e.kind.memory && u/e.hidden == 1 {
			want++
		}
		if math.Abs(float64(b)-want) > 1e-3 {
			t.Fatalf("bias %d is %v, want %v", u, b, want)
		}
	}
}

// Counts of weights of the network and of its dense twin, by hand.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		cfg                          Config
		weights, biases, head, dense int64
	}{
		{sorts(LSTM, factor.Dense, factor.Full, false, 0), 24 * 16, 24, 3*6 + 3, 24 * 16},
		{sorts(LSTM, factor.Dense, factor.Partial, true, 1), 2 * (24*11 + 24*6 + 24*13 + 24*6), 2 * 2 * 24, 3*12 + 3, 2 * 24 * (16 + 18)},
		{sorts(GRU, factor.HT, factor.Split, true, 0), 2 * (3*4*2 + 6*3*2 + 4 + 3*2*2 + 6*3*2 + 4), 2 * 2 * 18, 3*12 + 3, 2 * 18 * 16},
		{sorts(RNN, factor.Dense, factor.Full, false, 2), 6 * (16 + 12 + 12), 3 * 6, 3*6 + 3, 6 * (16 + 12 + 12)},
	} {
		m := fresh(t, c.cfg, 1)
		w, b, h := m.Count()
		if w != c.weights || b != c.biases || h != c.head || c.cfg.DenseWeights() != c.dense {
			t.Errorf("%s %s: %d weights, %d biases, %d head, %d dense; want %d, %d, %d, %d", c.cfg.Cell, c.cfg.Structure.Scope, w, b, h, c.cfg.DenseWeights(),
				c.weights, c.biases, c.head, c.dense)
		}
		if cw, cb, ch, err := c.cfg.Count(); err != nil || cw != w || cb != b || ch != h {
			t.Errorf("the configuration counts %d, %d, %d (%v), the network %d, %d, %d", cw, cb, ch, err, w, b, h)
		}
	}
}

func TestConfigNamesTheFault(t *testing.T) {
	ok := configs(t)["d4-2-layers"]
	for want, change := range map[string]func(*Config){
		`unknown cell "rnu": choose lstm, gru or`:                             func(c *Config) { c.Cell = "rnu" },
		`unknown pooling "max"`:                                               func(c *Config) { c.Pooling = "max" },
		"each is at least 1":                                                  func(c *Config) { c.Classes = 0 },
		"needs 4 x 13 = 52":                                                   func(c *Config) { c.Hidden = 13 },
		"fewer than 110 inputs + 12 hidden":                                   func(c *Config) { c.Input = 110 },
		"cell 1: input modes [4 5] multiply":                                  func(c *Config) { c.Upper = specOf(ht([]int{4, 5}, []int{8, 6}, 3, 1)) },
		"cell 0: rank 99 at node 0: the least is":                             func(c *Config) { c.Structure = ht([]int{3, 4, 2, 5}, []int{2, 3, 4, 2}, 99, 2) },
		"a GRU of 12 hidden units needs 3 x 12 =":                             func(c *Config) { c.Cell = GRU },
		"an RNN of 12 hidden units needs 1 x 12 ":                             func(c *Config) { c.Cell = RNN },
		"cell 1: input modes [4 6] multiply to 24, fewer than 24 inputs + 12": func(c *Config) { c.Bidirectional = true },
		"cell 0: input modes [3 4 2 5] multiply to 120, fewer than 121 input": func(c *Config) { c.Structure.Scope, c.Input = factor.Partial, 121 },
		"cell 0: scope split, and no structure of the hidden half: give one":  func(c *Config) { c.Structure.Scope = factor.Split },
		"goes with scope split only, the scope is full":                       func(c *Config) { c.Recurrent = specOf(ht([]int{3, 4}, []int{8, 6}, 3, 1)) },
		"recurrent: scope split: the hidden half is a matrix of its own": func(c *Config) {
			c.Structure.Scope, c.Recurrent = factor.Split, specOf(ht([]int{3, 4}, []int{8, 6}, 3, 1))
			c.Recurrent.Scope = factor.Split
		},
		"recurrent: input modes [3 3] multiply to 9, fewer than 12 hidden": func(c *Config) {
			c.Structure.Scope, c.Recurrent = factor.Split, specOf(ht([]int{3, 3}, []int{8, 6}, 3, 1))
		},
		"recurrent: output modes [8 5] multiply to 40, an LSTM of 12": func(c *Config) {
			c.Structure.Scope, c.Recurrent = factor.Split, specOf(ht([]int{3, 4}, []int{8, 5}, 3, 1))
		},
	} {
		c := ok
		change(&c)
		if _, err := New(c, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
