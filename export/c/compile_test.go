package c

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/lags"
)

// strict are the flags under which nothing may be said.
var strict = []string{"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion"}

// sanitised finds what C leaves undefined.
var sanitised = []string{"-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}

// compilers are those of gcc and clang that are here.
func compilers(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, cc := range []string{"gcc", "clang"} {
		if _, err := exec.LookPath(cc); err == nil {
			found = append(found, cc)
		}
	}
	if len(found) == 0 {
		t.Skip("needs gcc or clang")
	}
	return found
}

// compile makes a program of the files in dir.
func compile(t testing.TB, cc, dir string, args ...string) string {
	t.Helper()
	exe := filepath.Join(dir, "a.out")
	cmd := exec.Command(cc, append(args, "-o", exe)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return exe
}

// host compiles the engine without a model and the program that feeds it.
func host(t testing.TB, cc, header, source string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	main, err := os.ReadFile(filepath.Join("testdata", "host.c"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, File{"fdht.h", []byte(header)}, File{"fdht.c", []byte(source)}, File{"main.c", main})
	return compile(t, cc, dir, append(append([]string{"fdht.c", "main.c"}, strict...), flags...)...)
}

func write(t testing.TB, dir string, files ...File) {
	t.Helper()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run gives a program its input and returns its output.
func run(t *testing.T, exe string, in io.Reader, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(exe, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", exe, err, errs.String())
	}
	return out.Bytes()
}

// feed is what host.c reads of one model: rows of floats, or of bytes with lags.
type feed struct {
	program, weights, biases, numbers any
	layout                            program.Layout
	classes, steps, row, part         int
	lag                               lags.List
	rows                              any
}

func (f feed) write(t testing.TB, w io.Writer) {
	t.Helper()
	l := f.layout
	count, list := -1, []int32{}
	if _, bytes := f.rows.([]byte); bytes {
		count = f.lag.Len()
		for _, v := range f.lag.Values() {
			list = append(list, int32(v))
		}
	}
	var head []int32
	for _, n := range []int{
		binary.Size(f.program) / 4, binary.Size(f.weights) / elementSize(f.weights), binary.Size(f.biases) / elementSize(f.biases), binary.Size(f.numbers) / 4,
		l.Data, l.Sums, l.Pack, f.classes, f.steps, f.row, f.part, count,
	} {
		head = append(head, int32(n))
	}
	for _, v := range []any{head, f.program, f.weights, f.biases, f.numbers, list, f.rows} {
		if err := binary.Write(w, binary.NativeEndian, v); err != nil {
			t.Fatal(err)
		}
	}
}

func elementSize(v any) int {
	switch v.(type) {
	case []int8:
		return 1
	case []int16:
		return 2
	}
	return 4
}
