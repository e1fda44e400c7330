//go:build unix

package video

import (
	"os/exec"
	"syscall"
)

// alone puts the process into a group of its own, and has all of the group killed when its context ends: a program that ffmpeg is a script for ends, too.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
