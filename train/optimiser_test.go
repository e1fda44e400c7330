package train

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fdht/fdht/rnn"
)

// golden is testdata/golden.json, which testdata/golden.py writes.
type golden struct {
	AdamW struct {
		Decay, Beta1, Beta2, Eps float64
		Start                    [][]float32
		Steps                    []struct {
			LR            float64
			Grads, Params [][]float64
		}
	}
	OneCycle struct {
		Peak  float64
		Total int
		LR    []float64
	}
	Loss []struct {
		Smoothing, Loss float64
		Logits          []float32
		Label           int
		Grad            []float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.AdamW.Steps) == 0 || len(g.OneCycle.LR) == 0 || len(g.Loss) == 0 {
		t.Fatal("testdata/golden.json lacks something")
	}
	return g
}

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol*(1+math.Abs(b)) }

func TestAdamWAgainstPyTorch(t *testing.T) {
	g := readGolden(t).AdamW
	params := []rnn.Param{{Name: "w", Shape: []int{3, 4}, Data: g.Start[0]}, {Name: "b", Shape: []int{5}, Data: g.Start[1]}}
	a := NewAdamW(params, g.Beta1, g.Beta2, g.Eps, g.Decay)
	for k, s := range g.Steps {
		grads := like(params)
		for i := range grads {
			for j, x := range s.Grads[i] {
				grads[i][j] = float32(x)
			}
		}
		a.Step(params, grads, s.LR)
		for i, p := range params {
			for j, x := range p.Data {
				if !near(float64(x), s.Params[i][j], 2e-6) {
					t.Fatalf("step %d: %s[%d] is %v, PyTorch has %v", k, p.Name, j, x, s.Params[i][j])
				}
			}
		}
	}
}

// The reference is algorithm 2 of the paper in float64, with what is kept between steps rounded to float32.
func TestAdamWAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.Float64Range(0, 0.999)
		b1, b2 := unit.Draw(t, "beta1"), unit.Draw(t, "beta2")
		decay, lr := rapid.Float64Range(0, 1).Draw(t, "decay"), rapid.Float64Range(1e-6, 0.1).Draw(t, "lr")
		const eps = 1e-8
		vec := rapid.SliceOfN(rapid.Float32Range(-3, 3), 4, 4)
		w0 := vec.Draw(t, "w")
		for axes := 1; axes <= 2; axes++ {
			p := []rnn.Param{{Shape: []int{2, 2}[:axes], Data: slices.Clone(w0)}}
			a := NewAdamW(p, b1, b2, eps, decay)
			w, m, v := make([]float64, 4), make([]float64, 4), make([]float64, 4)
			for i := range w {
				w[i] = float64(w0[i])
			}
			for step := 1; step <= 4; step++ {
				g := vec.Draw(t, "g")
				a.Step(p, [][]float32{g}, lr)
				for i := range w {
					x := float64(g[i])
					if axes > 1 {
						w[i] -= lr * decay * w[i]
					}
					m[i] = b1*m[i] + (1-b1)*x
					v[i] = b2*v[i] + (1-b2)*x*x
					mh, vh := m[i]/(1-math.Pow(b1, float64(step))), v[i]/(1-math.Pow(b2, float64(step)))
					w[i] -= lr * mh / (math.Sqrt(vh) + eps)
					m[i], v[i], w[i] = float64(float32(m[i])), float64(float32(v[i])), float64(float32(w[i]))
					if !near(float64(p[0].Data[i]), w[i], 1e-6) {
						t.Fatalf("step %d: w[%d] is %v, want %v", step, i, p[0].Data[i], w[i])
					}
				}
			}
		}
	})
}

