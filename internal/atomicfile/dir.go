package atomicfile

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Dir makes the folder at path with the given files, by their names, in a temporary folder beside it, which is flushed to the disk and then takes the
// name: whole or not at all. A path that is there already is an error. Errors name path, not the temporary folder.
func Dir(path string, files iter.Seq2[string, []byte]) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("cannot write %s: %w", path, os.ErrExist)
	}
	temp, err := createDir(path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, bare(err))
	}
	at := path // what an error is about
	for name, data := range files {
		at = filepath.Join(path, name)
		if err = writeNew(filepath.Join(temp, name), data); err != nil {
			break
		}
		at = path
	}
	if err == nil {
		syncDir(temp)
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.RemoveAll(temp)
		return fmt.Errorf("cannot write %s: %w", at, bare(err))
	}
	syncDir(filepath.Dir(path))
	return nil
}

// writeNew writes a file that is not there yet, and flushes it.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// createDir makes a new folder beside path. os.MkdirTemp would make it unreadable for others whatever the umask says.
func createDir(path string) (string, error) {
	parent, base := filepath.Split(filepath.Clean(path))
	for range 100 {
		name := filepath.Join(parent, fmt.Sprintf(".%s.%08x.tmp", base, rand.Uint32()))
		err := os.Mkdir(name, 0o777)
		if !errors.Is(err, os.ErrExist) {
			return name, err
		}
	}
	return "", errors.New("no name is free for a temporary folder")
}
