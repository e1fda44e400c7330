package dataset

import (
	"context"
	"fmt"
	"os"

	"github.com/fdht/fdht/video"
)

// clipMemory bounds the decoded frames of one clip in memory: 4 GiB, or less where int is small.
const clipMemory = min(4<<30, int64(^uint(0)>>1))

// ReadClip reads one clip that is in no data set: a video file, a folder of images, a GIF or y4m for an input of a
// video kind, .npy or .npz (of any width) where in is the zero Input. Frames go into dst's own memory, not into the
// cache; of o only FFmpeg and Limits are used. s.Train must be false: there is no clip number to draw from.
func ReadClip(ctx context.Context, dst *Clip, path string, in Input, s Sample, o Options) error {
	if s.Train {
		return fmt.Errorf("%s: a clip read by itself is not for training", path)
	}
	if in == (Input{}) {
		if !isFeatureName(path) {
			return fmt.Errorf("%s: not a feature sequence: want .npy or .npz of [T, F]", path)
		}
		rows, width, err := readFeatures(path)
		if err != nil {
			return err
		}
		return dst.setRows(path, 0, width, rows, s)
	}
	if err := in.Validate(); err != nil {
		return err
	}
	if isFeatureName(path) {
		if st, err := os.Stat(path); err == nil && !st.IsDir() {
			return fmt.Errorf("%s: a feature sequence, and video is wanted", path)
		}
	}
	in = in.WithDefaults()
	dst.own = dst.own[:0]
	vo := video.Options{Height: in.Height, Width: in.Width, Channels: in.SourceChannels(), FFmpeg: o.FFmpeg, Limits: o.Limits}
	for f, err := range video.Frames(ctx, path, vo) {
		if err != nil {
			return err
		}
		if int64(len(dst.own)+len(f.Pix)) > clipMemory {
			return fmt.Errorf("%s: more than %d bytes of frames: predict it with --stream, or cut it", path, clipMemory)
		}
		dst.own = append(dst.own, f.Pix...)
	}
	return dst.setFrames(path, 0, in, dst.own, nil, s)
}
