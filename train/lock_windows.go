package train

import (
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes an exclusive lock on a byte far behind the text of f, which others may then still read.
func tryLock(f *os.File) (bool, error) {
	at := windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	switch err {
	case nil:
		return true, nil
	case windows.ERROR_LOCK_VIOLATION:
		return false, nil
	default:
		return false, err
	}
}

// removeLock leaves the file: an open one cannot be removed.
func removeLock(*os.File) {}
