package program

import "slices"

// Axis is a loop over Size places that are Stride apart.
type Axis struct{ Size, Stride int }

// join leaves out axes of one place, and makes one of adjacent axes that are one run.
func join(axes []Axis) []Axis {
	var out []Axis
	for _, a := range axes {
		if a.Size == 1 {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Stride == a.Size*a.Stride {
			out[k] = Axis{out[k].Size * a.Size, a.Stride}
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return []Axis{{1, 1}}
	}
	return out
}

// Each calls f with the offsets of all places, the last axis fastest.
func Each(axes []Axis, f func(off int)) {
	if len(axes) == 0 {
		f(0)
		return
	}
	for i := range axes[0].Size {
		Each(axes[1:], func(off int) { f(i*axes[0].Stride + off) })
	}
}

// tensor is a dense tensor with labelled axes, the first slowest.
type tensor struct {
	dim    []int // of each label
	labels []int
}

// axes are those of the given labels, in their order.
func (t tensor) axes(labels []int) []Axis {
	var out []Axis
	for _, l := range labels {
		at := slices.Index(t.labels, l)
		out = append(out, Axis{t.dim[l], sizeOf(t.dim, t.labels[at+1:])})
	}
	return join(out)
}

func sizeOf(dim, labels []int) int {
	n := 1
	for _, l := range labels {
		n *= dim[l]
	}
	return n
}
