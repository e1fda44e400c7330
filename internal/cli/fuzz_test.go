package cli

import "testing"

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
		c, err := parseConfig("fuzz.toml", text)
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
