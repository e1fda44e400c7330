//go:build !linux

package video

// confine has no way to bound another process here; ffmpegArgs bounds its single allocations.
func (Limits) confine(int) error { return nil }
