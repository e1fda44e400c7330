package onnx

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// feed is a tensor of a run.
type feed struct {
	Type string `json:"type"`
	Dims []int  `json:"dims"`
	File string `json:"file"`
}

// run is what testdata/run.cjs does with one file.
type run struct {
	File  string            `json:"file"`
	Feeds []map[string]feed `json:"feeds"`
	State []int             `json:"state,omitempty"`
}

// bench holds runs, and what they must give.
type bench struct {
	t     *testing.T
	dir   string
	runs  []run
	files int
	want  [][]float32
	label []string
}

func (b *bench) tensor(dims []int, data any) feed {
	kind := "float32"
	switch data.(type) {
	case []byte:
		kind = "uint8"
	case []int64:
		kind = "int64"
	}
	b.files++
	f := feed{kind, dims, fmt.Sprintf("%d.bin", b.files)}
	raw, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, f.File), raw, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return f
}

// add exports a model and notes the feeds and the logits that they must give, run by run.
func (b *bench) add(label string, f *model.File, o Options, want []float32, state []int, feeds ...map[string]feed) {
	b.t.Helper()
	name := fmt.Sprintf("%d.onnx", len(b.runs))
	if err := Save(filepath.Join(b.dir, name), f, o); err != nil {
		b.t.Fatalf("%s: %v", label, err)
	}
	b.runs = append(b.runs, run{name, feeds, state})
	b.want = append(b.want, want)
	b.label = append(b.label, label)
}

// check runs all in ONNX Runtime.
func (b *bench) check() {
	b.t.Helper()
	text, err := json.Marshal(b.runs)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "runs.json"), text, 0o644); err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command("node", "testdata/run.cjs", modules(b.t), b.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("node: %v: %s", err, out)
	}
	worst := 0.0
	for i, r := range b.runs {
		raw, err := os.ReadFile(filepath.Join(b.dir, r.File+".logits"))
		if err != nil {
			b.t.Fatal(err)
		}
		got := make([]float32, len(raw)/4)
		if _, err := binary.Decode(raw, binary.LittleEndian, got); err != nil {
			b.t.Fatal(err)
		}
		if len(got) != len(b.want[i]) {
			b.t.Errorf("%s: %d logits, want %d", b.label[i], len(got), len(b.want[i]))
			continue
		}
		off := 0.0
		for j, v := range got {
			d := math.Abs(float64(v) - float64(b.want[i][j]))
			if !(d <= off) {
				off = d
			}
		}
		if !(off <= 1e-5) {
			b.t.Errorf("%s: logits %g away from ours\ngot  %v\nwant %v", b.label[i], off, got, b.want[i])
		}
		worst = max(worst, off)
	}
	b.t.Logf("%d files in ONNX Runtime, the largest difference is %.2g", len(b.runs), worst)
}

// modules is the folder in which npm installed onnxruntime-node: FDHT_NODE, or that of the comparison with others.
func modules(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs node")
	}
	dir := os.Getenv("FDHT_NODE")
	if dir == "" {
		dir = filepath.Join("..", "..", "bench", "peers", "_work")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "onnxruntime-node")); err != nil {
		t.Skip("needs npm's onnxruntime-node, in the folder that FDHT_NODE names")
	}
	return dir
}

// rows is a sequence in memory.
type rows struct {
	data  []float32
	width int
}

func (r rows) Len() int                  { return len(r.data) / r.width }
func (r rows) Load(dst []float32, t int) { copy(dst, r.data[t*r.width:]) }

// engine is a model ready to run in our own engine.
type engine struct {
	f      *model.File
	runner *rnn.Runner
	scaler *model.Scaler
}

func newEngine(t *testing.T, f *model.File) engine {
	t.Helper()
	s, err := model.NewScaler(f.Config.Standardise, f.Config.Input)
	if err != nil {
		t.Fatal(err)
	}
	return engine{f, f.Net.NewRunner(1), s}
}

// logits are those of clips.
func (e engine) logits(clips ...rnn.Sequence) []float32 {
	var scaled []rnn.Sequence
	for _, c := range clips {
		scaled = append(scaled, &model.Scaled{Seq: c, By: e.scaler})
	}
	logits := make([]float32, len(clips)*len(e.f.Config.Classes))
	e.runner.Forward(logits, scaled)
	return logits
}

func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// TestRuntime compares every kind, scope and cell with ONNX Runtime, whole sequences of several sizes, ragged ones, and
// step by step.
func TestRuntime(t *testing.T) {
	modules(t)
	b := &bench{t: t, dir: t.TempDir()}
	all := configs()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		if testing.Short() && n%5 != 0 {
			continue
		}
		ours := newEngine(t, testmodels.Random(t, all[name], 5))
		b.whole(name, ours)
		if n%3 == 0 {
			b.ragged(name, ours)
		}
		if !all[name].Bidirectional {
			b.stream(name, ours)
		}
	}
	b.check()
}

// whole adds batches of equal lengths.
func (b *bench) whole(name string, ours engine) {
	b.t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	I := ours.f.Config.Input
	var feeds []map[string]feed
	var want []float32
	for _, size := range [][2]int{{1, 1}, {1, 7}, {3, 4}} {
		x := random(rng, size[0]*size[1]*I)
		var clips []rnn.Sequence
		for i := range size[0] {
			clips = append(clips, rows{x[i*size[1]*I : (i+1)*size[1]*I], I})
		}
		feeds = append(feeds, map[string]feed{"x": b.tensor([]int{size[0], size[1], I}, x)})
		want = append(want, ours.logits(clips...)...)
	}
	b.add(name, ours.f, Options{}, want, nil, feeds...)
}

// ragged adds a batch of several lengths, padded with what is no number.
func (b *bench) ragged(name string, ours engine) {
	b.t.Helper()
	rng := rand.New(rand.NewPCG(4, 4))
	I, T := ours.f.Config.Input, 5
	lengths := []int64{2, 5, 1, 4}
	x := random(rng, len(lengths)*T*I)
	var clips []rnn.Sequence
	for i, n := range lengths {
		clip := x[i*T*I : (i+1)*T*I]
		clips = append(clips, rows{slices.Clone(clip[:int(n)*I]), I})
		for j := int(n) * I; j < len(clip); j++ {
			clip[j] = float32(math.NaN())
		}
	}
	b.add(name+" ragged", ours.f, Options{Lengths: true}, ours.logits(clips...), nil, map[string]feed{
		"x": b.tensor([]int{len(lengths), T, I}, x), "lengths": b.tensor([]int{len(lengths)}, lengths)})
}

// stream adds two sequences step by step.
func (b *bench) stream(name string, ours engine) {
	b.t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	I, B := ours.f.Config.Input, 2
	var feeds []map[string]feed
	var want []float32
	sofar := make([][]float32, B)
	for range 4 {
		x := random(rng, B*I)
		feeds = append(feeds, map[string]feed{"x": b.tensor([]int{B, I}, x)})
		var clips []rnn.Sequence
		for i := range B {
			sofar[i] = append(sofar[i], x[i*I:(i+1)*I]...)
			clips = append(clips, rows{sofar[i], I})
		}
		want = append(want, ours.logits(clips...)...)
	}
	b.add(name+" stream", ours.f, Options{Stream: true}, want, []int{B, stateSize(ours.f.Net.Config())}, feeds...)
}
