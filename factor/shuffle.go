package factor

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/internal/kernel"
)

// shuffle is a permutation of axes between a dense tensor and a strided one (a factor, a slice of it, or the same
// tensor with its axes in another order).
type shuffle struct {
	dims    []int // sizes, in the dense tensor's order
	strides []int // the strided tensor's step for each of them
	offset  int   // of the first element in the strided tensor
	size    int

	// Where the last axis is not adjacent in the strided tensor but another one is, copies are transpositions of these two.
	turn   int // that other axis, or -1
	across int // its step in the dense tensor
}

const maxAxes = 32

// newShuffle brings axes `from`, stored densely in that order with sizes dim, into the order `to`.
func newShuffle(dim []int, from, to []int) shuffle {
	step := map[int]int{}
	n := 1
	for i := len(from) - 1; i >= 0; i-- {
		step[from[i]] = n
		n *= dim[from[i]]
	}
	var dims, strides []int
	for _, a := range to {
		s, ok := step[a]
		if !ok {
			panic(fmt.Sprintf("factor: axis %d of %v is not in %v", a, to, from))
		}
		dims, strides = append(dims, dim[a]), append(strides, s)
	}
	return makeShuffle(dims, strides, 0)
}

// makeShuffle drops axes of size 1 and joins axes that are adjacent on both sides.
func makeShuffle(dims, strides []int, offset int) shuffle {
	s := shuffle{offset: offset, size: product(dims)}
	for i, n := range dims {
		if n == 1 {
			continue
		}
		if last := len(s.dims) - 1; last >= 0 && s.strides[last] == n*strides[i] {
			s.dims[last] *= n
			s.strides[last] = strides[i]
			continue
		}
		s.dims, s.strides = append(s.dims, n), append(s.strides, strides[i])
	}
	if len(s.dims) == 0 {
		s.dims, s.strides = []int{1}, []int{1}
	}
	if len(s.dims) > maxAxes {
		panic(fmt.Sprintf("factor: %d axes in a shuffle, at most %d", len(s.dims), maxAxes))
	}
	last := len(s.dims) - 1
	s.turn = -1
	if s.strides[last] != 1 {
		s.turn = slices.Index(s.strides, 1)
	}
	if s.turn >= 0 {
		s.across = product(s.dims[s.turn+1:])
	}
	return s
}

// runs yields, for each run of the last axis, where it starts in the dense and in the strided tensor.
func (s *shuffle) runs(yield func(dense, strided int) bool) {
	last := len(s.dims) - 1
	var at [maxAxes]int
	for p, off := 0, s.offset; p < s.size; p += s.dims[last] {
		if !yield(p, off) {
			return
		}
		for k := last - 1; k >= 0; k-- {
			at[k]++
			off += s.strides[k]
			if at[k] < s.dims[k] {
				break
			}
			off -= at[k] * s.strides[k]
			at[k] = 0
		}
	}
}

// planes yields, for each index of the axes but the last and turn, where it starts in the dense and in the strided tensor.
func (s *shuffle) planes(yield func(dense, strided int) bool) {
	last := len(s.dims) - 1
	var at [maxAxes]int
	for p, off := 0, s.offset; ; {
		if !yield(p, off) {
			return
		}
		k, step := last-1, s.dims[last]
		for ; k >= 0; k-- {
			if k != s.turn {
				at[k]++
				p, off = p+step, off+s.strides[k]
				if at[k] < s.dims[k] {
					break
				}
				p, off = p-at[k]*step, off-at[k]*s.strides[k]
				at[k] = 0
			}
			step *= s.dims[k]
		}
		if k < 0 {
			return
		}
	}
}

// gather copies the strided tensor into the dense one.
func (s *shuffle) gather(dense, strided []float32) {
	last := len(s.dims) - 1
	n, step := s.dims[last], s.strides[last]
	if s.turn >= 0 {
		for p, off := range s.planes {
			kernel.Transpose(dense[p:], strided[off:], n, s.dims[s.turn], s.across, step)
		}
		return
	}
	for p, off := range s.runs {
		row := dense[p : p+n]
		if step == 1 {
			copy(row, strided[off:off+n])
			continue
		}
		for i := range row {
			row[i] = strided[off+i*step]
		}
	}
}

// scatter copies the dense tensor into the strided one.
func (s *shuffle) scatter(strided, dense []float32) {
	last := len(s.dims) - 1
	n, step := s.dims[last], s.strides[last]
	if s.turn >= 0 {
		for p, off := range s.planes {
			kernel.Transpose(strided[off:], dense[p:], s.dims[s.turn], n, step, s.across)
		}
		return
	}
	for p, off := range s.runs {
		for i, v := range dense[p : p+n] {
			strided[off+i*step] = v
		}
	}
}

// scatterAdd adds the dense tensor to the strided one.
func (s *shuffle) scatterAdd(strided, dense []float32) {
	last := len(s.dims) - 1
	n, step := s.dims[last], s.strides[last]
	for p, off := range s.runs {
		for i, v := range dense[p : p+n] {
			strided[off+i*step] += v
		}
	}
}
