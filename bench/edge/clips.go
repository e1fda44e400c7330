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
	frames [][][][]byte // of each clip and step: the frame, and for each lag the one it is compared with
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

// parts are a data set as a model takes it.
type parts struct {
	in    dataset.Input
	steps int
	ds    dataset.Dataset
	split dataset.Split
}

func openParts(ctx context.Context, c model.Config, o options) (p parts, err error) {
	if c.Frame == nil || c.Steps == 0 {
		return p, fmt.Errorf("the model takes no video clips of a fixed length")
	}
	p.steps = c.Steps
	if p.in, err = frames.Input(c); err != nil {
		return p, err
	}
	p.ds, p.split, err = o.open(ctx, p.in)
	return p, err
}

// training reads a few training clips as rows, evenly through them.
func (p parts) training() (rows []rnn.Sequence, err error) {
	n := min(calibration, len(p.split.Train))
	for i := range n {
		var clip dataset.Clip
		if err := p.ds.Clip(&clip, p.split.Train[i*len(p.split.Train)/n], dataset.Sample{Steps: p.steps}); err != nil {
			return nil, err
		}
		rows = append(rows, &clip)
	}
	return rows, nil
}

// test reads the test clips.
func (p parts) test(ctx context.Context, o options) (*clips, error) {
	plain := p.in
	if p.in.Lag.Len() > 0 {
		plain.Kind = dataset.Grey
	}
	raw, split, err := o.open(ctx, plain.WithDefaults())
	if err != nil {
		return nil, err
	}
	test := &clips{in: p.in, steps: p.steps}
	for _, i := range split.Test {
		var all, picked dataset.Clip
		if err := raw.Clip(&all, i, dataset.Sample{}); err != nil {
			return nil, err
		}
		if err := p.ds.Clip(&picked, i, dataset.Sample{Steps: p.steps}); err != nil {
			return nil, err
		}
		var steps [][][]byte
		for t := range picked.Len() {
			n := picked.Source(t)
			step := [][]byte{bytesOf(&all, n)}
			for _, lag := range p.in.Lag.Values() {
				step = append(step, bytesOf(&all, max(n-lag, 0)))
			}
			steps = append(steps, step)
		}
		test.frames = append(test.frames, steps)
		test.labels = append(test.labels, p.ds.Label(i))
	}
	return test, nil
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

// some are n clips, evenly through all; all with 0.
func (c *clips) some(n int) *clips {
	if n < 1 || n > len(c.labels) {
		return c
	}
	out := &clips{in: c.in, steps: c.steps}
	for i, each := 0, len(c.labels)/n; len(out.labels) < n; i += each {
		out.labels, out.frames = append(out.labels, c.labels[i]), append(out.frames, c.frames[i])
	}
	return out
}

// write writes the clips for other programs: int32 clips, steps, bytes of a frame; then of each step the frame, and for each lag the one it is compared with.
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
			for _, frame := range step {
				w.Write(frame) // an error stays until Flush
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
