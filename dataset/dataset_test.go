package dataset

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fdht/fdht/lags"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

func put(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// golden holds texts, each under a name, against a file.
func golden(t *testing.T, path string, got string) {
	t.Helper()
	if *update {
		put(t, path, []byte(got))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Errorf("%s:%d: missing %q", path, i+1, w[i])
		case i >= len(w):
			t.Errorf("%s:%d: more: %q", path, i+1, g[i])
		case g[i] != w[i]:
			t.Errorf("%s:%d:\n got %q\nwant %q", path, i+1, g[i], w[i])
		}
	}
}

// shared finds a folder of the data that is kept beside the project, or skips.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("FDHT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	p := filepath.Join(root, "data", filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("skipped: no shared data (%s)", name)
	}
	return p
}

// list is a Dataset of plain numbers: clip i has frames[i] rows of width values.
type list struct {
	ids     []string
	labels  []int
	groups  []string
	classes []string
	frames  []int
	width   int
}

func (d *list) Name() string       { return "list" }
func (d *list) Classes() []string  { return d.classes }
func (d *list) Len() int           { return len(d.ids) }
func (d *list) ID(i int) string    { return d.ids[i] }
func (d *list) Label(i int) int    { return d.labels[i] }
func (d *list) Group(i int) string { return d.groups[i] }
func (d *list) Width() int         { return d.width }
func (d *list) Frames(i int) int   { return d.frames[i] }

func (d *list) Clip(dst *Clip, i int, s Sample) error {
	rows := make([]float32, d.frames[i]*d.width)
	for k := range rows {
		rows[k] = float32(1000*i) + float32(k)
	}
	return dst.setRows(d.ids[i], i, d.width, rows, s)
}

func TestPick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, steps := rapid.IntRange(1, 300).Draw(t, "n"), rapid.IntRange(1, 80).Draw(t, "steps")
		seed, epoch := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 50).Draw(t, "epoch")
		for _, train := range []bool{false, true} {
			s := Sample{Steps: steps, Train: train, Short: ShortRepeat}
			rng := newSource(seed, epoch, 3)
			idx, err := s.pick(nil, "x", n, &rng)
			if err != nil || len(idx) != steps {
				t.Fatalf("%d steps, %v", len(idx), err)
			}
			for k, v := range idx {
				lo, hi := k*n/steps, ((k+1)*n+steps-1)/steps // frames that the segment touches
				if int(v) < lo || int(v) >= hi {
					t.Fatalf("step %d of %d takes frame %d of %d, outside of %d..%d", k, steps, v, n, lo, hi-1)
				}
				if k > 0 && (v < idx[k-1] || (n >= steps && v == idx[k-1])) {
					t.Fatalf("%d steps of %d frames: %v", steps, n, idx)
				}
			}
		}
	})
	s := Sample{Steps: 4}
	idx, _ := s.pick(nil, "x", 12, nil)
	if !slices.Equal(idx, []int32{1, 4, 7, 10}) {
		t.Errorf("middles of 12 frames: %v", idx)
	}
	// All views together take every frame once; an odd number of them has the middle one among it.
	var all []int32
	for view := range 3 {
		idx, _ = Sample{Steps: 4, View: view, Views: 3}.pick(nil, "x", 12, nil)
		all = append(all, idx...)
	}
	if middle := all[4:8]; !slices.Equal(middle, []int32{1, 4, 7, 10}) {
		t.Errorf("the middle view takes %v", middle)
	}
	slices.Sort(all)
	if !slices.Equal(all, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) {
		t.Errorf("three views take %v", all)
	}
	if idx, _ = (Sample{}).pick(nil, "x", 3, nil); !slices.Equal(idx, []int32{0, 1, 2}) {
		t.Errorf("the whole clip: %v", idx)
	}
}

