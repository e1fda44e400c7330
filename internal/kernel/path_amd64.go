//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func available(p Path) bool {
	x := cpu.X86
	switch p {
	case Scalar:
		return true
	case AVX2:
		return x.HasAVX2 && x.HasFMA && x.HasBMI2
	case AVX512:
		return x.HasAVX2 && x.HasFMA && x.HasBMI2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	}
	return false
}
