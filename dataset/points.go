package dataset

import (
	"fmt"
	"math"
)

// turned is how the points of a clip of features were augmented: x and z, the coordinates beside the vertical one, turn, all grow. The zero value leaves points alone.
type turned struct {
	on       bool
	cos, sin float32 // with the size in them
	size     float32 // factor
}

// drawPoints takes the same number of random numbers whatever is switched on, as draw does.
func (a Augment) drawPoints(rng *source) turned {
	angle := rng.between(-a.Turn, a.Turn) * math.Pi / 180
	size := math.Exp(rng.between(-a.Stretch, a.Stretch))
	if !a.moves() {
		return turned{}
	}
	sin, cos := math.Sincos(angle)
	return turned{true, float32(size * cos), float32(size * sin), float32(size)}
}

// row augments the points in a row.
func (v turned) row(row []float32) {
	for ; len(row) >= 3; row = row[3:] {
		x, y, z := row[0], row[1], row[2]
		row[0], row[1], row[2] = v.cos*x+v.sin*z, v.size*y, v.cos*z-v.sin*x
	}
}

// moves reports whether rows have to be points.
func (a Augment) moves() bool { return a.Turn > 0 || a.Stretch > 0 }

// suits says what of a cannot be done to rows of the given width, which are frames of video or features.
func (a Augment) suits(width int, frames bool) error {
	if !frames && (a.ShiftX > 0 || a.ShiftY > 0 || a.Flip || a.Brightness > 0) {
		return fmt.Errorf("shift %d,%d, flip %v, brightness %v: only for frames of video, and these are features; leave them away", a.ShiftX, a.ShiftY, a.Flip, a.Brightness)
	}
	if !a.moves() {
		return nil
	}
	why := "these are frames of video"
	if !frames {
		if width%3 == 0 {
			return nil
		}
		why = fmt.Sprintf("these rows have %d numbers, no multiple of 3", width)
	}
	return fmt.Errorf("turn %v, stretch %v: only for features whose rows are points of three coordinates, such as skeletons: %s; leave both at 0", a.Turn, a.Stretch, why)
}

// CheckAugment says, before any work is done, whether the rows of a data set can be augmented so.
func CheckAugment(ds Dataset, a Augment) error {
	if err := a.validate(); err != nil {
		return err
	}
	_, frames := ds.(interface{ Input() Input })
	return a.suits(ds.Width(), frames)
}
