package train

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fdht/fdht/model"
)

// asNobody takes the right to write everywhere from the calling goroutine, where it is root's, until the function it returns is called.
func asNobody(t *testing.T) (again func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	runtime.LockOSThread()
	if _, err := unix.SetfsuidRetUid(65534); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := unix.SetfsuidRetUid(0); err != nil {
			t.Fatal(err)
		}
		runtime.UnlockOSThread()
	}
}

// TestReadOnlyFolder: a folder that cannot be written to any more ends the run, with its checkpoint whole.
func TestReadOnlyFolder(t *testing.T) {
	want := whole(t)
	o := testOptions(t)
	o.Dir = t.TempDir()
	again := func() {}
	o.Progress = &hook{epoch: func(e Epoch) {
		if e.Epoch == 2 {
			if err := os.Chmod(o.Dir, 0o555); err != nil {
				t.Fatal(err)
			}
			again = asNobody(t)
		}
	}}
	_, err := Run(context.Background(), o)
	again()
	if err := os.Chmod(o.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var w *WriteError
	if !errors.As(err, &w) || !errors.Is(err, fs.ErrPermission) || w.Epoch != 2 || !strings.HasPrefix(err.Error(), "cannot write "+filepath.Join(o.Dir, model.CheckpointFile)+": ") {
		t.Errorf("run ended with %v", err)
	}
	if got, notes := resumed(t, o); got != want || len(notes) > 0 {
		t.Errorf("resumed it gives other numbers: %v; notes %q", got != want, notes)
	}

	// One that never could be.
	o = testOptions(t)
	o.Dir = filepath.Join(t.TempDir(), "run")
	o.Begin = func() error { t.Error("the run began"); return nil }
	if err := os.Mkdir(o.Dir, 0o555); err != nil {
		t.Fatal(err)
	}
	again = asNobody(t)
	_, err = Run(context.Background(), o)
	again()
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), o.Dir) {
		t.Errorf("run ended with %v", err)
	}
}
