package video

import (
	"errors"
	"fmt"
	"strconv"
)

// Limits bound what a source may be, for sources that come from strangers. 0 = no bound of its own. With any bound a file that has no video itself but names others,
// such as a playlist, is an error.
type Limits struct {
	Pixels int   // height x width of a frame as it is stored; never more than MaxPixels. ffmpeg counts borders, too: up to twice as large a frame may pass it
	Frames int   // frames of a source: one that has more is an error
	Memory int64 // bytes of an ffmpeg process: of its address space on Linux, of a single allocation elsewhere
}

// ErrLimit is what errors are (errors.Is) about a source that is larger than Limits or MaxPixels allow, as far as it can be told from one that is broken.
var ErrLimit = errors.New("larger than allowed")

// pixels is the most that a frame may have.
func (l Limits) pixels() int {
	if l.Pixels > 0 {
		return min(l.Pixels, MaxPixels)
	}
	return MaxPixels
}

// checkSize looks at the size that a source says its frames have, before anything of that size is allocated.
func (l Limits) checkSize(w, h int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("width %d and height %d: both must be 1 or more", w, h)
	}
	if most := l.pixels(); w > most || h > most || int64(w)*int64(h) > int64(most) {
		return tooLarge{fmt.Sprintf("width %d and height %d: more than %d pixels", w, h, most)}
	}
	return nil
}

// CheckFrames looks at how many frames or rows there are so far: an ErrLimit where they are more than allowed.
func (l Limits) CheckFrames(n int) error {
	if l.Frames > 0 && n > l.Frames {
		return tooLarge{fmt.Sprintf("more than %d frames: cut it", l.Frames)}
	}
	return nil
}

// tooLarge is an ErrLimit with a text of its own.
type tooLarge struct{ text string }

func (e tooLarge) Error() string        { return e.text }
func (e tooLarge) Is(target error) bool { return target == ErrLimit }

// edges is what ffmpeg may have around a frame of Pixels besides: it counts the borders that its decoders work with.
const edges = 1 << 17

// formats are the kinds of files that ffmpeg takes from strangers: those that hold all of a video themselves. A playlist, a manifest or a list of parts names other
// files, which ffmpeg would open: any of the machine that it may read.
const formats = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,nut,ivf,obu,dv,rm,wtv,h264,hevc,m4v,mjpeg,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,yuv4mpegpipe"

// ffmpegArgs are the options that hold ffmpeg itself to the limits.
func (l Limits) ffmpegArgs() []string {
	if l == (Limits{}) {
		return nil
	}
	args := []string{"-format_whitelist", formats}
	if l.Memory > 0 {
		args = append(args, "-max_alloc", strconv.FormatInt(l.Memory, 10))
	}
	if l.Pixels > 0 {
		args = append(args, "-max_pixels", strconv.Itoa(2*l.pixels()+edges))
	}
	return args
}
