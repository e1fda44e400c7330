package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/internal/cnn"
)

// featuresCmd is fdht features.
type featuresCmd struct {
	CNN     string    `name:"cnn" required:"" placeholder:"MODEL.onnx" group:"model" help:"Network of frames: an input [N, C, H, W] or [N, H, W, C] of float32, an output [N, F] or [N, F, ...], whose mean is taken."`
	Output  string    `placeholder:"NAME" group:"model" help:"Which output holds the features (the first)."`
	Library string    `placeholder:"FILE" group:"model" help:"Library of ONNX Runtime; left out: that of npm's onnxruntime-node in the folder that FDHT_NODE names."`
	Data    string    `required:"" placeholder:"DIR" group:"data" help:"Folder DIR/<label>/**/<clip> of video."`
	Out     string    `required:"" placeholder:"DIR" group:"data" help:"Folder for the features: OUT/<label>/**/<clip>.npy of [steps, F]. What is there already is kept."`
	Steps   int       `default:"16" placeholder:"T" group:"frames" help:"Frames taken from a clip, evenly; 0: all (${default})."`
	Frame   frameSize `placeholder:"HxW" group:"frames" help:"Size of the frames, where the network leaves it open."`
	Mean    []float64 `default:"0.485,0.456,0.406" placeholder:"X" group:"frames" help:"Subtracted from the channels, whose values are 0 to 1 (${default})."`
	Std     []float64 `default:"0.229,0.224,0.225" placeholder:"X" group:"frames" help:"What the channels are divided by then (${default})."`
	jsonFlag
	common
}

// Help is the long help.
func (*featuresCmd) Help() string {
	return `Example:

  fdht features --cnn resnet50.onnx --output pooled --data clips --out features
  fdht train --data features --out runs/cnn --hidden 2048 --modes-in 8,8,8,8 --modes-out 16,8,8,8 --rank 8

Only a program that was built with the tag onnxruntime has this: CGO_ENABLED=1 go build -tags onnxruntime ./cmd/fdht. Names, and with them labels, groups and official
splits, are those of the clips.`
}

// featured is what features --json prints.
type featured struct {
	Out   string `json:"out"`
	Clips int    `json:"clips"`
	New   int    `json:"new"`
}

// Run computes features.
func (c *featuresCmd) Run(ctx context.Context, u *ui) (err error) {
	if c.Steps < 0 {
		return usage("", "--steps %d: want 0, all frames, or more", c.Steps)
	}
	files, err := dataset.ListVideo(c.Data)
	if err != nil {
		return err
	}
	net, err := cnn.Open(c.CNN, cnn.Options{Library: c.Library, Output: c.Output, Input: cnn.Shape{Height: c.Frame.H, Width: c.Frame.W}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	if n := net.Input().Channels; len(c.Mean) < n || len(c.Std) < n {
		return usage("", "--mean and --std: want %d values each", n)
	}
	for _, s := range c.Std {
		if !(s > 0) {
			return usage("", "--std %v: want values above 0", c.Std)
		}
	}
	r := featured{Out: c.Out, Clips: len(files)}
	b := u.bar("computing features")
	defer b.done()
	for i, f := range files {
		if ctx.Err() != nil {
			return hinted{errors.New("stopped; what is done is kept"), "the same command goes on"}
		}
		to := filepath.Join(c.Out, featuresName(f))
		if _, err := os.Stat(to); err != nil {
			if err := c.one(ctx, net, f, to); err != nil {
				return fmt.Errorf("%s: %w", f.ID, err)
			}
			r.New++
		}
		b.count(i+1, len(files))
	}
	if c.JSON {
		return u.json(r)
	}
	return u.print("%s: features of %d clips, %d of them computed now\n", r.Out, r.Clips, r.New)
}

// featuresName is the file of a clip's features: its own name in the folder of its label.
func featuresName(f dataset.File) string {
	id := strings.TrimSuffix(f.ID, path.Ext(f.ID))
	if !strings.HasPrefix(f.ID, f.Label+"/") {
		id = f.Label + "/" + id
	}
	return filepath.FromSlash(id + ".npy")
}

// one writes the features of a clip.
func (c *featuresCmd) one(ctx context.Context, net *cnn.Network, f dataset.File, to string) error {
	in := net.Input()
	how := dataset.Input{Kind: dataset.RGB, Height: in.Height, Width: in.Width}
	if in.Channels == 1 {
		how.Kind = dataset.Grey
	}
	var clip dataset.Clip
	s := dataset.Sample{Steps: c.Steps, Short: dataset.ShortRepeat}
	if err := dataset.ReadClip(ctx, &clip, f.Path, how, s, dataset.Options{}); err != nil {
		return err
	}
	frame := make([]float32, clip.Width())
	var rows []float32
	for t := range clip.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		clip.Load(frame, t)
		for i := range frame {
			k := i % in.Channels
			frame[i] = float32((float64(frame[i]) - c.Mean[k]) / c.Std[k])
		}
		row, err := net.Features(frame)
		if err != nil {
			return err
		}
		rows = append(rows, row...)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return fmt.Errorf("cannot make %s: %w", filepath.Dir(to), bare(err))
	}
	return atomicfile.Write(to, func(w io.Writer) error { return dataset.WriteNPY(w, rows, len(rows)/max(clip.Len(), 1)) })
}
