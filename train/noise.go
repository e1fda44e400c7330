package train

import (
	"math"

	"github.com/fdht/fdht/model"
)

// noisy is a standardised sequence with noise on its numbers, drawn anew for each clip of each epoch. A row is the same however often it is
// loaded: forward and backward see one clip. The deviation is in units of the standardised numbers.
type noisy struct {
	model.Scaled
	deviation float32 // 0: none
	seed      uint64  // of this clip in this epoch
}

// perturb sets what noise clip i has. Clips that are measured have none.
func (s *noisy) perturb(deviation float64, d Draw, i int) {
	s.deviation = 0
	if d.Train {
		s.deviation = float32(deviation)
		s.seed = mix(mix(mix(d.Seed, streamNoise), uint64(d.Epoch)), uint64(i))
	}
}

// Load writes row t, standardised and with its noise, to dst. It does not allocate.
func (s *noisy) Load(dst []float32, t int) {
	s.Scaled.Load(dst, t)
	if s.deviation == 0 {
		return
	}
	key := mix(s.seed, uint64(t))
	for i := range dst {
		dst[i] += s.deviation * bell(splitmix(key+uint64(i)))
	}
}

// bell makes of 64 random bits a number of mean 0 and deviation 1, the sum of four even ones: nearly normal within three deviations and never
// beyond 3.5, the same on every machine.
func bell(x uint64) float32 {
	sum := x&0xffff + x>>16&0xffff + x>>32&0xffff + x>>48
	return (float32(sum) - 2*0xffff) / bellDeviation
}

// bellDeviation is that of the sum of four numbers which are even over 0..65535.
var bellDeviation = float32(math.Sqrt(4 * (65536.0*65536 - 1) / 12))