func TestClipNorm(t *testing.T) {
	g := [][]float32{{3}, {0, 4}}
	if n := ClipNorm(g, 0); n != 5 || g[0][0] != 3 {
		t.Errorf("norm %v, gradient %v", n, g)
	}
	if n := ClipNorm(g, 6); n != 5 || g[0][0] != 3 {
		t.Errorf("norm %v, gradient %v", n, g)
	}
	if n := ClipNorm(g, 1); n != 5 || !near(float64(g[0][0]), 0.6, 1e-6) || !near(float64(g[1][1]), 0.8, 1e-6) {
		t.Errorf("norm %v, gradient %v", n, g)
	}
	// Large entries do not overflow the norm, infinite ones leave the rest alone.
	if n := ClipNorm([][]float32{{3e38, 3e38}}, 1); math.IsInf(n, 0) {
		t.Error("the norm of float32 numbers overflowed")
	}
	g = [][]float32{{float32(math.Inf(1)), 2}}
	if n := ClipNorm(g, 1); !math.IsInf(n, 1) || g[0][1] != 2 {
		t.Errorf("norm %v, gradient %v", n, g)
	}
}

func TestAverage(t *testing.T) {
	p := []rnn.Param{{Shape: []int{1}, Data: []float32{1}}}
	a := newAverage(p, 0.5)
	want := 1.0
	for step := 1; step <= 20; step++ {
		p[0].Data[0] = float32(step * step)
		a.update(p, step)
		d := min(0.5, float64(1+step)/float64(10+step))
		want = d*want + (1-d)*float64(step*step)
	}
	if !near(float64(a.values[0][0]), want, 1e-5) {
		t.Errorf("average %v, want %v", a.values[0][0], want)
	}
}

func TestSchedules(t *testing.T) {
	cos := func(x float64) float64 { return (1 + math.Cos(math.Pi*x)) / 2 }
	for _, c := range []struct {
		name string
		s    Schedule
		want map[int]float64
	}{
		{"cosine", Schedule{Kind: Cosine, Peak: 2, Floor: 0.5, Warmup: 4, Total: 24},
			map[int]float64{0: 0.5, 1: 1, 3: 2, 4: 2, 9: 0.5 + 1.5*cos(0.25), 14: 1.25, 23: 0.5 + 1.5*cos(0.95), 24: 0.5, 99: 0.5}},
		{"cosine, no warm-up", Schedule{Kind: Cosine, Peak: 1, Total: 10}, map[int]float64{0: 1, 5: 0.5, 10: 0}},
		{"constant", Schedule{Kind: Constant, Peak: 3, Warmup: 3, Total: 9}, map[int]float64{0: 1, 1: 2, 2: 3, 3: 3, 8: 3, 100: 3}},
		{"one cycle, own warm-up", Schedule{Kind: OneCycle, Peak: 25, Warmup: 10, Total: 21}, map[int]float64{0: 1, 5: 13, 10: 25, 20: 1e-4}},
		{"one step", Schedule{Kind: Cosine, Peak: 1, Total: 1}, map[int]float64{0: 1}},
		{"one step, warm-up", Schedule{Kind: Cosine, Peak: 1, Warmup: 1, Total: 1}, map[int]float64{0: 1}},
	} {
		for step, want := range c.want {
			if got := c.s.LR(step); !near(got, want, 1e-12) {
				t.Errorf("%s: step %d has %v, want %v", c.name, step, got, want)
			}
		}
	}
	g := readGolden(t).OneCycle
	s := Schedule{Kind: OneCycle, Peak: g.Peak, Total: g.Total}
	for i, want := range g.LR {
		if got := s.LR(i); !near(got, want, 1e-9) {
			t.Errorf("one cycle: step %d has %v, PyTorch %v", i, got, want)
		}
	}
	for _, n := range []int{1, 2, 3} { // shorter than a cycle
		for i := range n {
			if x := (Schedule{Kind: OneCycle, Peak: 1, Total: n}).LR(i); !finite(x) || x <= 0 || x > 1 {
				t.Errorf("one cycle of %d steps: step %d has %v", n, i, x)
			}
		}
	}
}

func TestCrossEntropyAgainstPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Loss {
		d := make([]float32, len(c.Logits))
		if got := CrossEntropy(d, c.Logits, c.Label, c.Smoothing, 1); !near(got, c.Loss, 1e-7) {
			t.Errorf("smoothing %v: loss %v, PyTorch %v", c.Smoothing, got, c.Loss)
		}
		for i := range d {
			if !near(float64(d[i]), c.Grad[i], 1e-6) {
				t.Errorf("smoothing %v: gradient %v, PyTorch %v", c.Smoothing, d, c.Grad)
			}
		}
	}
}

func TestCrossEntropyGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SliceOfN(rapid.Float32Range(-20, 20), 1, 8).Draw(t, "logits")
		label := rapid.IntRange(0, len(z)-1).Draw(t, "label")
		s, scale := rapid.Float64Range(0, 0.9).Draw(t, "smoothing"), rapid.Float64Range(0.01, 2).Draw(t, "scale")
		d := make([]float32, len(z))
		CrossEntropy(d, z, label, s, scale)
		sum := 0.0
		for k := range z {
			// The logits are float32: the step is what is left of it after rounding.
			at, up, down := z[k], z[k]+1.0/64, z[k]-1.0/64
			z[k] = up
			hi := CrossEntropy(nil, z, label, s, 1)
			z[k] = down
			lo := CrossEntropy(nil, z, label, s, 1)
			z[k] = at
			if want := scale * (hi - lo) / float64(up-down); !near(float64(d[k]), want, 1e-4) {
				t.Fatalf("dlogits[%d] is %v, finite differences give %v", k, d[k], want)
			}
			sum += float64(d[k])
		}
		if !near(sum, 0, 1e-5) {
			t.Fatalf("the gradient adds up to %v", sum)
		}
	})
}

func TestCrossEntropyExtremes(t *testing.T) {
	big := []float32{3e38, -3e38, 0}
	if got := CrossEntropy(nil, big, 0, 0, 1); got != 0 {
		t.Errorf("loss of a sure and right answer is %v", got)
	}
	if got := CrossEntropy(nil, big, 2, 0, 1); !near(got, 3e38, 1e-6) {
		t.Errorf("loss of a sure and wrong answer is %v", got)
	}
	nan := float32(math.NaN())
	for _, z := range [][]float32{{nan, 0}, {0, nan}, {float32(math.Inf(1)), 0}} {
		if got := CrossEntropy(nil, z, 0, 0.1, 1); finite(got) {
			t.Errorf("loss of %v is %v", z, got)
		}
	}
}

func TestRank(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		z     []float32
		label int
		want  int
	}{{[]float32{1, 3, 2}, 1, 0}, {[]float32{1, 3, 2}, 0, 2}, {[]float32{1, 1, 1}, 0, 0}, {[]float32{1, 1, 1}, 2, 2}, {[]float32{nan, nan}, 0, 1}, {[]float32{nan, 1}, 1, 1}} {
		if got := rank(c.z, c.label); got != c.want {
			t.Errorf("rank(%v, %d) = %d, want %d", c.z, c.label, got, c.want)
		}
	}
}

func TestShuffle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, seed, epoch := rapid.IntRange(0, 60).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 9).Draw(t, "epoch")
		a, b := make([]int, n), make([]int, n)
		shuffle(a, seed, epoch)
		shuffle(b, seed, epoch)
		if !slices.Equal(a, b) {
			t.Fatal("the same seed and epoch give two orders")
		}
		slices.Sort(b)
		if !slices.Equal(b, inOrder(n)) {
			t.Fatalf("%v is not a permutation", a)
		}
	})
	// What a seed means does not change.
	got := make([]int, 10)
	shuffle(got, 1, 0)
	want := []int{1, 8, 0, 2, 7, 6, 9, 4, 5, 3}
	if !slices.Equal(got, want) {
		t.Errorf("seed 1, epoch 0: %v, want %v", got, want)
	}
	// Every clip comes to every place about equally often.
	var count [5][5]int
	for seed := range 2000 {
		o := make([]int, 5)
		shuffle(o, uint64(seed), 3)
		for place, clip := range o {
			count[place][clip]++
		}
	}
	for _, row := range count {
		for _, n := range row {
			if n < 320 || n > 480 {
				t.Errorf("a clip came to a place %d times in 2000, want about 400", n)
			}
		}
	}
}
