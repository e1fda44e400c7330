package cli

import (
	"testing"

	"github.com/fdht/fdht/internal/testutil"
)

// FuzzConfig: whatever a settings file holds, it is an error or it sets flags; a key that no flag has is named with its line.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("data = \"clips\"\nlr = 1e-3\nmodes-in = [8, 9]\nflip = true\n"))
	f.Add([]byte("epochs = 3\nepochs = 4\n"))
	f.Add([]byte("[model]\nhidden = 8\n"))
	f.Add([]byte("lr = [[1]]\n\"\" = 2\n'a.b' = 3\na.b = 2\n"))
	f.Add([]byte("test-groups = [1, {a = 2}, 1979-05-27]\n"))
	f.Add([]byte("ranks = \"0:1,0-2:3\"\ntree = \"[[0,1],2]\"\nframe = \"1x2\"\n"))
	f.Add([]byte("kind = \"tt\"\nscope = \"split\"\nranks = [1, 4, 1]\nrecurrent-ranks = \"2x4\"\nrecurrent-kind = \"bt\"\nbidirectional = true\n"))
	f.Add([]byte("init = \"../a\"\nranks = \"0x3\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c *config
		var err error
		testutil.Bounded(t, 1000*len(text)+1<<20, func() { c, err = parseConfig("fuzz.toml", text) })
		if err != nil {
			return
		}
		for k := range c.values {
			if c.lines[k] < 1 {
				t.Fatalf("no line for the key %q in %q", k, text)
			}
		}
		_, flags, err := recipeOf(c)
		if err != nil {
			return
		}
		if c.check(flags) == nil {
			if _, err := writeConfig("head", flags, "."); err != nil {
				t.Fatalf("what was read cannot be written: %v in %q", err, text)
			}
		}
	})
}

// FuzzExperiment: whatever an experiment's file holds, it is an error or rows and settings that are not too many, each of which fdht train takes.
func FuzzExperiment(f *testing.F) {
	f.Add([]byte(tinyExperiment))
	f.Add([]byte("seeds = [1]\n[train]\ndata = \"made\"\n[matrix]\ncell = [\"lstm\", \"gru\"]\nbudget = [300, 600]\n[[variant]]\nname = \"a\"\nline = \"b\"\n[[published]]\nname = \"p\"\ntop1 = 0.5\nsource = \"s\"\n"))
	f.Add([]byte("[cv]\nfolds = 2\nseeds = [1, 2]\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nlr = \"\"\n"))
	f.Add([]byte("train = {lr = 0.1}\nvariant = [{name = \"a\", kind = \"tt\"}]\n"))
	f.Add([]byte("[tune]\nlr = [1, 2]\nclip = [1, 2]\nbeta1 = [0.1, 0.2]\neps = [1, 2, 3]\n[[variant]]\nname = \"a\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConfig("fuzz.toml", text)
		if err != nil {
			return
		}
		e, err := newExperiment(c)
		if err != nil {
			return
		}
		if n := len(e.Rows); n == 0 || n != len(e.rows) || len(e.Points) == 0 || n > maxChoices*len(text) || len(e.Points) > maxChoices {
			t.Fatalf("%d rows, %d of settings, %d points", n, len(e.rows), len(e.Points))
		}
		s := (&lab{f: e}).settings(len(e.Rows)-1, len(e.Points)-1)
		_, _, _ = recipeOf(&config{path: c.path, dir: c.dir, values: s.values, lines: s.lines}) // values that do not go together
	})
}
