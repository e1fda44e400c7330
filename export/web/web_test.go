package web

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

func greyFrames(change func(*model.Config)) model.Config {
	c := testmodels.Frames("grey")
	if change != nil {
		change(&c)
	}
	return c
}

func TestBuildRefuses(t *testing.T) {
	large := &TooLargeError{}
	whole, err := Build(testmodels.Random(t, greyFrames(nil), 1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*model.Config)
		most   int64
		want   func(error) bool
	}{
		{"rows of features", func(c *model.Config) { c.Frame = nil }, 1 << 20, func(err error) bool { return errors.Is(err, ErrNoFrames) }},
		{"both directions", func(c *model.Config) { c.Bidirectional = true }, 1 << 20, func(err error) bool { return errors.Is(err, ErrBidirectional) }},
		{"a kind of frames that is not known", func(c *model.Config) { c.Frame.Input = "flow" }, 1 << 20, func(err error) bool { return err != nil && strings.Contains(err.Error(), `"flow"`) }},
		{"differences to a frame long ago", func(c *model.Config) { c.Frame.Input, c.Frame.Lag = "diff", lags.List{1 << 30} }, 1 << 20, func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "lag 1073741824: want 1 to 1000")
		}},
		{"too large", nil, 20_000, func(err error) bool { return errors.As(err, &large) && large.Bytes > large.Most }},
		{"too large when all is counted", nil, whole.Bytes() - 1, func(err error) bool { return errors.As(err, &large) && large.Bytes > large.Most }},
	} {
		site, err := Build(testmodels.Random(t, greyFrames(c.change), 1), c.most)
		if !c.want(err) || site != nil {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// TestWorkerNamesAllFiles reads the list of the service worker: a file that it misses would be missing offline.
func TestWorkerNamesAllFiles(t *testing.T) {
	site, err := Build(testmodels.Random(t, greyFrames(nil), 1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	text := string(site.file("sw.js"))
	for _, f := range site.files {
		name := f.name
		switch name {
		case "index.html":
			name = "./"
		case "sw.js", "engine.wasm", "engine-simd.wasm":
			continue
		}
		if !strings.Contains(text, `"`+name+`"`) {
			t.Errorf("%s is not in the list of sw.js", name)
		}
	}
	other, err := Build(testmodels.Random(t, greyFrames(nil), 2), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if text == string(other.file("sw.js")) {
		t.Error("another model, the same version in sw.js: browsers would keep the old page")
	}
}

// TestWrite reads back what was written.
func TestWrite(t *testing.T) {
	site, err := Build(testmodels.Random(t, greyFrames(nil), 1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "page")
	if err := site.Write(dir); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, f := range site.files {
		data, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil || string(data) != string(f.data) {
			t.Errorf("%s: %d bytes, %v", f.name, len(data), err)
		}
		sum += int64(len(data))
	}
	if sum != site.Bytes() {
		t.Errorf("%d bytes are written, %d counted", sum, site.Bytes())
	}
	if err := site.Write(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a folder that is there: %v", err)
	}
}
