package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/fdht/fdht/internal/atomicfile"
)

// SkeletonOptions says what Skeleton makes of clips whose rows are joints, three coordinates each. Joints are numbered from 1.
type SkeletonOptions struct {
	Origin int     // the joint whose place in the first row becomes the origin; 0 = coordinates stay where they are
	Torso  [2]int  // joints whose mean distance over the clip becomes TorsoLength; 0,0 = sizes stay
	Lag    int     // each row gets the difference to the row so long before beside it, the first row where there is none; 0 = none
	Gain   float64 // what these differences are multiplied by

	Workers  int                   // clips at once; 0 = one a CPU
	MaxBad   float64               // as in Options
	Progress func(done, total int) // as in Options
}

// TorsoLength is about that of a grown person in metres.
const TorsoLength = 0.5

// maxSkeletonLag is as long as the lags of frames may be.
const maxSkeletonLag = 1000

// Validate says what is wrong with the options.
func (o SkeletonOptions) Validate() error {
	switch a, b := o.Torso[0], o.Torso[1]; {
	case o.Origin < 0:
		return fmt.Errorf("origin %d: want the number of a joint, from 1", o.Origin)
	case (a != 0 || b != 0) && (a < 1 || b < 1 || a == b):
		return fmt.Errorf("torso %d,%d: want the numbers of two joints, from 1", a, b)
	case o.Lag < 0 || o.Lag > maxSkeletonLag:
		return fmt.Errorf("lag %d: want 1 to %d rows, or 0 for no differences", o.Lag, maxSkeletonLag)
	case o.Lag == 0 && o.Gain != 0:
		return fmt.Errorf("gain %v without a lag: say how many rows the differences go back", o.Gain)
	case o.Lag > 0 && !(o.Gain > 0 && o.Gain <= 1e6):
		return fmt.Errorf("gain %v: want more than 0, and no more than 1e6", o.Gain)
	case o.Origin == 0 && a == 0 && o.Lag == 0:
		return errors.New("nothing to do: give an origin, a torso or a lag")
	}
	return nil
}

// Skeleton writes the clips of a folder of skeletons, .npy or .npz of [T, 3 J] with J joints, to the folder out, which must be new or empty: OUT/<label>/.../<clip>.npy of
// [T, 3 J], or [T, 6 J] with differences, of float32. Coordinates are moved so that the joint Origin begins at 0, then scaled, then differences are taken of them: a row is
// [x(t); Gain (x(t) - x(t-Lag))].
//
// A clip that cannot be read, or does not have the joints, is left out and in the report, as in Open.
func Skeleton(ctx context.Context, root, out string, o SkeletonOptions) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s, err := scanFolder(root)
	if err != nil {
		return nil, err
	}
	if !s.features {
		return nil, fmt.Errorf("%s: not feature sequences: skeletons are .npy or .npz of [steps, 3 times the joints]", root)
	}
	return s.rewrite(ctx, root, out, ".npy", Options{Workers: o.Workers, MaxBad: o.MaxBad, Progress: o.Progress}, o.write)
}

// write writes one clip. bad is what is wrong with the clip, err with writing.
func (o SkeletonOptions) write(_ context.Context, from, to string) (warn string, bad, err error) {
	rows, width, bad := readFeatures(from)
	if bad != nil {
		return "", bad, nil
	}
	if rows, width, bad = o.apply(rows, width); bad != nil {
		return "", bad, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", nil, openErr(filepath.Dir(to), err)
	}
	return "", nil, atomicfile.Write(to, func(w io.Writer) error { return WriteNPY(w, rows, width) })
}

// apply makes new rows of those of a clip.
func (o SkeletonOptions) apply(rows []float32, width int) ([]float32, int, error) {
	if width%3 != 0 {
		return nil, 0, fmt.Errorf("%d numbers a row are no points of three coordinates", width)
	}
	for _, j := range []int{o.Origin, o.Torso[0], o.Torso[1]} {
		if j > width/3 {
			return nil, 0, fmt.Errorf("there is no joint %d: %d numbers a row are %d joints", j, width, width/3)
		}
	}
	joint := func(t, j int) []float32 { return rows[t*width+3*(j-1):][:3] }
	n := len(rows) / width
	var origin [3]float64
	if o.Origin > 0 {
		for k, v := range joint(0, o.Origin) {
			origin[k] = float64(v)
		}
	}
	size := 1.0
	if o.Torso[0] > 0 {
		sum := 0.0
		for t := range n {
			a, b := joint(t, o.Torso[0]), joint(t, o.Torso[1])
			x, y, z := float64(a[0])-float64(b[0]), float64(a[1])-float64(b[1]), float64(a[2])-float64(b[2])
			sum += math.Sqrt(x*x + y*y + z*z)
		}
		if sum == 0 {
			return nil, 0, fmt.Errorf("the joints %d and %d are in one place in all rows: there is no torso to scale by", o.Torso[0], o.Torso[1])
		}
		size = TorsoLength * float64(n) / sum
	}
	wide := width
	if o.Lag > 0 {
		wide = 2 * width
	}
	if int64(n)*int64(wide) > npyMaxValues {
		return nil, 0, fmt.Errorf("%d rows of %d numbers are more than a file may have", n, wide)
	}
	out := make([]float32, n*wide)
	at := func(t, i int) float64 { return (float64(rows[t*width+i]) - origin[i%3]) * size }
	for t := range n {
		row := out[t*wide : (t+1)*wide]
		for i := range width {
			row[i] = float32(at(t, i))
			if o.Lag > 0 {
				row[width+i] = float32(o.Gain * (at(t, i) - at(max(t-o.Lag, 0), i)))
			}
		}
		for _, v := range row {
			if f := float64(v); math.IsInf(f, 0) || math.IsNaN(f) {
				return nil, 0, fmt.Errorf("row %d comes to numbers beyond float32", t)
			}
		}
	}
	return out, wide, nil
}
