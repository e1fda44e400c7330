// Command edge runs one model on all small targets, over the same test clips, and prints a row of a table for each: bytes, milliseconds a frame, memory, accuracy.
//
//	go run ./bench/edge --model runs/s1 --data PATH/utd-mhad/depth --node FOLDER_OF_NODE_MODULES
//
// The model is of video frames with differences or without. Every target is given the bytes of the frames that a clip's steps take, 160x120 pixels or what the model
// says, one at a time, and a clock stands around what it does with one. Beside it runs a dense network of the same shape, with random weights, over a few clips.
// It needs what the targets need: gcc, node with onnxruntime-node, chromium, arm-none-eabi-gcc and qemu-system-arm.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// options are the flags.
type options struct {
	model, data, cache, node string
	groups                   []string
	board, dense             int // clips
	only                     string
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == childArg {
		exit(child(os.Args[2], os.Args[3]))
	}
	var o options
	flag.StringVar(&o.model, "model", "", "folder of a run, or model file")
	flag.StringVar(&o.data, "data", "", "data set")
	flag.StringVar(&o.cache, "cache", "", "where decoded frames are kept; empty: where fdht keeps them")
	flag.StringVar(&o.node, "node", "bench/peers/_work", "folder with onnxruntime-node")
	groups := flag.String("test-groups", "2,4,6,8", "groups of the test clips")
	flag.IntVar(&o.board, "board-clips", 27, "clips for the emulated board, which is slow, evenly through the test clips; 0: all")
	flag.IntVar(&o.dense, "dense-clips", 4, "clips for the dense network; 0: all")
	choices := flag.Bool("choices", false, "instead: what weights and activations in integers cost, each for itself")
	flag.StringVar(&o.only, "only", "", "targets whose name contains this")
	flag.Parse()
	o.groups = strings.Split(*groups, ",")
	if *choices {
		exit(compareChoices(context.Background(), o))
	}
	exit(run(context.Background(), o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// made is what there is to run.
type made struct {
	dir   string
	files map[string]string // model files: float, int16, int8
	f     *model.File
	clips *clips
	want  map[string][]float32 // logits of fdht by model file, which others are compared with
}

// load reads the model.
func (o options) load() (*model.File, error) {
	path := o.model
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, train.ModelFile)
	}
	return model.Load(path)
}

func run(ctx context.Context, o options) error {
	f, err := o.load()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "edge-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := openParts(ctx, f.Config, o)
	if err != nil {
		return err
	}
	training, err := p.training()
	if err != nil {
		return err
	}
	test, err := p.test(ctx, o)
	if err != nil {
		return err
	}
	ht := &made{dir: filepath.Join(dir, "model"), f: f, clips: test}
	if err := ht.make(training, 8, 16); err != nil {
		return err
	}
	fmt.Printf("%d test clips of %d classes, %d frames each\n\n", len(test.labels), len(f.Config.Classes), test.steps)
	fmt.Println("| target | model, bytes | ms a frame | memory, bytes | top-1 | logits |\n| --- | --- | --- | --- | --- | --- |")
	errs := []error{ht.measure(o, "")}
	dense, err := denseOf(f)
	if err != nil {
		return err
	}
	d := &made{dir: filepath.Join(dir, "dense"), f: dense, clips: test.some(o.dense)}
	if err := d.make(training[:1], 8); err != nil {
		return err
	}
	return errors.Join(append(errs, d.measure(o, "dense, "))...)
}

// denseOf is a network of the shape of f that is dense, its weights random.
func denseOf(f *model.File) (*model.File, error) {
	c := f.Config
	rows := f.Net.Config().Gates() * c.Hidden
	c.Structure, c.Upper, c.Recurrent = factor.DenseSpec(rows, c.Input+c.Hidden), nil, nil
	if c.Layers > 1 {
		u := factor.DenseSpec(rows, 2*c.Hidden)
		c.Upper = &u
	}
	return model.New(c, 1)
}

// make writes the model files and the clips.
func (m *made) make(training []rnn.Sequence, bits ...int) error {
	if err := os.Mkdir(m.dir, 0o777); err != nil {
		return err
	}
	m.files, m.want = map[string]string{"float": filepath.Join(m.dir, "float.safetensors")}, map[string][]float32{}
	if err := m.f.Save(m.files["float"]); err != nil {
		return err
	}
	for _, b := range bits {
		q, err := quant.Quantise(m.f, training, quant.Options{Bits: b, Memory: 64 << 10})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("int%d", b)
		m.files[name] = filepath.Join(m.dir, name+".safetensors")
		if err := q.Save(m.files[name]); err != nil {
			return err
		}
	}
	return m.clips.write(m.clipFile())
}

func (m *made) clipFile() string { return filepath.Join(m.dir, "clips.bin") }

// result is what a target made of clips.
type result struct {
	logits []float32 // [clips][classes]
	ms     float64
	bytes  int
	memory string
	note   string
}

// measure runs the targets, first fdht itself, which others are compared with.
func (m *made) measure(o options, prefix string) error {
	var errs []error
	target := func(name string, run func() (result, error)) {
		r, err := run()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%s: %w", prefix, name, err))
			return
		}
		fmt.Printf("| %s%s | %d | %s | %s | %s | %s |\n", prefix, name, r.bytes, milliseconds(r.ms), r.memory, m.accuracy(r.logits, prefix), r.note)
	}
	chosen := func(name string, run func() (result, error)) {
		if strings.Contains(prefix+name, o.only) {
			target(name, run)
		}
	}
	numbers := slices.DeleteFunc([]string{"float", "int16", "int8"}, func(n string) bool { return m.files[n] == "" })
	for _, n := range numbers {
		target("fdht, "+n, func() (result, error) { return m.ours(n, m.files[n]) })
	}
	chosen("ONNX Runtime", func() (result, error) { return m.onnx(o.node) })
	for _, n := range numbers {
		chosen("C, "+n, func() (result, error) { return m.inC(n, m.files[n]) })
	}
	if prefix == "" { // a dense network has no room there
		for _, n := range numbers {
			chosen("Cortex-M4, "+n, func() (result, error) { return m.board(n, m.files[n], o.board) })
		}
	}
	chosen("browser", m.browser)
	return errors.Join(errs...)
}

func milliseconds(ms float64) string {
	if ms == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", ms)
}

// accuracy is the share of clips whose largest logit is that of their label.
func (m *made) accuracy(logits []float32, prefix string) string {
	C := len(m.f.Config.Classes)
	n := len(logits) / C
	if prefix != "" {
		return "not trained"
	}
	right := 0
	each := len(m.clips.labels) / n // a target may have run over every so many clips only
	for i := range n {
		l := logits[i*C : (i+1)*C]
		if slices.Index(l, slices.Max(l)) == m.clips.labels[i*each] {
			right++
		}
	}
	of := ""
	if n < len(m.clips.labels) {
		of = fmt.Sprintf(" of %d clips", n)
	}
	return fmt.Sprintf("%.1f %%%s", 100*float64(right)/float64(n), of)
}

// beside says how far logits are from those that fdht gives; a target's may be those of every so many clips.
func (m *made) beside(logits []float32, numbers string) string {
	C := len(m.f.Config.Classes)
	want := m.want[numbers]
	each := len(want) / len(logits)
	most, same := 0.0, true
	for i, v := range logits {
		w := want[i/C*each*C+i%C]
		most, same = max(most, math.Abs(float64(v-w))), same && v == w
	}
	if same {
		return "fdht's, bit for bit"
	}
	return fmt.Sprintf("fdht's within %.1g", most)
}
