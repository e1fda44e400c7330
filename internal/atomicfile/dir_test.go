package atomicfile

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDir(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "page")
	files := func(names ...string) iter.Seq2[string, []byte] {
		all := map[string][]byte{}
		for _, n := range names {
			all[n] = []byte("of " + n)
		}
		return maps.All(all)
	}
	missing := filepath.Join("no", "b.txt")
	err := Dir(path, files("a.txt", missing))
	if want := "cannot write " + filepath.Join(path, missing) + ": no such file or directory"; !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if got := names(t, parent); got != "" {
		t.Errorf("a write that failed left %s", got)
	}
	if err := Dir(path, files("a.txt", "b.txt")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, parent) + "/" + names(t, path); got != "page/a.txt b.txt" {
		t.Errorf("folder holds %s", got)
	}
	if b, err := os.ReadFile(filepath.Join(path, "b.txt")); err != nil || string(b) != "of b.txt" {
		t.Errorf("file holds %q (%v)", b, err)
	}
	if err := Dir(path, files("a.txt")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a folder that is there: error %v", err)
	}
	err = Dir(filepath.Join(parent, "no", "page"), files("a.txt"))
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error %v", err)
	}
}
