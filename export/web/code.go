package web

import "slices"

// The instructions of the engine, as engine/machine.c reads them: a word, then its operands. Places are floats from the start of
// the engine's memory.
const (
	opEnd   = iota
	opCopy  // dst src add n (size stride)*n: dst, dense, gets or has added a strided tensor, the first axis slowest
	opMul   // c a b add M N K c_row a_row a_col b_row n (size c a b)*n: c[M,N] = or += a[M,K] b[K,N], for every combination of n loops
	opClear // dst n
	opLSTM  // z c h H
	opGRU   // z u h H
	opRNN   // z h H
	opMean  // dst sum h H: sum += h, dst = the mean so far
)

// code is a part of a program.
type code []uint32

func (c *code) emit(words ...int) {
	for _, w := range words {
		*c = append(*c, uint32(w))
	}
}

// loop goes over one axis: its size, and the steps of up to three tensors.
type loop struct {
	size   int
	stride [3]int
}

// join drops loops of size 1 and makes one of neighbours that are one in all tensors.
func join(loops []loop) []loop {
	var out []loop
	for _, l := range loops {
		if l.size == 1 {
			continue
		}
		if n := len(out) - 1; n >= 0 {
			p := &out[n]
			whole := true
			for i, s := range l.stride {
				whole = whole && p.stride[i] == s*l.size
			}
			if whole {
				*p = loop{p.size * l.size, l.stride}
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// tensor is a tensor with labelled axes somewhere in the memory.
type tensor struct {
	at      int
	axes    []int // labels, of those of size 1 none
	strides []int
}

// dense is a tensor with its axes side by side in the order given.
func dense(at int, dim, axes []int) tensor {
	t := tensor{at: at, axes: longer(dim, axes)}
	t.strides = make([]int, len(t.axes))
	step := 1
	for i := len(t.axes) - 1; i >= 0; i-- {
		t.strides[i] = step
		step *= dim[t.axes[i]]
	}
	return t
}

// longer are the labels whose size is not 1.
func longer(dim, axes []int) []int {
	out := []int{}
	for _, l := range axes {
		if dim[l] != 1 {
			out = append(out, l)
		}
	}
	return out
}

// stride is the step of a label, 0 for one that the tensor has not.
func (t tensor) stride(label int) int {
	if i := slices.Index(t.axes, label); i >= 0 {
		return t.strides[i]
	}
	return 0
}

func sizeOf(dim, axes []int) int {
	n := 1
	for _, l := range axes {
		n *= dim[l]
	}
	return n
}

// copyTo emits a copy of t into dst, dense with its axes in the given order.
func (c *code) copyTo(dst int, t tensor, dim, order []int, add bool) {
	var loops []loop
	for _, l := range order {
		loops = append(loops, loop{dim[l], [3]int{t.stride(l)}})
	}
	loops = join(loops)
	if len(loops) == 0 {
		loops = []loop{{1, [3]int{1}}}
	}
	c.emit(opCopy, dst, t.at, flag(add), len(loops))
	for _, l := range loops {
		c.emit(l.size, l.stride[0])
	}
}

// copyRun emits a copy of n adjacent numbers.
func (c *code) copyRun(dst, src, n int) { c.emit(opCopy, dst, src, 0, 1, n, 1) }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
