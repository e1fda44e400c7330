//go:build unix && !solaris && !illumos && !aix

package train

import (
	"os"
	"syscall"
)

// tryLock takes an exclusive lock on f without waiting.
func tryLock(f *os.File) (bool, error) {
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return true, nil
	case syscall.EWOULDBLOCK:
		return false, nil
	default:
		return false, err
	}
}

// removeLock removes the file while it is locked, so that nobody else's is removed.
func removeLock(f *os.File) { os.Remove(f.Name()) }
