package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockFile is in a run's folder while a process uses it.
const lockFile = ".lock"

// lock is a folder taken for this process. The system gives it up when the process ends, however it ends.
type lock struct{ f *os.File }

// lockDir takes dir or says which process has it.
func lockDir(dir string) (*lock, error) {
	path := filepath.Join(dir, lockFile)
	for range 100 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, fmt.Errorf("cannot lock %s: %w", dir, bare(err))
		}
		taken, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", dir, bare(err))
		}
		if !taken {
			owner, _ := io.ReadAll(io.LimitReader(f, 32))
			f.Close()
			return nil, fmt.Errorf("%s is in use by another fdht%s: wait for it, or choose another --out", dir, process(string(owner)))
		}
		// Whoever had the lock before may have removed the file between our opening and locking it.
		if mine, err := f.Stat(); err == nil {
			if there, err := os.Stat(path); err == nil && os.SameFile(mine, there) {
				f.Truncate(0)
				fmt.Fprintf(f, "%d\n", os.Getpid())
				return &lock{f}, nil
			}
		}
		f.Close()
	}
	return nil, fmt.Errorf("cannot lock %s: others keep taking it", dir)
}

func process(owner string) string {
	if owner = strings.TrimSpace(owner); owner == "" {
		return ""
	}
	return ", process " + owner
}

// release gives the folder up.
func (l *lock) release() {
	removeLock(l.f)
	l.f.Close()
}
