package main

import "slices"

// times are those of frames, in milliseconds.
type times []float64

func (t times) median() float64 {
	s := slices.Sorted(slices.Values(t))
	return s[len(s)/2]
}
