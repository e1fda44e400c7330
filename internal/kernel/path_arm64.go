//go:build !noasm

package kernel

// NEON is part of every arm64 processor.
func available(p Path) bool { return p == Scalar || p == NEON }
