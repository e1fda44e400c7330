package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull puts the cache on a file system of 64 KiB.
func TestDiskFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("skipped: no right to mount a small file system")
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	o := opts(t)
	o.CacheDir = dir
	o.Input.Height, o.Input.Width = 200, 300
	_, _, err := Open(t.Context(), videoFolder(t), o)
	if want := "frame cache " + dir + ": the disk is full; make room there, or name another place with --cache"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	for _, p := range cacheFiles(t, dir) {
		if !strings.HasSuffix(p, cacheSuffix) {
			t.Errorf("%s is left", p)
		}
	}
}
