package plan

import (
	"github.com/fdht/fdht/factor"
)

// The time of one streamed frame on one core of a server processor with AVX-512 (Zen 5), fitted to measurements of
// rnn.Stream, most of which lie within a third of it. On another machine all structures differ by much the same factor.
const (
	frameMicros     = 1.0
	columnMicros    = 0.04e-3 // reading one column's number
	hiddenMicros    = 6e-3    // the gates of one hidden unit
	macsPerMicro    = 100e3   // multiply-adds of small products
	weightsPerMicro = 4e3     // weights that no cache holds come from memory
	cachedWeights   = 1 << 20
)

// predictMillis is the time of one frame by that model: what each frame, column and hidden unit takes, and the larger of the
// time for the multiply-adds and, for more weights than caches hold, the time to read them.
func (p *problem) predictMillis(mac, weights int64) float64 {
	work := float64(mac) / macsPerMicro
	if weights > cachedWeights {
		work = max(work, float64(weights)/weightsPerMicro)
	}
	return (frameMicros + columnMicros*float64(p.cols) + hiddenMicros*float64(p.Hidden) + work) / 1000
}

// windowCost counts the multiply-adds of W restricted to the columns lo..hi-1, for one row. As in package factor, the window is
// the smallest run of adjacent columns around it that is a box of mode indices: leading modes fixed, one restricted, the rest whole.
// Where a fixed mode leaves a leaf too small for its rank to be valid by itself, the mode is taken as large as its rank
// asks for, so that the count is then an upper bound.
func windowCost(s factor.Spec, lo, hi int) (int64, error) {
	if s.Kind == factor.Dense {
		return int64(s.Rows()) * int64(hi-lo), nil
	}
	box := s.Clone()
	box.In = windowModes(s.In, lo, hi)
	for k, m := range s.Out {
		need := (s.Rank(factor.Leaf(k)) + m - 1) / m
		box.In[k] = min(max(box.In[k], need), s.In[k])
	}
	for box.Validate() != nil {
		if !widen(box.In, s.In) {
			box = s
			break
		}
	}
	c, err := box.Cost(1)
	return c.MAC, err
}

// widen makes the first of the modes that are smaller than they may be one larger.
func widen(modes, most []int) bool {
	for k := range modes {
		if modes[k] < most[k] {
			modes[k]++
			return true
		}
	}
	return false
}
