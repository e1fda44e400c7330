package video

import "golang.org/x/sys/unix"

// confine bounds a process that has just begun: its memory, and that it writes no file. It is for programs that read what strangers sent.
func (l Limits) confine(pid int) error {
	if l.Memory <= 0 {
		return nil
	}
	for resource, most := range map[int]uint64{unix.RLIMIT_AS: uint64(l.Memory), unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0} {
		if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return err
		}
	}
	return nil
}
