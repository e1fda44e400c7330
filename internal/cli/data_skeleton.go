package cli

import (
	"context"

	"github.com/fdht/fdht/dataset"
)

// dataSkeletonCmd is fdht data skeleton.
type dataSkeletonCmd struct {
	Dir     string   `arg:"" placeholder:"DIR" help:"Clip folder of skeletons: .npy or .npz of [steps, 3 times the joints], x, y and z of each joint."`
	Out     string   `required:"" placeholder:"DIR" group:"common" help:"A new folder for the clips that are written."`
	Origin  int      `placeholder:"J" group:"frames" help:"Number of the joint, from 1, whose place in the first row becomes the origin (coordinates stay)."`
	Torso   []int    `placeholder:"A,B" group:"frames" help:"Two joints whose mean distance over the clip becomes 0.5 (sizes stay)."`
	Lag     int      `placeholder:"N" group:"frames" help:"Put the difference to the row N before beside each row; before the first row is the first (no differences)."`
	Gain    *float64 `placeholder:"X" group:"frames" help:"What the differences are multiplied by (4)."`
	MaxBad  float64  `default:"0.01" placeholder:"SHARE" group:"data" help:"Share of the clips that may be unreadable (${default})."`
	Workers int      `group:"common" placeholder:"N" help:"Clips written at once (all processors)."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataSkeletonCmd) Help() string {
	return `Example:

  fdht data skeleton utd-mhad/skeleton --out relative --origin 4 --torso 2,4 --lag 3
  fdht train --data relative --out runs/skeleton --rank 8 --turn 17 --stretch 0.1

Skeletons of people of any height and place come out alike: moved to a joint's place in the first row, scaled to one torso, with their motion beside them. A row is
[x(t); X (x(t) - x(t-N))]. Labels and names stay; the files are .npy of float32.`
}

// Run writes the clips.
func (c *dataSkeletonCmd) Run(ctx context.Context, u *ui) error {
	o := dataset.SkeletonOptions{Origin: c.Origin, Lag: c.Lag, Workers: c.Workers, MaxBad: c.MaxBad}
	if n := len(c.Torso); n != 0 && n != 2 {
		return usage("such as --torso 2,4", "--torso %v: want the numbers of two joints", c.Torso)
	}
	copy(o.Torso[:], c.Torso)
	switch {
	case c.Gain != nil:
		o.Gain = *c.Gain
	case c.Lag > 0:
		o.Gain = 4
	}
	if c.MaxBad == 0 {
		o.MaxBad = -1
	}
	if err := o.Validate(); err != nil {
		return usage("", "--origin, --torso, --lag, --gain: %w", err)
	}
	return u.rewrite(c.Dir, c.Out, "writing clips", "of points", c.JSON, func(progress func(done, total int)) (*dataset.Report, error) {
		o.Progress = progress
		return dataset.Skeleton(ctx, c.Dir, c.Out, o)
	})
}
