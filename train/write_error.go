package train

import "fmt"

// WriteError is a file of a run's folder that could not be written, for example because the disk is full or the folder read-only. The file is as
// it was before, and the run can go on from its checkpoint.
type WriteError struct {
	Dir   string
	Epoch int // of the checkpoint that is there
	Err   error
}

// Error names the file.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap gives the system's error.
func (e *WriteError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *WriteError) Hint() string {
	return fmt.Sprintf("the checkpoint of epoch %d is whole: make room or let the folder be written to, then go on with --resume %s", e.Epoch, e.Dir)
}
