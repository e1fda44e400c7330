package dataset

import (
	"fmt"

	"github.com/fdht/fdht/internal/kernel"
)

// Kinds of input: what a row of a video clip holds.
const (
	RGB      = "rgb"       // [H][W][3], 0..1
	Grey     = "grey"      // [H][W], 0..1, Rec. 601 luma
	Diff     = "diff"      // [H][W], grey minus the grey of Lag source frames before, times Gain, clipped to -1..1
	GreyDiff = "grey+diff" // [H][W][2], grey and diff of each pixel side by side
)

// Input says what the rows of video clips are: the kind and size of the frames a model sees.
type Input struct {
	Kind          string  // RGB, Grey, Diff or GreyDiff
	Height, Width int     // pixels
	Lag           int     // Diff: source frames between the two; 0 = DefaultLag
	Gain          float32 // Diff: factor; 0 = DefaultGain
}

// What Lag and Gain are when they are left 0.
const (
	DefaultLag  = 3
	DefaultGain = 4
)

// maxLag bounds the frames that are kept for differences.
const maxLag = 1000

// WithDefaults returns the input with Lag and Gain filled in where the kind uses them, and cleared where not.
func (in Input) WithDefaults() Input {
	if in.Kind != Diff && in.Kind != GreyDiff {
		in.Lag, in.Gain = 0, 0
		return in
	}
	if in.Lag == 0 {
		in.Lag = DefaultLag
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
	case in.Lag < 0 || in.Lag > maxLag:
		return fmt.Errorf("lag %d: want 1 to %d source frames", in.Lag, maxLag)
	case int64(in.Lag+1)*int64(in.Height*in.Width) > 1<<30:
		return fmt.Errorf("lag %d: so many frames of %dx%d, which are kept, take more than 1 GiB", in.Lag, in.Height, in.Width)
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
	case GreyDiff:
		return 2
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

// view is how a clip was augmented.
type view struct {
	dx, dy int // the picture moved right and down
	flip   bool
	bright float32 // factor; 1 = none
}

func plainView() view { return view{bright: 1} }

// row writes the floats of a frame. cur is the frame, old the one Lag before (read by the diff kinds only); both are
// [H][W][SourceChannels]. It allocates nothing and may run in several goroutines.
func (in Input) row(dst []float32, cur, old []byte, v view) {
	c := in.SourceChannels()
	if v.dx == 0 && v.dy == 0 && !v.flip {
		in.span(dst[:in.Size()], cur, old, v.bright)
		return
	}
	oc := in.Channels()
	x0, x1 := max(0, v.dx), min(in.Width, in.Width+v.dx) // target columns that have a source
	for y := range in.Height {
		line := dst[y*in.Width*oc : (y+1)*in.Width*oc]
		sy := y - v.dy
		if sy < 0 || sy >= in.Height || x0 >= x1 {
			clear(line)
			continue
		}
		clear(line[:x0*oc])
		clear(line[x1*oc:])
		from := sy * in.Width * c
		a := cur[from : from+in.Width*c]
		var b []byte
		if old != nil {
			b = old[from : from+in.Width*c]
		}
		if !v.flip {
			s0, s1 := (x0-v.dx)*c, (x1-v.dx)*c
			if b != nil {
				b = b[s0:s1]
			}
			in.span(line[x0*oc:x1*oc], a[s0:s1], b, v.bright)
			continue
		}
		for x := x0; x < x1; x++ { // the mirrored picture, moved
			s := (in.Width - 1 - (x - v.dx)) * c
			var p []byte
			if b != nil {
				p = b[s : s+c]
			}
			in.span(line[x*oc:(x+1)*oc], a[s:s+c], p, v.bright)
		}
	}
}

// span converts neighbouring pixels.
func (in Input) span(dst []float32, cur, old []byte, bright float32) {
	const unit = float32(1) / 255
	switch in.Kind {
	case RGB:
		kernel.FromU8(dst, cur, unit*bright, 0)
	case Grey:
		kernel.FromU8(dst, cur, unit, 0)
	case Diff:
		kernel.DiffU8(dst, cur, old, in.Gain*unit, -1, 1)
	case GreyDiff:
		g := in.Gain * unit
		old = old[:len(cur)]
		for i, a := range cur {
			dst[2*i] = unit * float32(a)
			dst[2*i+1] = min(max(g*float32(int(a)-int(old[i])), -1), 1)
		}
	}
}

// Live makes rows of frames that come one at a time, as the rows of a clip of the same frames would be. Not for
// several goroutines.
type Live struct {
	in   Input
	ring [][]byte // the last Lag+1 frames; frame n is at n % len
	n    int
}

// NewLive prepares memory for the frames the input looks back on.
func NewLive(in Input) (*Live, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	in = in.WithDefaults()
	l := &Live{in: in}
	if in.Lag > 0 {
		l.ring = make([][]byte, in.Lag+1)
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
	var old []byte
	if l.ring != nil {
		copy(l.ring[l.n%len(l.ring)], frame)
		old = l.ring[max(l.n-l.in.Lag, 0)%len(l.ring)]
		l.n++
		if l.n == 1<<30 { // far from overflow and past the first frames; keep the place in the ring
			l.n = len(l.ring) + l.n%len(l.ring)
		}
	}
	l.in.row(dst, frame, old, plainView())
	return nil
}

// Reset forgets the frames seen, for a new video.
func (l *Live) Reset() { l.n = 0 }
