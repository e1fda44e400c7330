package web

import (
	"io"
	"path/filepath"

	"github.com/fdht/fdht/internal/atomicfile"
)

// Write makes the folder dir with all files in it, or nothing. A dir that is there is an error.
func (s *Site) Write(dir string) error {
	return atomicfile.Dir(dir, func(temp string) error {
		for _, f := range s.files {
			err := atomicfile.Write(filepath.Join(temp, f.name), func(w io.Writer) error {
				_, err := w.Write(f.data)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
