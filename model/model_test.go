package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model/safetensors"
)

// example is the configuration in docs/file-format.md.
const example = `{"cell":"lstm","input":100,"hidden":12,"layers":1,` +
	`"structure":{"kind":"ht","scope":"full","in":[3,4,2,5],"out":[2,3,4,2],"tree":[[0,1],[2,3]],` +
	`"ranks":{"0":3,"0-2":2,"1":3,"2":3,"2-4":2,"3":3}},` +
	`"classes":["walk","jog"],"pooling":"last",` +
	`"frame":{"height":10,"width":10,"channels":1,"input":"grey"},"steps":16,` +
	`"standardise":{"mean":[0.25],"std":[0.5]}}`

// structureRest is what follows the kind in the example's structure, structureStart its part before tree and ranks.
const (
	structureStart = `,"scope":"full","in":[3,4,2,5],"out":[2,3,4,2],`
	structureRest  = structureStart + `"tree":[[0,1],[2,3]],"ranks":{"0":3,"0-2":2,"1":3,"2":3,"2-4":2,"3":3}`
)

func exampleConfig(t testing.TB) Config {
	t.Helper()
	c, err := ParseConfig([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newModel(t testing.TB, c Config, seed uint64) *File {
	t.Helper()
	f, err := New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestConfigRoundTrip(t *testing.T) {
	c := exampleConfig(t)
	// 3*4*2*5 = 120 columns for 100 + 12, 48 rows for 4*12.
	c.Structure.In = []int{3, 4, 2, 5}
	text, err := c.text()
	if err != nil {
		t.Fatal(err)
	}
	if text != example {
		t.Errorf("got  %s\nwant %s", text, example)
	}
	upper := factor.HTSpec([]int{2, 3, 4}, []int{4, 4, 3}, 2, 2)
	c.Upper, c.Layers = &upper, 2
	c.Frame = &Frame{Height: 10, Width: 5, Channels: 2, Input: "grey+diff", Lag: lags.List{3}, Gain: 4}
	if text, err = c.text(); err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if back, _ := again.text(); back != text || !strings.Contains(text, `"lag":3,`) {
		t.Errorf("got  %s\nwant %s", back, text)
	}
	c.Frame.Input, c.Frame.Lag = "diff", lags.List{3, 8}
	if text, err = c.text(); err != nil || !strings.Contains(text, `"lag":[3,8],"gain":4`) {
		t.Errorf("two lags are written %s, %v", text, err)
	}
	if again, err = ParseConfig([]byte(text)); err != nil || again.Frame.Lag != c.Frame.Lag {
		t.Errorf("two lags are read %v, %v", again.Frame, err)
	}
	if again, err = ParseConfig([]byte(strings.Replace(text, "[3,8]", "[3]", 1))); err != nil || again.Frame.Lag != (lags.List{3}) {
		t.Errorf("a list of one is read %v, %v", again.Frame, err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", `"hidden"`, `"hiden":1,"hidden"`, `unknown key "hiden"`},
		{"other case", `"hidden"`, `"Hidden"`, `unknown key "Hidden"`},
		{"unknown nested key", `"kind"`, `"rank":3,"kind"`, `unknown key "structure.rank"`},
		{"unknown frame key", `"height"`, `"depth":3,"height"`, `unknown key "frame.depth"`},
		{"key twice", `"hidden":12`, `"hidden":12,"hidden":13`, `key "hidden" is there twice`},
		{"rank twice", `"0-2":2`, `"0-2":2,"0-2":3`, `key "structure.ranks.0-2" is there twice`},
		{"null", `"input":100`, `"input":null`, `key "input" is null: leave it out`},
		{"wrong type", `"hidden":12`, `"hidden":"12"`, `key "hidden" should hold a whole number, not string`},
		{"fraction", `"hidden":12`, `"hidden":12.5`, `key "hidden" should hold a whole number, not number 12.5`},
		{"object for number", `"hidden":12`, `"hidden":{"a":1}`, `key "hidden" should hold a whole number, not object`},
		{"no cell", `"cell":"lstm",`, ``, `cell is missing: give the cell's kind, such as lstm`},
		{"no input", `"input":100,`, ``, `input is 0: it goes from 1 to 2147483647`},
		{"hidden", `"hidden":12`, `"hidden":-1`, `hidden is -1: it goes from 1 to 2147483647`},
		{"layers", `"layers":1`, `"layers":65`, `layers is 65: it goes from 1 to 64`},
		{"rank too large", `"0":3`, `"0":7`, `structure: rank 7 at node 0: the least is 1, the largest allowed here is 6`},
		{"rank for the root", `"0":3`, `"0-4":1,"0":3`, `structure: rank for node 0-4, which tree [[0,1],[2,3]] does not have below its root`},
		{"list for nodes", `{"0":3,"0-2":2,"1":3,"2":3,"2-4":2,"3":3}`, `[1,3,3,3,1]`, `[1,3,3,3,1] stands where an object should`},
		{"nodes for tt", `"kind":"ht"`, `"kind":"tt"`, `kind tt takes a list of ranks r_0..r_d`},
		{"nodes for bt", `"kind":"ht"`, `"kind":"bt"`, `unknown key: kind bt takes blocks and rank`},
		{"tt with a tree", `"kind":"ht"` + structureRest, `"kind":"tt"` + structureStart + `"tree":[[0,1],[2,3]],"ranks":[1,2,2,2,1]`, `structure: kind tt with tree [[0,1],[2,3]]: tt takes a list of ranks r_0..r_d`},
		{"bonds", `"kind":"ht"` + structureRest, `"kind":"tt"` + structureStart + `"ranks":[1,7,2,2,1]`, `structure: rank 7 at bond 1 of [1 7 2 2 1]: the largest allowed here is 6`},
		{"ring", `"kind":"ht"` + structureRest, `"kind":"tr"` + structureStart + `"ranks":[1,2,2,2,2]`, `structure: ranks [1 2 2 2 2]: r_0 is 1 and r_4 is 2, a ring joins its ends: make them equal`},
		{"no blocks", `"kind":"ht"` + structureRest, `"kind":"bt"` + structureStart + `"ranks":{"rank":2}`, `structure: 0 blocks: the least is 1, the most 256`},
		{"blocks null", `"kind":"ht"` + structureRest, `"kind":"bt"` + structureStart + `"ranks":{"blocks":null,"rank":2}`, `key "structure.ranks.blocks" is null: leave it out`},
		{"blocks twice", `"kind":"ht"` + structureRest, `"kind":"bt"` + structureStart + `"ranks":{"blocks":1,"blocks":1,"rank":2}`, `key "structure.ranks.blocks" is there twice`},
		{"block key", `"kind":"ht"` + structureRest, `"kind":"bt"` + structureStart + `"ranks":{"blocks":1,"ranks":2}`, `ranks: unknown key: kind bt takes blocks and rank`},
		{"rank of a block", `"kind":"ht"` + structureRest, `"kind":"bt"` + structureStart + `"ranks":{"blocks":1,"rank":7}`, `structure: block rank 7 at mode 0 of [2 3 4 2] x [3 4 2 5]: the least is 1, the largest allowed here is 6`},
		{"fraction in a list", `"in":[3,4,2,5]`, `"in":[3,4,2.5,5]`, `structure: in: should hold a whole number, not number 2.5`},
		{"fraction in ranks", `"0":3`, `"0":3.5`, `structure: ranks: 0: should hold a whole number, not number 3.5`},
		{"scope", `"scope":"full"`, `"scope":"half"`, `structure: unknown scope "half": choose full, partial or split`},
		{"recurrent", `"classes"`, `"recurrent":{"kind":"ht"},"classes"`, `recurrent: unknown scope "": choose full, partial or split`},
		{"recurrent key", `"classes"`, `"recurrent":{"kid":"ht"},"classes"`, `unknown key "recurrent.kid"`},
		{"bidirectional", `"input":100`, `"bidirectional":1,"input":100`, `key "bidirectional" should hold true or false, not number`},
		{"node", `"0":3`, `"0-0":3`, `"0-0" is no tree node`},
		{"no classes", `["walk","jog"]`, `[]`, `classes is empty: give one label for each class`},
		{"class twice", `["walk","jog"]`, `["jog","jog"]`, `classes: label "jog" is there twice`},
		{"empty class", `["walk","jog"]`, `["walk",""]`, `classes: label 1 is empty`},
		{"pooling", `"last"`, `"max"`, `pooling is "max": choose last or mean`},
		{"frame size", `"height":10`, `"height":11`, `frame is 10x11 with 1 channels, which makes 110 numbers, but input is 100`},
		{"frame zero", `"height":10`, `"height":0`, `frame is 10x0 with 1 channels: each is at least 1`},
		{"frame input", `,"input":"grey"`, ``, `frame.input is missing: say what is taken of the frames, such as rgb or grey`},
		{"lag", `"input":"grey"`, `"input":"diff","lag":-1`, `frame.lag is -1: it is at least 0`},
		{"lag that is no number", `"input":"grey"`, `"input":"diff","lag":"3"`, `frame.lag: "3": want a whole number, or a list of them`},
		{"no lags", `"input":"grey"`, `"input":"diff","lag":[]`, `frame.lag: a list of 0 lags: want 1 to 8`},
		{"too many lags", `"input":"grey"`, `"input":"diff","lag":[1,2,3,4,5,6,7,8,9]`, `frame.lag: a list of 9 lags: want 1 to 8`},
		{"a lag twice", `"input":"grey"`, `"input":"diff","lag":[3,3]`, `frame.lag: lag 3,3: want different numbers that rise`},
		{"lags that fall", `"input":"grey"`, `"input":"diff","lag":[8,3]`, `frame.lag: lag 8,3: want different numbers that rise`},
		{"a lag of 0", `"input":"grey"`, `"input":"diff","lag":[0,3]`, `frame.lag: lag 0: want 1 to 1000 source frames`},
		{"a lag too large", `"input":"grey"`, `"input":"diff","lag":[3,1001]`, `frame.lag: lag 1001: want 1 to 1000 source frames`},
		{"steps", `"steps":16`, `"steps":-1`, `steps is -1: it goes from 0, sequences whole, to 2147483647`},
		{"mean count", `[0.25]`, `[0.25,1]`, `standardise.mean has 2 entries: give 1, or 100, one a feature`},
		{"std zero", `[0.5]`, `[0]`, `standardise.std entry 0 is 0: it must be above 0 and its inverse a float32`},
		{"std tiny", `[0.5]`, `[1e-300]`, `standardise.std entry 0 is 1e-300: it must be above 0 and its inverse a float32`},
		{"huge number", `[0.25]`, `[1e999]`, `key "standardise.mean" should hold a number, not number 1e999`},
		{"text after", `}}`, `}} x`, `not valid JSON`},
		{"cut", `}}`, `}`, `not valid JSON: unexpected EOF`},
		{"deep", `"tree":[[0,1],[2,3]]`, `"tree":` + strings.Repeat("[", 1000), `key "structure.tree" nests more than 64 deep`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(example, c.old, c.new, 1)
			if c.old == "}}" {
				i := strings.LastIndex(example, c.old)
				text = example[:i] + c.new
			}
			if text == example {
				t.Fatal("nothing was replaced")
			}
			_, err := ParseConfig([]byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	for _, text := range []string{"", "null", "1", `"x"`, "[]", "{}", "\xff", strings.Repeat(" ", maxConfig+1)} {
		if _, err := ParseConfig([]byte(text)); err == nil {
			t.Errorf("accepted %.20q", text)
		}
	}
}

func TestSaveLoad(t *testing.T) {
	dir := t.TempDir()
	f := newModel(t, exampleConfig(t), 3)
	a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	if err := f.Save(a); err != nil {
		t.Fatal(err)
	}
	g, err := Load(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Save(b); err != nil {
		t.Fatal(err)
	}
	x, y := read(t, a), read(t, b)
	if !bytes.Equal(x, y) {
		t.Error("a loaded model is saved as other bytes")
	}
	for i, p := range f.Net.Params() {
		if q := g.Net.Params()[i]; q.Name != p.Name || !slices.Equal(p.Data, q.Data) {
			t.Errorf("%s changed", p.Name)
		}
	}
	st, err := safetensors.Decode(x)
	if err != nil {
		t.Fatal(err)
	}
	if st.Metadata["fdht.format"] != "1" || st.Metadata["fdht.config"] != example || st.Metadata["fdht.conventions"] != f.Config.conventions() {
		t.Errorf("metadata %q", st.Metadata)
	}
	var names []string
	for _, t := range st.Tensors {
		names = append(names, t.Name+shapeText(t.Shape))
	}
	want := "cell.0.leaf.0[2,3,3] cell.0.leaf.1[3,4,3] cell.0.leaf.2[4,2,3] cell.0.leaf.3[2,5,3] " +
		"cell.0.transfer.0-2[3,3,2] cell.0.transfer.2-4[3,3,2] cell.0.transfer.0-4[2,2,1] cell.0.bias[48] head.weight[2,12] head.bias[2]"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Files that the first version wrote are read, and written as the same bytes.
func TestFirstFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/first-*.safetensors")
	if err != nil || len(paths) != 2 {
		t.Fatalf("%d files of the first version in testdata, want 2: %v", len(paths), err)
	}
	for _, path := range paths {
		f, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), read(t, path)) {
			t.Errorf("%s is written as other bytes", path)
		}
	}
}

// sorts are configurations of every kind, cell and scope.
func sorts(t testing.TB) map[string]Config {
	base := exampleConfig(t)
	base.Hidden, base.Frame, base.Steps = 6, nil, 0
	in, hidden := []int{5, 3, 8}, []int{2, 2, 3} // 100 + 6 columns and more, 6 or 2 x 6
	out := map[string][]int{"lstm": {2, 4, 3}, "gru": {3, 3, 2}, "rnn": {1, 3, 2}}
	structures := map[factor.Kind]func(in, out []int) factor.Spec{
		factor.Dense: func(in, out []int) factor.Spec { return factor.DenseSpec(productOf(out), productOf(in)) },
		factor.HT:    func(in, out []int) factor.Spec { return factor.HTSpec(in, out, 2, 3) },
		factor.TT:    func(in, out []int) factor.Spec { return factor.TTSpec(in, out, 2) },
		factor.TR:    func(in, out []int) factor.Spec { return factor.TRSpec(in, out, 2) },
		factor.BT:    func(in, out []int) factor.Spec { return factor.BTSpec(in, out, 2, 2) },
	}
	all := map[string]Config{}
	for _, kind := range factor.Kinds {
		for i, scope := range []factor.Scope{factor.Full, factor.Partial, factor.Split} {
			for j, cell := range []string{"lstm", "gru", "rnn"} {
				c, make := base, structures[kind]
				c.Cell, c.Bidirectional, c.Layers = cell, i != j, 1+(i+j)%2
				if c.Layers == 2 {
					c.Pooling = "mean"
				}
				c.Structure = make(in, out[cell]).WithScope(scope)
				if c.Layers == 2 {
					upper := make([]int{3, 3, 2}, out[cell]).WithScope(scope)
					c.Upper = &upper
				}
				if scope == factor.Split {
					recurrent := make(hidden, out[cell])
					c.Recurrent = &recurrent
				}
				all[fmt.Sprintf("%s %s %s", kind, scope, cell)] = c
			}
		}
	}
	return all
}

func productOf(v []int) int {
	p := 1
	for _, n := range v {
		p *= n
	}
	return p
}

// Every sort is written, read and written again as the same bytes, and says in its conventions what is in it.
func TestSorts(t *testing.T) {
	for name, c := range sorts(t) {
		f := newModel(t, c, 2)
		var a, b bytes.Buffer
		if err := f.Encode(&a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g, err := Decode(a.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := g.Encode(&b); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: written as other bytes: %v", name, err)
		}
		text := c.conventions()
		for part, there := range map[string]bool{
			"gate blocks in the order i, f, g, o": c.Cell == "lstm",
			"gate blocks in the order r, z, n":    c.Cell == "gru",
			"h_t = tanh(y)":                       c.Cell == "rnn",
			"v = [x_t ; h_(t-1) ; 0 ...]":         c.Structure.Scope == factor.Full,
			"Scope partial: ":                     c.Structure.Scope == factor.Partial,
			"Scope split: ":                       c.Structure.Scope == factor.Split,
			"cell.l.reverse":                      c.Bidirectional,
			"transfer.lo-hi":                      c.Structure.Kind == factor.HT || c.Structure.Kind == factor.Dense,
			"tt: core.k":                          c.Structure.Kind == factor.TT,
			"tr: core.k":                          c.Structure.Kind == factor.TR,
			"block.p.core":                        c.Structure.Kind == factor.BT,
		} {
			if strings.Contains(text, part) != there {
				t.Errorf("%s: %q in the conventions: %v\n%s", name, part, !there, text)
			}
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encode writes f after edit has changed its metadata and tensors.
func encode(t *testing.T, f *File, edit func(meta map[string]string, ts []safetensors.Tensor) []safetensors.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	st, err := safetensors.Decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := safetensors.Encode(&out, st.Metadata, edit(st.Metadata, st.Tensors)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestLoadRefuses(t *testing.T) {
	type tensors = []safetensors.Tensor
	config := func(old, new string) func(map[string]string, tensors) tensors {
		return func(m map[string]string, ts tensors) tensors {
			m["fdht.config"] = strings.Replace(m["fdht.config"], old, new, 1)
			return ts
		}
	}
	nan := []byte{0, 0, 0xc0, 0x7f}
	for _, c := range []struct {
		name string
		edit func(m map[string]string, ts tensors) tensors
		want string
	}{
		{"no format", func(m map[string]string, ts tensors) tensors { delete(m, "fdht.format"); return ts },
			"not an fdht model: its metadata has no fdht.format"},
		{"other format", func(m map[string]string, ts tensors) tensors { m["fdht.format"] = "2"; return ts },
			`model file of format "2": this program reads format "1"`},
		{"no config", func(m map[string]string, ts tensors) tensors { delete(m, "fdht.config"); return ts },
			"fdht.config: not valid JSON: unexpected EOF"},
		{"unknown key", config(`"steps"`, `"stepps":1,"steps"`), `fdht.config: unknown key "stepps"`},
		{"ranks", config(`"1":3`, `"1":4`),
			"tensors and config disagree: tensor cell.0.leaf.1 has shape [3,4,3], the config wants [3,4,4]; tensor cell.0.transfer.0-2 has shape [3,3,2], the config wants [3,4,2]"},
		{"classes", config(`"jog"`, `"jog","sit"`),
			"tensors and config disagree: tensor head.weight has shape [2,12], the config wants [3,12]; tensor head.bias has shape [2], the config wants [3]"},
		{"hidden", config(`"hidden":12`, `"hidden":13`), "fdht.config: cell 0: output modes [2 3 4 2] multiply to 48, an LSTM of 13 hidden units needs 4 x 13 = 52"},
		{"missing and surplus", func(m map[string]string, ts tensors) tensors { ts[1].Name = "cell.0.blatt.1"; return ts },
			"tensors and config disagree: tensor cell.0.leaf.1 of shape [3,4,3] is missing; tensor cell.0.blatt.1 of shape [3,4,3] is not one of the config's"},
		{"all missing", func(m map[string]string, ts tensors) tensors { return nil }, "and 4 more"},
		{"type", func(m map[string]string, ts tensors) tensors {
			ts[0].DType, ts[0].Data = safetensors.F16, ts[0].Data[:36]
			return ts
		}, "tensors and config disagree: tensor cell.0.leaf.0 is F16, the config wants F32"},
		{"NaN", func(m map[string]string, ts tensors) tensors { copy(ts[7].Data[4:], nan); return ts },
			"tensor cell.0.bias holds NaN at place 1: the file is damaged, or its training diverged"},
		{"huge", config(`"hidden":12,"layers":1,"structure":{"kind":"ht","scope":"full","in":[3,4,2,5],"out":[2,3,4,2],"tree":[[0,1],[2,3]],"ranks":{"0":3,"0-2":2,"1":3,"2":3,"2-4":2,"3":3}`,
			`"hidden":500000,"layers":1,"structure":{"kind":"ht","scope":"full","in":[2000,1000],"out":[2000,1000],"ranks":{"0":1000,"1":1000}`),
			"tensors and config disagree: the tensors hold 222 numbers, the config wants 5004000002"},
	} {
		t.Run(c.name, func(t *testing.T) {
			buf := encode(t, newModel(t, exampleConfig(t), 1), c.edit)
			_, err := Decode(buf)
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != c.want && !(c.name == "all missing" && strings.HasSuffix(got, c.want)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := newModel(t, exampleConfig(t), 1).Save(path); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	for _, n := range []int{0, 7, 8, 100, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil {
			t.Fatalf("a file cut to %d bytes was read", n)
		}
		header := int(binary.LittleEndian.Uint64(whole))
		want := fmt.Sprintf("%s: file is cut short: it has %d bytes, and its header wants %d", path, n, len(whole))
		switch {
		case n < 8:
			want = fmt.Sprintf("%s: not a safetensors file: it has %d bytes", path, n)
		case n < 8+header:
			want = fmt.Sprintf("%s: file is cut short: it has %d bytes, and its header alone wants %d", path, n, 8+header)
		}
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestSaveRefusesNaN(t *testing.T) {
	f := newModel(t, exampleConfig(t), 1)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	f.Net.Params()[0].Data[2] /= 0
	f.Net.Params()[0].Data[2] *= 0
	if err := f.Save(path); err == nil || !strings.Contains(err.Error(), "weight 2 of cell.0.leaf.0 is NaN") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

// FuzzConfig: no text panics; what is accepted is written and read again as the same text.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(example))
	if seeds, err := filepath.Glob("testdata/fuzz/FuzzConfig/*"); err != nil || len(seeds) == 0 {
		f.Fatal("the committed seeds in testdata/fuzz/FuzzConfig are gone")
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Config
		var err error
		testutil.Bounded(t, 500*len(text)+1<<20, func() { c, err = ParseConfig(text) })
		if err != nil {
			return
		}
		a, err := c.text()
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		d, err := ParseConfig([]byte(a))
		if err != nil {
			t.Fatalf("written but not read: %v\n%s", err, a)
		}
		if b, _ := d.text(); a != b {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

// FuzzModel: no file panics or takes much more memory than it has bytes.
func FuzzModel(f *testing.F) {
	var b bytes.Buffer
	if err := newModel(f, exampleConfig(f), 1).Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	if seeds, err := filepath.Glob("testdata/fuzz/FuzzModel/*"); err != nil || len(seeds) == 0 {
		f.Fatal("the committed seeds in testdata/fuzz/FuzzModel are gone")
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		var m *File
		var err error
		testutil.Bounded(t, 500*len(buf)+32<<20, func() { m, err = Decode(buf) })
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := m.Encode(&out); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
	})
}
