//go:build unix

package cli

import "syscall"

// errNoSpace is what errors of a full disk are.
const errNoSpace = syscall.ENOSPC
