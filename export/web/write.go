package web

import "github.com/fdht/fdht/internal/atomicfile"

// Write makes the folder dir with all files in it, or nothing. A dir that is there is an error.
func (s *Site) Write(dir string) error {
	return atomicfile.Dir(dir, func(yield func(string, []byte) bool) {
		for _, f := range s.files {
			if !yield(f.name, f.data) {
				return
			}
		}
	})
}
