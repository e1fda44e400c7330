// Package video takes frames out of files: video files through the system's ffmpeg, folders of images, animated
// GIFs and y4m. Frames come one at a time as 8-bit row-major height x width x channels, grey or RGB, at the
// file's own size or resampled to a wanted one.
package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// MaxPixels is the largest height x width a frame may have, in a file or asked for: that of an 8K picture.
// Larger ones are refused before anything of their size is allocated.
const MaxPixels = 7680 * 4320

// Options says what frames should look like and how they are made.
type Options struct {
	Height, Width int    // size of the frames in pixels; both 0 = the size the file has
	Box           *Box   // what of the picture is taken, brought to Height x Width; nil = all of it
	Channels      int    // 1 = grey (Rec. 601 luma), 3 = RGB; 0 = 3
	FFmpeg        string // the ffmpeg program; "" = "ffmpeg" found on the PATH
	Threads       int    // decoding threads of an ffmpeg process; 0 = what ffmpeg chooses
	Limits        Limits // of sources that strangers send

	// Warn, if set, is called at most once when frames came but the decoder complained (damage in the middle of
	// a file, a cut end). The text is the decoder's, without the file's name.
	Warn func(text string)
}

// Box is a part of a picture in its pixels, from its upper left corner. It may reach beyond the picture, where all is black.
type Box struct{ Y, X, Height, Width float64 }

// Validate says whether the options make sense.
func (o Options) Validate() error {
	switch {
	case o.Height < 0 || o.Width < 0 || (o.Height == 0) != (o.Width == 0):
		return fmt.Errorf("frame size %dx%d: height and width must both be positive, or both 0 for the size of the file", o.Height, o.Width)
	case o.Height > MaxPixels || o.Width > MaxPixels || o.Height*o.Width > MaxPixels:
		return fmt.Errorf("frame size %dx%d: at most %d pixels", o.Height, o.Width, MaxPixels)
	case o.Box != nil && o.Height == 0:
		return errors.New("a box of the picture is brought to a size: give height and width")
	case o.Box != nil && !o.Box.valid():
		return fmt.Errorf("box of %v x %v pixels at (%v, %v): want a height and width of at least a pixel, at most %d", o.Box.Height, o.Box.Width, o.Box.X, o.Box.Y, MaxPixels)
	case o.Channels != 0 && o.Channels != 1 && o.Channels != 3:
		return fmt.Errorf("%d channels: want 1 (grey) or 3 (rgb)", o.Channels)
	}
	return nil
}

func (b Box) valid() bool {
	const most = MaxPixels
	for _, v := range []float64{b.Height, b.Width} {
		if !(v >= 1 && v <= most) {
			return false
		}
	}
	for _, v := range []float64{b.Y, b.X} {
		if !(v >= -most && v <= most) {
			return false
		}
	}
	return true
}

func (o Options) channels() int {
	if o.Channels == 0 {
		return 3
	}
	return o.Channels
}

// Frame is one picture. Pix holds Height*Width*Channels bytes, row-major, channels adjacent, 0 = black.
type Frame struct {
	Height, Width, Channels int
	Pix                     []byte
}

// Kind says how a file or folder is read.
type Kind string

// The kinds of source. All but KindFFmpeg are read without any other program.
const (
	KindFFmpeg Kind = "ffmpeg" // a video file
	KindImages Kind = "images" // a folder of PNG, JPEG and GIF pictures, or one PNG or JPEG
	KindGIF    Kind = "gif"    // an animated GIF
	KindY4M    Kind = "y4m"    // YUV4MPEG2
)

// ErrNoFFmpeg is what errors of reading a video file are (errors.Is) when there is no ffmpeg on this machine.
var ErrNoFFmpeg = errors.New("ffmpeg is not installed and this file needs it: install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg); folders of images, GIF, y4m and .npy need none")

// ErrNoFrames is what errors are (errors.Is) when a readable source holds no picture.
var ErrNoFrames = errors.New("no video frames in it")

// KindOfName tells the kind a file's name promises; ok is false for names that are not of a clip (text, archives).
// Single pictures are not clips: they count through their folder (see IsImageName).
func KindOfName(name string) (k Kind, ok bool) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".mp4", ".m4v", ".avi", ".mpg", ".mpeg", ".mkv", ".webm", ".mov":
		return KindFFmpeg, true
	case ".gif":
		return KindGIF, true
	case ".y4m":
		return KindY4M, true
	}
	return "", false
}

