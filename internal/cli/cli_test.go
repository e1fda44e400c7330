package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
)

// TestDemoIsOfThePapersSize: the network that the demo trains has the inputs, hidden units and ratio that the README speaks of.
func TestDemoIsOfThePapersSize(t *testing.T) {
	r, flags, err := (&demoCmd{Seed: 7, Epochs: 3, Out: "x"}).recipe()
	if err != nil {
		t.Fatal(err)
	}
	if len(flags) == 0 || r.Epochs != 3 || r.Seed != 7 || !strings.Contains(r.Data, "seed=7") {
		t.Errorf("epochs %d, seed %d, data %s, want those asked for", r.Epochs, r.Seed, r.Data)
	}
	in, err := r.frameFlags.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if in.Size() != 57600 || in.Kind != dataset.RGB {
		t.Errorf("frames %+v, want 57,600 numbers of rgb", in)
	}
	spec, upper, _, err := r.modelFlags.resolve(in.Size(), r.Frame)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := spec.Params()
	if err != nil {
		t.Fatal(err)
	}
	dense := int64(4*r.Hidden) * int64(in.Size()+r.Hidden)
	if r.Hidden != 256 || upper != nil || weights > 8808 || float64(dense)/float64(weights) < 3985 {
		t.Errorf("%d hidden units, %d weights, %d dense", r.Hidden, weights, dense)
	}
	o, err := madeOptions(r.Data, in)
	if err != nil {
		t.Fatal(err)
	}
	if o.Test < 100 || o.Val == 0 || *r.Steps > o.Frames {
		t.Errorf("clips %+v, steps %d", o, *r.Steps)
	}
	if again, err := madeOptions(madeText(o), in); err != nil || again != o {
		t.Errorf("%+v comes back as %+v, %v", o, again, err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"epochs", "modes-in", "modes-out", "lr", "label-smoothing", "hidden"}
	for name, want := range map[string]string{
		"epoch": "epochs", "modes_in": "modes-in", "mode-out": "modes-out", "hiden": "hidden", "label": "label-smoothing", "momentum": "", "x": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestFrameSize(t *testing.T) {
	for text, want := range map[string]frameSize{"120x160": {120, 160, 0}, "120x160x3": {120, 160, 3}} {
		var f frameSize
		if err := f.UnmarshalText([]byte(text)); err != nil || f != want || f.String() != text {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
	for _, text := range []string{"", "120", "0x3", "-1x3", "1x2x3x4", "axb", "1x2x"} {
		var f frameSize
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, f)
		}
	}
}

func TestRanks(t *testing.T) {
	var r ranksFlag
	if err := r.UnmarshalText([]byte("2-4:6, 0:8,1:7,0-2:5")); err != nil {
		t.Fatal(err)
	}
	if r.nodes[factor.Range{Lo: 2, Hi: 4}] != 6 || r.nodes[factor.Leaf(0)] != 8 {
		t.Errorf("%v", r)
	}
	for text, want := range map[string]string{"2-4:6, 0:8,1:7,0-2:5": "0:8,1:7,0-2:5,2-4:6", "1, 4,4,1": "1,4,4,1", "3": "3", "2x4": "2x4"} {
		if err := r.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.MarshalText(); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0:", "a:1", "0:1,0:2", "0:x", "1,0,1", "1,-4,1", "x", "2x", "0x4", "2x4x1", "1,4,4,1,"} {
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, r)
		}
	}
}

func TestFactorOut(t *testing.T) {
	for _, c := range []struct {
		n, k int
		want []int
	}{{1024, 4, []int{4, 4, 8, 8}}, {12, 2, []int{3, 4}}, {7, 3, []int{1, 1, 7}}, {36, 1, []int{36}}} {
		got := factorOut(c.n, c.k)
		if productOf(got) != c.n || len(got) != c.k || !slices.IsSorted(got) {
			t.Errorf("%d into %d: %v, such as %v", c.n, c.k, got, c.want)
		}
	}
}

// TestConfigRoundTrip: what is written can be read, and paths in it lead to where they led.
func TestConfigRoundTrip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.toml")
	text := "data = \"clips\"\ntest-groups = [2, \"s4\"]\nlr = 1e-3\nflip = true\nmodes-in = [8, 9]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"test-groups": "2,s4", "lr": "0.001", "flip": "true", "modes-in": "8,9"} {
		if got, err := flagText(c.values[key]); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", key, got, err, want)
		}
	}
	if c.lines["modes-in"] != 5 || c.lines["data"] != 1 {
		t.Errorf("lines %v", c.lines)
	}
	if _, err := flagText([]any{[]any{int64(1)}}); err == nil {
		t.Error("a list of lists is taken")
	}
	if rel, err := relativeTo(dir, filepath.Join(dir, "..", "clips")); err != nil || !filepath.IsAbs(filepath.FromSlash(rel)) {
		t.Errorf("an absolute path became %q, %v", rel, err)
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 59244544: "59,244,544", -1234: "-1,234"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[int64]string{32920: "32.9 KB", 120: "120 bytes", 24_000_000: "24.0 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if letter(0) != "a" || letter(25) != "z" || letter(26) != "aa" || letter(27) != "ab" {
		t.Error(letter(0), letter(25), letter(26), letter(27))
	}
}

// One epoch of the demo has no room for a warm-up, and runs.
func TestDemoOfOneEpoch(t *testing.T) {
	r, _, err := (&demoCmd{Seed: 7, Epochs: 1, Out: "x"}).recipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.settings().Validate(); err != nil {
		t.Error(err)
	}
}

// TestSampleText: the fingerprint of a run without what came later is the one it has always had.
func TestSampleText(t *testing.T) {
	s := dataset.Sample{Steps: 16, Augment: dataset.Augment{ShiftX: 8, Brightness: 0.5}, Short: "error"}
	if got, want := sampleText(s), "{Steps:16 Train:false Seed:0 Epoch:0 View:0 Views:0 Augment:{ShiftX:8 ShiftY:0 Flip:false Brightness:0.5} Short:error}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.Augment.Stretch = 0.1
	if got := sampleText(s); !strings.Contains(got, "Turn:0 Stretch:0.1}") {
		t.Errorf("%s is without the stretch", got)
	}
}
