package video

import (
	"bufio"
	"fmt"
	"io"
)

// Y4MWriter writes frames as a y4m stream: C444 for RGB, Cmono for grey, both full range, so that nothing but the
// rounding of RGB to YCbCr and back (at most 2 of 255) is lost.
type Y4MWriter struct {
	w       *bufio.Writer
	f       Frame
	started bool
	fps     int
	planes  []byte
}

// NewY4MWriter makes a writer with a frame rate in frames a second. Call Flush at the end.
func NewY4MWriter(w io.Writer, fps int) *Y4MWriter {
	return &Y4MWriter{w: bufio.NewWriter(w), fps: max(fps, 1)}
}

// Write adds a frame. All frames must have the size and channels of the first.
func (y *Y4MWriter) Write(f Frame) error {
	if len(f.Pix) != f.Height*f.Width*f.Channels || (f.Channels != 1 && f.Channels != 3) {
		return fmt.Errorf("y4m: a frame of %dx%dx%d with %d bytes", f.Height, f.Width, f.Channels, len(f.Pix))
	}
	if !y.started {
		y.started = true
		y.f = Frame{f.Height, f.Width, f.Channels, nil}
		space := "444"
		if f.Channels == 1 {
			space = "mono"
		}
		if _, err := fmt.Fprintf(y.w, "%s W%d H%d F%d:1 Ip A1:1 C%s XCOLORRANGE=FULL\n", y4mMagic, f.Width, f.Height, y.fps, space); err != nil {
			return err
		}
		y.planes = make([]byte, len(f.Pix))
	}
	if f.Height != y.f.Height || f.Width != y.f.Width || f.Channels != y.f.Channels {
		return fmt.Errorf("y4m: a frame of %dx%dx%d after ones of %dx%dx%d", f.Height, f.Width, f.Channels, y.f.Height, y.f.Width, y.f.Channels)
	}
	if _, err := y.w.WriteString("FRAME\n"); err != nil {
		return err
	}
	if f.Channels == 1 {
		_, err := y.w.Write(f.Pix)
		return err
	}
	n := f.Height * f.Width
	const half = 1 << 15
	for i := range n {
		r, g, b := int(f.Pix[3*i]), int(f.Pix[3*i+1]), int(f.Pix[3*i+2])
		y.planes[i] = luma(f.Pix[3*i], f.Pix[3*i+1], f.Pix[3*i+2])
		y.planes[n+i] = clamp8(-11058*r - 21710*g + 32768*b + 128<<16 + half)
		y.planes[2*n+i] = clamp8(32768*r - 27439*g - 5329*b + 128<<16 + half)
	}
	_, err := y.w.Write(y.planes)
	return err
}

// Flush writes what is buffered.
func (y *Y4MWriter) Flush() error { return y.w.Flush() }
