package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	for _, s := range []string{"one", "two"} {
		if err := Write(path, text(s)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != s {
			t.Fatalf("file holds %q (%v), want %q", b, err, s)
		}
	}
	if got := names(t, dir); got != "a.txt" {
		t.Errorf("folder holds %s", got)
	}
}

func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("half", 1<<16))
		return broken
	})
	if !errors.Is(err, broken) || err.Error() != "cannot write "+path+": broken" {
		t.Errorf("error %v", err)
	}
	err = Stage(path, func(*os.File) error { return nil }, func(string) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("file holds %q", b)
	}
	if got := names(t, dir); got != "a.txt" {
		t.Errorf("folder holds %s", got)
	}
}

func TestErrorsNameThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "a.txt")
	err := Write(path, text("x"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "cannot write "+path+": ") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error %v", err)
	}
	dir := t.TempDir()
	err = Write(dir, func(io.Writer) error { panic("written before it is known that it cannot stay") })
	if want := "cannot write " + dir + ": it is a folder"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".a.txt.0123abcd.tmp", ".b.txt.0123abcd.tmp", "a.txt", "a.txt.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	Clean(filepath.Join(dir, "a.txt"))
	if got, want := names(t, dir), ".b.txt.0123abcd.tmp a.txt a.txt.tmp"; got != want {
		t.Errorf("folder holds %s, want %s", got, want)
	}
}