// TestResample: a clip that is sampled again is the clip that was sampled so at once, of frames and of rows.
func TestResample(t *testing.T) {
	in := Input{Kind: Grey, Height: 1, Width: 1}
	frames, values := make([]byte, 13), make([]float32, 2*13)
	for i := range values {
		frames[i/2], values[i] = byte(i/2), float32(i)
	}
	for name, set := range map[string]func(*Clip, Sample) error{
		"frames": func(c *Clip, s Sample) error { return c.setFrames("x", 0, in, frames, nil, s) },
		"rows":   func(c *Clip, s Sample) error { return c.setRows("x", 0, 2, values, s) },
	} {
		var clip, want Clip
		if err := clip.Resample(Sample{}); err == nil {
			t.Error("an empty clip was sampled")
		}
		if err := set(&clip, Sample{Steps: 4}); err != nil {
			t.Fatal(err)
		}
		for view := range 3 {
			s := Sample{Steps: 3, View: view, Views: 3}
			if err := errors.Join(clip.Resample(s), set(&want, s)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(clip.idx, want.idx) || clip.Len() != 3 {
				t.Errorf("%s, view %d: %v, want %v", name, view, clip.idx, want.idx)
			}
		}
		if err := clip.Resample(Sample{Steps: 3, View: 3, Views: 3}); err == nil {
			t.Errorf("%s: the fourth view of three", name)
		}
	}
}

// naiveRow is row() pixel by pixel.
func naiveRow(in Input, p *pictures, v view) []float32 {
	cur := p.cur
	c := in.SourceChannels()
	var out []float32
	for y := range in.Height {
		for x := range in.Width {
			sy, sx := y-v.dy, x-v.dx
			inside := sy >= 0 && sy < in.Height && sx >= 0 && sx < in.Width
			if v.flip {
				sx = in.Width - 1 - sx
			}
			at := func(f []byte, k int) float64 {
				if !inside {
					return 0
				}
				return float64(f[(sy*in.Width+sx)*c+k])
			}
			diffs := func() {
				for k := range in.Lag.Len() {
					d := 0.0
					if inside {
						d = math.Min(math.Max(float64(in.Gain)*(at(cur, 0)-at(p.old[k], 0))/255, -1), 1)
					}
					out = append(out, float32(d))
				}
			}
			switch in.Kind {
			case RGB:
				for k := range 3 {
					out = append(out, float32(at(cur, k)/255*float64(v.bright)))
				}
			case Grey:
				out = append(out, float32(at(cur, 0)/255))
			case Diff:
				diffs()
			case GreyDiff:
				out = append(out, float32(at(cur, 0)/255))
				diffs()
			}
		}
	}
	return out
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-5 })
}

func TestRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{
			Kind:   rapid.SampledFrom([]string{RGB, Grey, Diff, GreyDiff}).Draw(t, "kind"),
			Height: rapid.IntRange(1, 9).Draw(t, "h"), Width: rapid.OneOf(rapid.IntRange(1, 9), rapid.IntRange(255, 530)).Draw(t, "w"),
		}
		for k := range rapid.IntRange(1, lags.Max).Draw(t, "lags") {
			in.Lag[k] = k + 1
		}
		in = in.WithDefaults()
		v := view{
			dx: rapid.IntRange(-10, 10).Draw(t, "dx"), dy: rapid.IntRange(-10, 10).Draw(t, "dy"),
			flip: rapid.Bool().Draw(t, "flip"), bright: 1,
		}
		if in.Kind == RGB {
			v.bright = 1.25
		}
		n := in.frameBytes()
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		picture := func() []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		}
		p := &pictures{cur: picture()}
		for k := range in.Lag.Len() {
			p.old[k] = picture()
		}
		want := naiveRow(in, p, v)
		got := make([]float32, in.Size())
		for i := range got {
			got[i] = 99
		}
		in.row(got, p, v)
		if !near(got, want) {
			t.Fatalf("%+v %+v\n got %v\nwant %v", in, v, got, want)
		}
	})
}

func rows(t *testing.T, c *Clip) [][]float32 {
	t.Helper()
	var out [][]float32
	for k := range c.Len() {
		r := make([]float32, c.Width())
		c.Load(r, k)
		out = append(out, r)
	}
	return out
}

