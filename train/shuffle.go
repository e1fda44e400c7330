package train

import "math/bits"

// mix turns a seed and a counter into a number that looks random: two rounds of splitmix64 (Steele, Lea, Flood 2014).
func mix(seed, n uint64) uint64 { return splitmix(splitmix(seed) ^ n) }

func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// What random numbers are drawn for. Each use has a stream of its own.
const (
	streamOrder = iota + 1
	streamDropout
	streamCalibrate
	streamNoise
)

// shuffle fills order with 0..len-1 in the order of that epoch (Fisher-Yates). It is written out here so that no
// version of the standard library changes what a seed means.
func shuffle(order []int, seed uint64, epoch int) {
	for i := range order {
		order[i] = i
	}
	key := mix(mix(seed, streamOrder), uint64(epoch))
	for i := len(order) - 1; i > 0; i-- {
		hi, _ := bits.Mul64(mix(key, uint64(i)), uint64(i+1)) // 0..i, uneven by less than i/2^64
		order[i], order[hi] = order[hi], order[i]
	}
}
