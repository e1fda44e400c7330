//go:build linux

package train

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fdht/fdht/model"
)

// smallDisk is a folder on a file system of its own of that many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("needs the right to mount a small tmpfs:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fillUp writes a file until nothing but leave bytes is free.
func fillUp(t *testing.T, dir string, leave int64) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if err := f.Truncate(n - leave); err != nil {
		t.Fatal(err)
	}
	return path
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFullDisk(t *testing.T) {
	want := whole(t)
	for _, c := range []struct {
		name  string
		leave int64 // bytes that are free when epoch 3 ends
	}{{"nothing free", 0}, {"one page free", 4096}} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t)
			o.Dir = smallDisk(t, "1m")
			var ballast string
			o.Progress = &hook{epoch: func(e Epoch) {
				if e.Epoch != 2 {
					return
				}
				ballast = fillUp(t, o.Dir, c.leave)
			}}
			_, err := Run(context.Background(), o)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("run ended with %v", err)
			}
			var w *WriteError
			if !errors.As(err, &w) || w.Hint() != "the checkpoint of epoch 2 is whole: make room or let the folder be written to, then go on with --resume "+o.Dir {
				t.Errorf("hint of %#v", err)
			}
			if want := "cannot write " + filepath.Join(o.Dir, model.CheckpointFile) + ": no space left on device"; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			k, err := model.LoadCheckpoint(o.Dir)
			if err != nil || k.Damaged != nil || k.Progress.Epoch != 2 {
				t.Fatalf("checkpoint of epoch %d: %v, %v", k.Progress.Epoch, k.Damaged, err)
			}
			if left, _ := filepath.Glob(filepath.Join(o.Dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			os.Remove(ballast)
			if got, _ := resumed(t, o); got != want {
				t.Error("the run gives other numbers when it is resumed after the disk was full")
			}
		})
	}
}

func TestFullDiskAtTheStart(t *testing.T) {
	o := testOptions(t)
	o.Dir = smallDisk(t, "8k")
	if _, err := Run(context.Background(), o); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), o.Dir) {
		t.Errorf("run ended with %v", err)
	}
	entries, _ := os.ReadDir(o.Dir)
	for _, e := range entries {
		if e.Name() != MetricsFile {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestMetricsOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "8k")
	log, _, err := openMetrics(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	fillUp(t, dir, 4096)
	n := 0
	for err == nil {
		n++
		err = log.append(Epoch{Epoch: n})
	}
	path := filepath.Join(dir, MetricsFile)
	if !errors.Is(err, syscall.ENOSPC) || err.Error() != "cannot write "+path+": no space left on device" {
		t.Errorf("got %v", err)
	}
	lines := strings.Split(string(readFile(t, path)), "\n")
	if last := lines[len(lines)-1]; len(lines) != n || last != "" {
		t.Errorf("%d lines of which %d were written, behind them %q", len(lines)-1, n-1, last)
	}
}
