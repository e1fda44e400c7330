package dataset

import (
	"fmt"

	"github.com/fdht/fdht/lags"
)

// Kinds of input: what a row of a video clip holds.
const (
	RGB      = "rgb"       // [H][W][3], 0..1
	Grey     = "grey"      // [H][W], 0..1, Rec. 601 luma
	Diff     = "diff"      // [H][W][k], for each of k Lags: grey minus the grey so many source frames before, times Gain, clipped to -1..1
	GreyDiff = "grey+diff" // [H][W][1+k], grey and the channels of diff, those of each pixel side by side
)

// Input says what the rows of video clips are: the kind and size of the frames a model sees.
type Input struct {
	Kind          string    // RGB, Grey, Diff or GreyDiff
	Height, Width int       // pixels
	Lag           lags.List // Diff: source frames between the two of each channel; none = DefaultLag
	Gain          float32   // Diff: factor; 0 = DefaultGain
}

// What Lag and Gain are when they are left out.
const (
	DefaultLag  = 3
	DefaultGain = 4
)

// WithDefaults returns the input with Lag and Gain filled in where the kind uses them, and cleared where not.
func (in Input) WithDefaults() Input {
	if in.Kind != Diff && in.Kind != GreyDiff {
		in.Lag, in.Gain = lags.List{}, 0
		return in
	}
	if in.Lag == (lags.List{}) {
		in.Lag = lags.List{DefaultLag}
	}
	if in.Gain == 0 {
		in.Gain = DefaultGain
	}
	return in
}

// Validate says what is wrong with an input.
func (in Input) Validate() error {
	switch in.Kind {
	case RGB, Grey, Diff, GreyDiff:
	default:
		return fmt.Errorf("input %q: want rgb, grey, diff or grey+diff", in.Kind)
	}
	const most = 1 << 14
	switch {
	case in.Height < 1 || in.Width < 1 || in.Height > most || in.Width > most || in.Height*in.Width > 1<<25:
		return fmt.Errorf("frame size %dx%d: want height and width from 1 to %d, and no more than 8K video has", in.Height, in.Width, most)
	case in.Lag.Validate() != nil:
		return in.Lag.Validate()
	case int64(in.Lag.Last()+1)*int64(in.Height*in.Width) > 1<<30:
		return fmt.Errorf("lag %d: so many frames of %dx%d, which are kept, take more than 1 GiB", in.Lag.Last(), in.Height, in.Width)
	case !(in.Gain >= 0 && in.Gain <= 1e6):
		return fmt.Errorf("gain %v: want more than 0", in.Gain)
	}
	return nil
}

// Channels is the number of floats a pixel has in a row.
func (in Input) Channels() int {
	switch in.Kind {
	case RGB:
		return 3
	case Diff:
		return max(in.Lag.Len(), 1)
	case GreyDiff:
		return 1 + max(in.Lag.Len(), 1)
	}
	return 1
}

// Size is the number of floats in a row: Height*Width*Channels().
func (in Input) Size() int { return in.Height * in.Width * in.Channels() }

// SourceChannels is the number of bytes a pixel has in a decoded frame: 3 for RGB, else 1.
func (in Input) SourceChannels() int {
	if in.Kind == RGB {
		return 3
	}
	return 1
}

// frameBytes is the size of a decoded frame.
func (in Input) frameBytes() int { return in.Height * in.Width * in.SourceChannels() }

// Live makes rows of frames that come one at a time, as the rows of a clip of the same frames would be. Not for
// several goroutines.
type Live struct {
	in   Input
	ring [][]byte // the last frames, one more than the longest lag; frame n is at n % len
	n    int
}

// NewLive prepares memory for the frames the input looks back on.
func NewLive(in Input) (*Live, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	in = in.WithDefaults()
	l := &Live{in: in}
	if n := in.Lag.Last(); n > 0 {
		l.ring = make([][]byte, n+1)
		for i := range l.ring {
			l.ring[i] = make([]byte, in.frameBytes())
		}
	}
	return l, nil
}

// Load writes the row (Input.Size floats) of the next frame, [H][W][SourceChannels] bytes. It copies what it needs.
func (l *Live) Load(dst []float32, frame []byte) error {
	if len(frame) != l.in.frameBytes() {
		return fmt.Errorf("a frame of %d bytes, want %dx%dx%d", len(frame), l.in.Height, l.in.Width, l.in.SourceChannels())
	}
	p := pictures{cur: frame}
	if l.ring != nil {
		copy(l.ring[l.n%len(l.ring)], frame)
		for i, lag := range l.in.Lag[:l.in.Lag.Len()] {
			p.old[i] = l.ring[max(l.n-lag, 0)%len(l.ring)]
		}
		l.n++
		if l.n == 1<<30 { // far from overflow and past the first frames; keep the place in the ring
			l.n = len(l.ring) + l.n%len(l.ring)
		}
	}
	l.in.row(dst, &p, plainView())
	return nil
}

// Reset forgets the frames seen, for a new video.
func (l *Live) Reset() { l.n = 0 }
