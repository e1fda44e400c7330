package video

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
)

// Shaper brings pictures to one size and number of channels, as Frames does with those of a file. It keeps its memory: pictures that come in the same size cost no
// allocation. It is for one goroutine.
type Shaper struct{ s shaper }

// NewShaper makes pictures as o says: Height, Width and Channels of it are used.
func NewShaper(o Options) (*Shaper, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Shaper{shaper{o: o}}, nil
}

// Frame brings f to the size and channels asked for. The result may share memory with f or with the frame before.
func (s *Shaper) Frame(f Frame) Frame { return s.s.frame(f.Pix, f.Height, f.Width, f.Channels) }

// JPEG decodes JPEG pictures that come one by one. It is for one goroutine.
type JPEG struct {
	p    picture
	luma []byte
}

// NewJPEG decodes pictures of no more than limits.Pixels.
func NewJPEG(limits Limits) *JPEG { return &JPEG{p: picture{limits: limits}} }

// Decode makes a frame of one picture, grey (channels 1: its luma as it is stored) or RGB (3). What the picture says of its size is looked at before memory is
// taken for it: an ErrLimit where that is too large. The frame's Pix is used again by the next one.
func (j *JPEG) Decode(data []byte, channels int) (Frame, error) {
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Frame{}, jpegErr(err)
	}
	if err := j.p.limits.checkSize(cfg.Width, cfg.Height); err != nil {
		return Frame{}, fmt.Errorf("jpeg %w", err)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return Frame{}, jpegErr(err)
	}
	if channels == 1 {
		if luma, stride, ok := lumaOf(img); ok {
			return j.grey(luma, stride, img.Bounds()), nil
		}
	}
	j.p.take(img)
	f := Frame{j.p.h, j.p.w, 3, j.p.rgb}
	if channels == 1 {
		f.Channels, f.Pix = 1, j.room(f.Height*f.Width)
		for i := range f.Pix {
			f.Pix[i] = luma(j.p.rgb[3*i], j.p.rgb[3*i+1], j.p.rgb[3*i+2])
		}
	}
	return f, nil
}

// lumaOf is the plane of luma, full range by Rec. 601, of pictures that have one.
func lumaOf(img image.Image) (pix []byte, stride int, ok bool) {
	switch m := img.(type) {
	case *image.Gray:
		return m.Pix, m.Stride, true
	case *image.YCbCr:
		return m.Y, m.YStride, true
	}
	return nil, 0, false
}

// grey copies a plane without what lies between its rows.
func (j *JPEG) grey(plane []byte, stride int, b image.Rectangle) Frame {
	h, w := b.Dy(), b.Dx()
	out := j.room(h * w)
	for y := range h {
		copy(out[y*w:(y+1)*w], plane[y*stride:])
	}
	return Frame{h, w, 1, out}
}

func (j *JPEG) room(n int) []byte {
	if cap(j.luma) < n {
		j.luma = make([]byte, n)
	}
	return j.luma[:n]
}

func jpegErr(err error) error {
	var format jpeg.FormatError
	if errors.As(err, &format) {
		return fmt.Errorf("not a jpeg picture: %s", string(format))
	}
	return imageErr(err)
}
