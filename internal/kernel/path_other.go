//go:build noasm || !(amd64 || arm64)

package kernel

func available(p Path) bool { return p == Scalar }
