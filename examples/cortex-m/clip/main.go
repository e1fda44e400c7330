// Command clip writes a clip as the example's board reads it, and prints what the Go engine makes of it in the form in which the board prints.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/video"
)

func main() {
	path := flag.String("model", "", "model in integers, from fdht quantize")
	clip := flag.String("clip", "", "video file, GIF, y4m or folder of images")
	out := flag.String("out", "clip.bin", "file to write")
	flag.Parse()
	if err := run(*path, *clip, *out); err != nil {
		fmt.Fprintln(os.Stderr, "clip:", err)
		os.Exit(1)
	}
}

func run(path, file, out string) error {
	m, err := quant.Load(path)
	if err != nil {
		return err
	}
	if m.Config.Frame == nil {
		return fmt.Errorf("%s takes rows of features, the example wants a model of video frames", path)
	}
	in, err := frames.Input(m.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var c dataset.Clip
	ctx := context.Background()
	if err := dataset.ReadClip(ctx, &c, file, in, dataset.Sample{Steps: m.Config.Steps, Short: dataset.ShortRepeat}, dataset.Options{}); err != nil {
		return err
	}
	var frames [][]byte
	for frame, err := range video.Frames(ctx, file, video.Options{Height: in.Height, Width: in.Width, Channels: in.SourceChannels()}) {
		if err != nil {
			return err
		}
		frames = append(frames, append([]byte(nil), frame.Pix...))
	}
	if err := writeClip(out, &c, frames, in); err != nil {
		return err
	}
	e, row, logits := m.NewEngine(), make([]float32, c.Width()), make([]float32, len(m.Config.Classes))
	for t := range c.Len() {
		c.Load(row, t)
		e.Step(row)
	}
	e.Logits(logits)
	best := 0
	for k, v := range logits {
		fmt.Printf("%08x %s\n", math.Float32bits(v), m.Config.Classes[k])
		if v > logits[best] {
			best = k
		}
	}
	fmt.Printf("label %s\n", m.Config.Classes[best])
	return nil
}

// writeClip writes each frame that the clip takes line by line, each line with those of the frames before it by the lags.
func writeClip(path string, c *dataset.Clip, frames [][]byte, in dataset.Input) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = binary.Write(w, binary.LittleEndian, int32(c.Len()))
	line := in.Width * in.SourceChannels()
	for t := range c.Len() {
		i := c.Source(t)
		step := [][]byte{frames[i]}
		for _, lag := range in.Lag.Values() {
			step = append(step, frames[max(i-lag, 0)])
		}
		for y := range in.Height {
			for _, frame := range step {
				w.Write(frame[y*line : (y+1)*line]) // an error stays until Flush
			}
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
