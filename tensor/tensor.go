// Package tensor is a row-major float32 tensor: a shape and a slice.
package tensor

// Tensor is a row-major array: the last axis of Shape is adjacent in Data.
type Tensor struct {
	Shape []int
	Data  []float32
}

// New returns a zero tensor of the given shape. A tensor of no axes holds one number.
func New(shape ...int) Tensor {
	return Tensor{Shape: shape, Data: make([]float32, Size(shape))}
}

// Size is the number of elements that a shape holds.
func Size(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}