// TestLive: frames that come one at a time give the rows of the whole clip, also at the start and around the ring.
func TestLive(t *testing.T) {
	for _, in := range []Input{
		{Kind: RGB}, {Kind: Grey}, {Kind: Diff}, {Kind: GreyDiff}, {Kind: Diff, Lag: lags.List{2, 5}}, {Kind: GreyDiff, Lag: lags.List{1, 4, 20}},
	} {
		in.Height, in.Width = 20, 24
		kind := fmt.Sprint(in.Kind, in.Lag)
		m, err := NewMade(MadeOptions{Input: in, Frames: 11, Train: 2})
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewLive(m.Input())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			var c Clip
			if err := m.Clip(&c, i, Sample{}); err != nil {
				t.Fatal(err)
			}
			l.Reset()
			got := make([]float32, m.Width())
			for k, want := range rows(t, &c) {
				if err := l.Load(got, m.frame(i, k).Pix); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s: frame %d of clip %d differs", kind, k, i)
				}
			}
		}
		if err := l.Load(nil, []byte{1, 2}); err == nil {
			t.Error("a frame of 2 bytes is taken")
		}
	}
}

// TestOrderDoesNotMatter asks for the same clips forward, backward and by several goroutines with one Clip each.
func TestOrderDoesNotMatter(t *testing.T) {
	m, err := NewMade(MadeOptions{Input: Input{Kind: RGB, Height: 20, Width: 24}, Frames: 15, Train: 12})
	if err != nil {
		t.Fatal(err)
	}
	s := Sample{Steps: 5, Train: true, Seed: 7, Epoch: 3, Augment: Augment{ShiftX: 3, ShiftY: 2, Flip: true, Brightness: 0.3}}
	load := func(c *Clip, i int, s Sample) [][]float32 {
		if err := m.Clip(c, i, s); err != nil {
			t.Fatal(err)
		}
		return rows(t, c)
	}
	want := make([][][]float32, m.Len())
	var c Clip
	for i := range m.Len() {
		want[i] = load(&c, i, s)
	}
	same := func(a, b [][]float32) bool { return slices.EqualFunc(a, b, slices.Equal[[]float32]) }
	for i := m.Len() - 1; i >= 0; i-- {
		if !same(load(&c, i, s), want[i]) {
			t.Errorf("clip %d differs backward", i)
		}
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var c Clip
			for k := range m.Len() {
				i := (k*5 + w) % m.Len()
				if !same(load(&c, i, s), want[i]) {
					t.Errorf("clip %d differs in goroutine %d", i, w)
				}
			}
		})
	}
	wg.Wait()
	next, other := s, s
	next.Epoch++
	other.Seed++
	changed := 0
	for i := range m.Len() {
		if !same(load(&c, i, next), want[i]) && !same(load(&c, i, other), want[i]) {
			changed++
		}
	}
	if changed < m.Len()-1 {
		t.Errorf("another epoch and seed change only %d of %d clips", changed, m.Len())
	}
	eval := s
	eval.Train = false
	if !same(load(&c, 4, eval), load(&c, 4, Sample{Steps: 5, Seed: 99, Epoch: 4})) {
		t.Error("evaluation depends on seed, epoch or augmentation")
	}
}

