package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// clips are the frames that the steps of clips take, as bytes.
type clips struct {
	in     dataset.Input
	steps  int
	labels []int
	frames [][][2][]byte // of each clip and step: the frame and the one it is compared with
}

// open opens the data set with frames as given, and divides it.
func (o options) open(ctx context.Context, in dataset.Input) (dataset.Dataset, dataset.Split, error) {
	ds, _, err := dataset.Open(ctx, o.data, dataset.Options{Input: in, CacheDir: o.cache})
	if err != nil {
		return nil, dataset.Split{}, err
	}
	s, err := dataset.MakeSplit(ds, dataset.SplitOptions{TestGroups: o.groups})
	return ds, s, err
}

// calibration is how many training clips show how large activations get.
const calibration = 16

// readClips reads the test clips, and a few training clips as rows.
func readClips(ctx context.Context, c model.Config, o options) (test *clips, training []rnn.Sequence, err error) {
	in, err := frames.Input(c)
	if err != nil {
		return nil, nil, err
	}
	if c.Frame == nil || c.Steps == 0 {
		return nil, nil, fmt.Errorf("the model takes no video clips of a fixed length")
	}
	ds, split, err := o.open(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	for i := range min(calibration, len(split.Train)) {
		var clip dataset.Clip
		if err := ds.Clip(&clip, split.Train[i*len(split.Train)/calibration], dataset.Sample{Steps: c.Steps}); err != nil {
			return nil, nil, err
		}
		training = append(training, &clip)
	}
	plain := in
	if in.Lag > 0 {
		plain.Kind = dataset.Grey
	}
	raw, split, err := o.open(ctx, plain.WithDefaults())
	if err != nil {
		return nil, nil, err
	}
	test = &clips{in: in, steps: c.Steps}
	for _, i := range split.Test {
		var all, picked dataset.Clip
		if err := raw.Clip(&all, i, dataset.Sample{}); err != nil {
			return nil, nil, err
		}
		if err := ds.Clip(&picked, i, dataset.Sample{Steps: c.Steps}); err != nil {
			return nil, nil, err
		}
		var steps [][2][]byte
		for t := range picked.Len() {
			n := picked.Source(t)
			steps = append(steps, [2][]byte{bytesOf(&all, n), bytesOf(&all, max(n-in.Lag, 0))})
		}
		test.frames = append(test.frames, steps)
		test.labels = append(test.labels, ds.Label(i))
	}
	return test, training, nil
}

// bytesOf are the bytes of a frame that was scaled to 0..1.
func bytesOf(c *dataset.Clip, frame int) []byte {
	row := make([]float32, c.Width())
	c.Load(row, frame)
	out := make([]byte, len(row))
	for i, v := range row {
		out[i] = byte(math.Round(float64(v) * 255))
	}
	return out
}

// some are n clips, evenly through all.
func (c *clips) some(n int) *clips {
	out := &clips{in: c.in, steps: c.steps}
	each := c.every(n)
	for i := 0; i < len(c.labels) && len(out.labels) < n; i += each {
		out.labels, out.frames = append(out.labels, c.labels[i]), append(out.frames, c.frames[i])
	}
	return out
}

// every is the distance of n clips that are spread over all.
func (c *clips) every(n int) int {
	if n < 1 {
		return 1
	}
	return max(len(c.labels)/n, 1)
}

// write writes the clips for other programs: int32 clips, steps, bytes of a frame; then of each step the frame and the one it is compared with.
func (c *clips) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	size := len(c.frames[0][0][0])
	err = binary.Write(w, binary.LittleEndian, []int32{int32(len(c.labels)), int32(c.steps), int32(size)})
	for _, clip := range c.frames {
		for _, step := range clip {
			w.Write(step[0]) // an error stays until Flush
			w.Write(step[1])
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
