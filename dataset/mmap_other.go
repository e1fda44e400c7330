//go:build !unix

package dataset

import (
	"errors"
	"os"
	"strings"
)

// Elsewhere the cache is read into memory clip by clip.
func mmap(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func munmap([]byte) error { return nil }

func isDiskFull(err error) bool {
	s := strings.ToLower(err.Error())
	return strings.Contains(s, "no space left") || strings.Contains(s, "not enough space on the disk")
}
