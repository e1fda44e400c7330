//go:build !onnxruntime

package cnn

// Network is a network that is loaded; in this build there is none.
type Network struct{}

// Open returns ErrNotBuilt.
func Open(string, Options) (*Network, error) { return nil, ErrNotBuilt }

// Input is the size of frames.
func (*Network) Input() Shape { panic("cnn: no network") }

// Features computes nothing.
func (*Network) Features([]float32) ([]float32, error) { panic("cnn: no network") }

// Close does nothing.
func (*Network) Close() error { return nil }
