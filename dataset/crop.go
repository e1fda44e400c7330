package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/video"
)

// CropOptions says how Crop cuts clips down to what is in front.
type CropOptions struct {
	Height, Width int     // of the frames that are written, in pixels
	Channels      int     // 1 = grey, 3 = RGB
	Above         int     // what is brighter than this is in front, 0..254; 0 for pictures whose background is black
	Margin        float64 // height of the box in heights of what is in front

	Workers  int                   // clips at once; 0 = one a CPU
	FFmpeg   string                // the ffmpeg program; "" = "ffmpeg" found on the PATH
	MaxBad   float64               // as in Options
	Progress func(done, total int) // as in Options
}

// ErrNothingInFront is what the error of a clip is (errors.Is) in which no pixel is brighter than CropOptions.Above.
var ErrNothingInFront = errors.New("nothing is in front")

// edgeShare is the share of what is in front that may stand out of it above, and as much below, as noise.
const edgeShare = 0.01

// cropRate is the frame rate that the files say they have: that of the source is not known.
const cropRate = 30

// Validate says what is wrong with the options.
func (o CropOptions) Validate() error {
	vo := video.Options{Height: o.Height, Width: o.Width, Channels: o.Channels}
	switch {
	case o.Height < 1:
		return fmt.Errorf("frame size %dx%d: want height and width of 1 or more", o.Height, o.Width)
	case o.Above < 0 || o.Above > 254:
		return fmt.Errorf("above %d: want a brightness of 0 to 254", o.Above)
	case !(o.Margin >= 0.1 && o.Margin <= 10):
		return fmt.Errorf("margin %v: want 0.1 to 10 heights of what is in front; try 1.15", o.Margin)
	}
	return vo.Validate()
}

// Crop writes the clips of a folder of video to the folder out, which must be new or empty, each cut to a box about what is in front: OUT/<label>/.../<clip>.y4m. The
// box is one for all frames of a clip, so that motion stays what it is. It is centred on the median column of what is in front, reaches from its 1st to its 99th percentile row times
// Margin, and is as much wider than high as the frames that are written; beyond the picture it is black. People of any height and distance come out alike.
//
// A clip that cannot be read, or has nothing in front, is left out and in the report, as in Open.
func Crop(ctx context.Context, root, out string, o CropOptions) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s, err := scanFolder(root)
	if err != nil {
		return nil, err
	}
	if s.features {
		return nil, fmt.Errorf("%s: not video: there is nothing to crop", root)
	}
	return s.rewrite(ctx, root, out, ".y4m", Options{Workers: o.Workers, MaxBad: o.MaxBad, Progress: o.Progress}, o.crop)
}

// crop writes one clip. It is decoded twice: the box is known when all of it has been seen. bad is what is wrong with the clip, err with writing.
func (o CropOptions) crop(ctx context.Context, from, to string) (warn string, bad, err error) {
	vo := video.Options{Channels: 1, FFmpeg: o.FFmpeg, Threads: 1, Warn: func(text string) { warn = text }}
	var f front
	for frame, bad := range video.Frames(ctx, from, vo) {
		if bad == nil {
			bad = f.add(frame, byte(o.Above))
		}
		if bad != nil {
			return "", bad, nil
		}
	}
	box, ok := f.box(float64(o.Width)/float64(o.Height), o.Margin)
	if !ok {
		return "", nothingInFront{o.Above}, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", nil, openErr(filepath.Dir(to), err)
	}
	vo.Height, vo.Width, vo.Channels, vo.Box = o.Height, o.Width, o.Channels, &box
	err = atomicfile.Write(to, func(w io.Writer) error {
		y := video.NewY4MWriter(w, cropRate)
		for frame, e := range video.Frames(ctx, from, vo) {
			if bad = e; bad != nil {
				return bad
			}
			if err := y.Write(frame); err != nil {
				return err
			}
		}
		return y.Flush()
	})
	if bad != nil {
		return "", bad, nil
	}
	return warn, nil, err
}

type nothingInFront struct{ above int }

func (nothingInFront) Is(target error) bool { return target == ErrNothingInFront }
func (e nothingInFront) Error() string {
	return fmt.Sprintf("%v: no pixel is brighter than %d", ErrNothingInFront, e.above)
}

// front counts where in the frames of a clip something is in front.
type front struct {
	rows, cols []int64
	all        int64
}

func (f *front) add(frame video.Frame, above byte) error {
	if f.rows == nil {
		f.rows, f.cols = make([]int64, frame.Height), make([]int64, frame.Width)
	}
	if frame.Height != len(f.rows) || frame.Width != len(f.cols) {
		return fmt.Errorf("a frame of %dx%d after ones of %dx%d: a box for all of them wants one size", frame.Width, frame.Height, len(f.cols), len(f.rows))
	}
	for y := range frame.Height {
		for x, v := range frame.Pix[y*frame.Width : (y+1)*frame.Width] {
			if v > above {
				f.rows[y]++
				f.cols[x]++
				f.all++
			}
		}
	}
	return nil
}

// box is about what is in front; aspect is its width by its height.
func (f *front) box(aspect, margin float64) (video.Box, bool) {
	if f.all == 0 {
		return video.Box{}, false
	}
	top, bottom := percentile(f.rows, f.all, edgeShare), percentile(f.rows, f.all, 1-edgeShare)+1
	b := video.Box{Height: max(float64(bottom-top)*margin, 1, 1/aspect)}
	b.Width = b.Height * aspect
	b.Y = float64(top+bottom)/2 - b.Height/2
	b.X = float64(percentile(f.cols, f.all, 0.5)) + 0.5 - b.Width/2
	return b, true
}

// percentile is the first place up to which counts have the share of all.
func percentile(counts []int64, all int64, share float64) int {
	var n int64
	for i, c := range counts {
		if n += c; float64(n) >= share*float64(all) {
			return i
		}
	}
	return len(counts) - 1
}
