// Package atomicfile writes files that are there whole or not at all: into a temporary file in the same folder, which
// is flushed to the disk and then takes the name. A write that fails leaves the file that had the name as it was.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Write makes the file at path from what write writes. Writes are buffered. Errors name the path, not the temporary file.
func Write(path string, write func(w io.Writer) error) error {
	return WriteFile(path, func(f *os.File) error {
		b := bufio.NewWriterSize(f, 1<<16)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	})
}

// WriteFile is Write for those who need to seek in the file.
func WriteFile(path string, write func(f *os.File) error) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() { // a rename would say that it exists, which of files is no error
		return fmt.Errorf("cannot write %s: it is a folder", path)
	}
	return Stage(path, write, func(temp string) error { return os.Rename(temp, path) })
}

// Stage writes a temporary file beside path, flushes it to the disk and hands its name to commit, which must rename
// it. When anything fails the temporary file is removed.
func Stage(path string, write func(f *os.File) error, commit func(temp string) error) error {
	temp, err := stage(path, write)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, bare(err))
	}
	if err := commit(temp); err != nil {
		os.Remove(temp)
		return fmt.Errorf("cannot write %s: %w", path, bare(err))
	}
	syncDir(filepath.Dir(path))
	return nil
}

// stage writes the temporary file and returns its name; nothing is left of it when there is an error.
func stage(path string, write func(f *os.File) error) (temp string, err error) {
	f, err := create(path)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// create opens a new file beside path. os.CreateTemp would make it unreadable for others whatever the umask says.
func create(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for range 100 {
		name := filepath.Join(dir, fmt.Sprintf(".%s.%08x.tmp", base, rand.Uint32()))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
	return nil, errors.New("no name is free for a temporary file")
}

// Clean removes temporary files for path that a process left behind when it was killed. Nobody may be writing path.
func Clean(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+base+".") && strings.HasSuffix(e.Name(), ".tmp") {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// bare takes operation and path off an error of package os: they name the temporary file.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) && p == err {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) && l == err {
		return l.Err
	}
	return err
}

// syncDir makes a rename last through a power cut. Some systems cannot flush a folder; the rename is then as lasting as
// that system makes it.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	_ = d.Sync()
}
