package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDir(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "page")
	broken := errors.New("broken")
	write := func(fail error) func(string) error {
		return func(dir string) error {
			if err := Write(filepath.Join(dir, "a.txt"), text("one")); err != nil {
				return err
			}
			return fail
		}
	}
	if err := Dir(path, write(broken)); !errors.Is(err, broken) || err.Error() != "cannot write "+path+": broken" {
		t.Errorf("error %v", err)
	}
	if got := names(t, parent); got != "" {
		t.Errorf("a write that failed left %s", got)
	}
	if err := Dir(path, write(nil)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, parent) + "/" + names(t, path); got != "page/a.txt" {
		t.Errorf("folder holds %s", got)
	}
	if err := Dir(path, write(nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a folder that is there: error %v", err)
	}
	err := Dir(filepath.Join(parent, "no", "page"), write(nil))
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error %v", err)
	}
}
