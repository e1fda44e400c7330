package cli

import (
	"context"

	"github.com/fdht/fdht/dataset"
)

// dataCropCmd is fdht data crop.
type dataCropCmd struct {
	Dir     string    `arg:"" placeholder:"DIR" help:"Clip folder of video."`
	Out     string    `required:"" placeholder:"DIR" group:"common" help:"A new folder for the cropped clips."`
	Frame   frameSize `required:"" placeholder:"HxWxC" group:"frames" help:"Size of the frames that are written, such as 64x64x1; 1 channel is grey, 3 are colours (3)."`
	Above   int       `default:"0" placeholder:"N" group:"frames" help:"What is brighter than this, of 255, is in front (${default}: all that is not black)."`
	Margin  float64   `default:"1.15" placeholder:"X" group:"frames" help:"Height of the box in heights of what is in front (${default})."`
	MaxBad  float64   `default:"0.01" placeholder:"SHARE" group:"data" help:"Share of the clips that may be unreadable (${default})."`
	Workers int       `group:"common" placeholder:"N" help:"Clips cropped at once (all processors)."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataCropCmd) Help() string {
	return `Example:

  fdht data crop utd-mhad/depth --out cropped --frame 64x64x1
  fdht train --data cropped --frame 64x64 --input diff --out runs/cropped --rank 8

For clips before a black background, such as depth or silhouettes: each is cut to a box about what is in front, the same for all its frames, centred on the median
column and from the 1st to the 99th percentile row, so that people of any height and distance come out alike. Labels and names stay; the files are y4m of 30 frames/s.`
}

// Run crops.
func (c *dataCropCmd) Run(ctx context.Context, u *ui) error {
	o := dataset.CropOptions{
		Height: c.Frame.H, Width: c.Frame.W, Channels: c.Frame.C, Above: c.Above, Margin: c.Margin, Workers: c.Workers, MaxBad: c.MaxBad,
	}
	if c.MaxBad == 0 {
		o.MaxBad = -1
	}
	if err := o.Validate(); err != nil {
		return usage("", "--frame, --above, --margin: %w", err)
	}
	return u.rewrite(c.Dir, c.Out, "cropping clips", "of "+c.Frame.String(), c.JSON, func(progress func(done, total int)) (*dataset.Report, error) {
		o.Progress = progress
		return dataset.Crop(ctx, c.Dir, c.Out, o)
	})
}
