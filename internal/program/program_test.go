package program_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
)

// TestTooLarge: what 32 bits cannot count is an error and not a program with wrapped numbers.
func TestTooLarge(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("needs 64-bit numbers")
	}
	var most int = math.MaxInt32
	for name, spoil := range map[string]func(p *program.Program){
		"a weight":         func(p *program.Program) { p.Layers[0].Input.Terms[0].Steps[0].At = most + 1 },
		"a block":          func(p *program.Program) { p.Layers[0].Recurrent.Box = most },
		"a step's result":  func(p *program.Program) { p.Layers[0].Input.Terms[0].Steps[0].YOuter = most + 1 },
		"the head":         func(p *program.Program) { p.Head = most + 1 },
		"a frame's stride": func(p *program.Program) { p.Layers[0].Input.Terms[0].Scatter[0].Stride = most + 1 },
	} {
		p, err := program.New(testmodels.Random(t, testmodels.Frames("grey"), 1), program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Encode(); err != nil {
			t.Fatal(err)
		}
		spoil(p)
		if _, _, err := p.Encode(); err == nil || !strings.Contains(err.Error(), "the model is too large: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWays: a program of the ways of another is the same; ways that are none are errors.
func TestWays(t *testing.T) {
	all := testmodels.All(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		p, err := program.New(f, program.Options{Elements: 1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, _, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var ways []program.Way
		for i := range p.Layers {
			ways = append(ways, p.Layers[i].Input.Way(), p.Layers[i].Recurrent.Way())
		}
		again, err := program.New(f, program.Options{Ways: ways})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, _, err := again.Encode(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: another program, %v", name, err)
		}
		if again.MAC() != p.MAC() {
			t.Errorf("%s: %g multiply-adds, %g before", name, again.MAC(), p.MAC())
		}
		for want, w := range map[string]program.Way{"cannot be cut": {Box: 1 << 20, Order: ways[0].Order}, "want each of": {Box: ways[0].Box, Order: []int{0, 0}}} {
			bad := slices.Clone(ways)
			bad[0] = w
			if _, err := program.New(f, program.Options{Ways: bad}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		if _, err := program.New(f, program.Options{Ways: ways[1:]}); err == nil {
			t.Errorf("%s: no error for a way too few", name)
		}
	}
}

// TestMemory: less memory is kept to where it can be, and costs no fewer multiply-adds.
func TestMemory(t *testing.T) {
	f := testmodels.Random(t, testmodels.Frames("rgb"), 1)
	last, data := math.Inf(1), 0
	for i, elements := range []int{1, 200, 400, 1000, 0} {
		p, err := program.New(f, program.Options{Elements: elements})
		if err != nil {
			t.Fatal(err)
		}
		_, lay, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if p.MAC() > last {
			t.Errorf("%d elements: %g multiply-adds, fewer with less memory", elements, p.MAC())
		}
		if lay.Data < data {
			t.Errorf("%d elements: %d places of data, more where less was asked for: %d", elements, lay.Data, data)
		}
		if states := f.Config.Hidden * f.Config.Layers; i > 1 && elements > 0 && lay.Data-states > elements {
			t.Errorf("%d elements: %d places of data beside the states", elements, lay.Data-states)
		}
		if elements == 0 && lay.Data < 2*least(t, f) {
			t.Errorf("as many elements as are fastest: %d places of data, hardly more than the least, %d", lay.Data, least(t, f))
		}
		last, data = p.MAC(), lay.Data
	}
}

// least is the data of a program that has to do with one element.
func least(t *testing.T, f *model.File) int {
	t.Helper()
	p, err := program.New(f, program.Options{Elements: program.Elements(1, 4)})
	if err != nil {
		t.Fatal(err)
	}
	_, lay, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return lay.Data
}

// TestNoFloat32: a mean that is a number only in 64 bits is an error and not an infinity in an engine.
func TestNoFloat32(t *testing.T) {
	c := testmodels.Frames("grey")
	c.Standardise.Mean = []float64{1e300}
	if _, err := program.New(testmodels.Random(t, c, 1), program.Options{}); err == nil || err.Error() != "standardise.mean entry 0 is 1e+300: an engine takes float32" {
		t.Error(err)
	}
}

// TestElements: few bytes are few elements, and never as many as are fastest.
func TestElements(t *testing.T) {
	for _, c := range []struct{ bytes, size, want int }{{0, 4, 0}, {1, 4, 1}, {3, 4, 1}, {4, 4, 1}, {7, 4, 1}, {8, 4, 2}, {1, 2, 1}, {64 << 10, 2, 32 << 10}} {
		if got := program.Elements(c.bytes, c.size); got != c.want {
			t.Errorf("%d bytes of %d: %d elements, want %d", c.bytes, c.size, got, c.want)
		}
	}
}

// TestDenseBox: columns without a large divisor go in few blocks, whose last one reads nothing beyond the weights.
func TestDenseBox(t *testing.T) {
	all := testmodels.All(t)
	for _, scope := range []string{"full", "partial"} {
		p, err := program.New(all["columns-"+scope], program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m := p.Layers[0].Input; m.Blocks != 2 || m.Box != 1027 {
			t.Errorf("%s: %d blocks of %d", scope, m.Blocks, m.Box)
		}
	}
	f := all["columns-partial"]
	c := f.Config
	c.Classes, c.Hidden, c.Input, c.Structure = []string{"a"}, 1, 9973, factor.DenseSpec(4, 9973).WithScope(factor.Partial) // 5 blocks would read 2 beyond the end, and there is one
	p, err := program.New(testmodels.Random(t, c, 1), program.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Layers[0].Input; m.Box*m.Blocks > c.Input+1 {
		t.Errorf("%d blocks of %d for %d columns", m.Blocks, m.Box, c.Input)
	}
}
