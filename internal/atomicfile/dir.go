package atomicfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Dir makes the folder at path from what write puts into a temporary folder beside it, which then takes the name: whole or not at all.
// A path that is there already is an error. Errors of write are to name the files.
func Dir(path string, write func(dir string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("cannot write %s: %w", path, os.ErrExist)
	}
	temp, err := createDir(path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, bare(err))
	}
	if err = write(temp); err == nil {
		syncDir(temp)
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.RemoveAll(temp)
		return fmt.Errorf("cannot write %s: %w", path, bare(err))
	}
	syncDir(filepath.Dir(path))
	return nil
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