// IsImageName reports whether the name is that of a picture which a folder of images is made of.
func IsImageName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// Detect finds the kind of a file or folder: by its name, and by its first bytes where the name says nothing.
func Detect(path string) (Kind, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fileErr(path, err)
	}
	if st.IsDir() {
		if _, err := imageNames(path); err != nil {
			return "", err
		}
		return KindImages, nil
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a regular file; pipe it to standard input instead", path)
	}
	if st.Size() == 0 {
		return "", fmt.Errorf("%s: the file is empty; get a whole copy or leave it out", path)
	}
	if k, ok := KindOfName(path); ok {
		return k, nil
	}
	if IsImageName(path) {
		return KindImages, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fileErr(path, err)
	}
	defer f.Close()
	head := make([]byte, len(y4mMagic))
	n, _ := io.ReadFull(f, head)
	switch k := sniff(head[:n]); k {
	case "":
		return KindFFmpeg, nil
	default:
		return k, nil
	}
}

// sniff knows the kinds that need no ffmpeg by their first bytes.
func sniff(head []byte) Kind {
	switch s := string(head); {
	case strings.HasPrefix(s, y4mMagic):
		return KindY4M
	case strings.HasPrefix(s, "GIF87a"), strings.HasPrefix(s, "GIF89a"):
		return KindGIF
	}
	return ""
}

// Frames yields the frames of a video file, a folder of images, a GIF or a y4m file, in order. The Pix of a frame is
// used again for the next one: copy it to keep it. An error comes last, with a zero Frame; its text names the
// path. Stopping the iteration early or cancelling ctx ends a running ffmpeg.
func Frames(ctx context.Context, path string, o Options) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		if err := o.Validate(); err != nil {
			yield(Frame{}, err)
			return
		}
		kind, err := Detect(path)
		if err != nil {
			yield(Frame{}, err)
			return
		}
		count, stopped := 0, false
		var over error
		out := func(f Frame) bool {
			count++
			if over = o.Limits.CheckFrames(count); over != nil {
				return false
			}
			stopped = !yield(f, nil)
			return !stopped
		}
		switch kind {
		case KindImages:
			err = readImages(ctx, path, o, out)
		case KindGIF, KindY4M:
			err = readFile(ctx, path, kind, o, out)
		default:
			err = readFFmpeg(ctx, path, nil, o, out)
		}
		if stopped {
			return
		}
		if err == nil {
			err = over
		}
		if err == nil && count == 0 {
			err = ErrNoFrames
		}
		if err != nil {
			yield(Frame{}, nameErr(ctx, path, err))
		}
	}
}

// Stream yields the frames of a video that comes through a pipe, each as soon as it is there. y4m and GIF are
// known by their first bytes and read without ffmpeg; everything else goes through one. Frames as in Frames: Pix is
// used again. When ctx is cancelled while r blocks, Stream returns but a goroutine may stay in r.Read until that returns.
func Stream(ctx context.Context, r io.Reader, o Options) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		if err := o.Validate(); err != nil {
			yield(Frame{}, err)
			return
		}
		count, stopped := 0, false
		var over error
		err := readStream(ctx, r, o, func(f Frame) bool {
			count++
			if over = o.Limits.CheckFrames(count); over != nil {
				return false
			}
			stopped = !yield(f, nil)
			return !stopped
		})
		if stopped {
			return
		}
		if err == nil {
			err = over
		}
		if err == nil && count == 0 {
			err = ErrNoFrames
		}
		if err != nil {
			yield(Frame{}, nameErr(ctx, "video stream", err))
		}
	}
}

// Info is what Probe finds.
type Info struct {
	Kind          Kind
	Height, Width int // of the first frame, in pixels, as stored
}

// Probe reads the first frame of a file or folder and says what is there.
func Probe(ctx context.Context, path string, o Options) (Info, error) {
	kind, err := Detect(path)
	if err != nil {
		return Info{}, err
	}
	o.Height, o.Width, o.Warn = 0, 0, nil
	for f, err := range Frames(ctx, path, o) {
		if err != nil {
			return Info{}, err
		}
		return Info{Kind: kind, Height: f.Height, Width: f.Width}, nil
	}
	return Info{}, fmt.Errorf("%s: %w", path, ErrNoFrames)
}

// FFmpegPath returns the ffmpeg program that would be used, or ErrNoFFmpeg.
func FFmpegPath(o Options) (string, error) { return findFFmpeg(o.FFmpeg) }

// nameErr puts the source's name before an error, but leaves a cancellation plain so that callers see it at once.
func nameErr(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// errNoFile is fs.ErrNotExist in other words.
type errNoFile struct{}

func (errNoFile) Error() string        { return "no such file or folder" }
func (errNoFile) Is(target error) bool { return target == fs.ErrNotExist }

// fileErr is an open or stat error without the doubled path and the name of the system call.
func fileErr(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, errNoFile{})
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
