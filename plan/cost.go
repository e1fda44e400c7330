package plan

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