func TestLoadAllocatesNothing(t *testing.T) {
	for _, kind := range []string{RGB, Diff, GreyDiff} {
		m, _ := NewMade(MadeOptions{Input: Input{Kind: kind, Height: 30, Width: 40}, Train: 1})
		var c Clip
		s := Sample{Steps: 6, Train: true, Augment: Augment{ShiftX: 4, ShiftY: 4, Flip: true}}
		if err := m.Clip(&c, 0, s); err != nil {
			t.Fatal(err)
		}
		row := make([]float32, c.Width())
		if n := testing.AllocsPerRun(20, func() { c.Load(row, 3) }); n != 0 {
			t.Errorf("%s: Load allocates %v times", kind, n)
		}
		if n := testing.AllocsPerRun(20, func() {
			if err := c.setFrames("x", 0, m.Input(), m.Pixels(0), nil, s); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: preparing a clip again allocates %v times", kind, n)
		}
	}
}

func TestCheckSteps(t *testing.T) {
	d := &list{ids: []string{"a/1", "a/2", "b/3"}, frames: []int{20, 9, 12}, width: 1}
	if err := CheckSteps(d, nil, Sample{Steps: 9}); err != nil {
		t.Error(err)
	}
	if err := CheckSteps(d, []int{0, 2}, Sample{Steps: 12}); err != nil {
		t.Error(err)
	}
	if err := CheckSteps(d, nil, Sample{Steps: 30, Short: ShortRepeat}); err != nil {
		t.Error(err)
	}
	err := CheckSteps(d, nil, Sample{Steps: 10})
	if !errors.Is(err, ErrShort) || err.Error() != "clip a/2 has 9 frames, fewer than --steps 10: use --steps 9 or fewer, or --short repeat to repeat frames" {
		t.Error(err)
	}
	err = CheckSteps(d, nil, Sample{Steps: 13})
	if !errors.Is(err, ErrShort) || !strings.HasPrefix(err.Error(), "2 clips are too short; the shortest: clip a/2 has 9") {
		t.Error(err)
	}
	var c Clip
	if err := d.Clip(&c, 1, Sample{Steps: 10}); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	if err := d.Clip(&c, 1, Sample{Steps: 10, Short: ShortRepeat}); err != nil || c.Len() != 10 {
		t.Error(err, c.Len())
	}
}

func TestSampleErrors(t *testing.T) {
	var b strings.Builder
	for _, s := range []Sample{
		{Steps: -1}, {Short: "drop"}, {Augment: Augment{ShiftX: -1}}, {Augment: Augment{Brightness: 1}}, {Augment: Augment{Brightness: float32(math.NaN())}},
		{Augment: Augment{Turn: -1}}, {Augment: Augment{Turn: 181}}, {Augment: Augment{Turn: math.NaN()}}, {Augment: Augment{Stretch: -0.1}}, {Augment: Augment{Stretch: 1.5}},
	} {
		fmt.Fprintln(&b, s.Validate())
	}
	for _, in := range []Input{
		{}, {Kind: "flow", Height: 2, Width: 2}, {Kind: RGB}, {Kind: RGB, Height: 16000, Width: 16000},
		{Kind: Diff, Height: 2, Width: 2, Lag: lags.List{-1}}, {Kind: Diff, Height: 2, Width: 2, Lag: lags.List{1001}}, {Kind: Diff, Height: 2000, Width: 2000, Lag: lags.List{300}},
		{Kind: Diff, Height: 2, Width: 2, Lag: lags.List{3, 3}}, {Kind: Diff, Height: 2000, Width: 2000, Lag: lags.List{1, 300}}, {Kind: Diff, Height: 2, Width: 2, Gain: -1},
	} {
		fmt.Fprintln(&b, in.Validate())
	}
	golden(t, "testdata/settings.golden", b.String())
}

func TestStats(t *testing.T) {
	d := &list{ids: []string{"a/1", "a/2", "b/3"}, frames: []int{20, 9, 12}, width: 3}
	mean, std, err := Stats(t.Context(), d, []int{0, 2}, Sample{}, true)
	if err != nil {
		t.Fatal(err)
	}
	for f := range 3 {
		var sum, square, n float64
		for _, i := range []int{0, 2} {
			for k := range d.frames[i] {
				v := float64(1000*i + 3*k + f)
				sum, square, n = sum+v, square+v*v, n+1
			}
		}
		m := sum / n
		dev := math.Sqrt(square/n - m*m)
		if math.Abs(float64(mean[f])-m) > 1e-3 || math.Abs(float64(std[f])-dev) > 1e-3 {
			t.Errorf("feature %d: %v %v, want %v %v", f, mean[f], std[f], m, dev)
		}
	}
	if mean, std, err = Stats(t.Context(), d, []int{1}, Sample{Steps: 3, Train: true, Seed: 5}, false); err != nil || len(mean) != 1 || len(std) != 1 {
		t.Fatal(mean, std, err)
	}
	if again, _, _ := Stats(t.Context(), d, []int{1}, Sample{Steps: 3, Seed: 9}, false); again[0] != mean[0] {
		t.Error("statistics depend on the seed")
	}
	if _, _, err := Stats(t.Context(), d, nil, Sample{}, false); err == nil {
		t.Error("statistics of nothing")
	}
}

// TestMomentsAreSafe: constants, tiny spreads on large means.
func TestMomentsAreSafe(t *testing.T) {
	var m moments
	m.init(3)
	for i := range 1000 {
		m.add([]float32{5, 0, 30000 + float32(i%2)})
	}
	mean, std := m.result()
	if mean[0] != 5 || std[0] != 1 || mean[1] != 0 || std[1] != 1 {
		t.Errorf("constants: %v %v", mean, std)
	}
	if mean[2] != 30000.5 || std[2] != 0.5 {
		t.Errorf("30000 or 30001: %v %v", mean[2], std[2])
	}
}
