//go:build !unix

package cli

import "syscall"

// errNoSpace is what errors of a full disk are: ERROR_DISK_FULL.
const errNoSpace = syscall.Errno(112)
