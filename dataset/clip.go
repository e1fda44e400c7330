package dataset

import "fmt"

// Clip is one clip ready to be read: source frames or rows, which of them each step takes, and how they are
// augmented. The zero value is for Dataset.Clip to fill; filling it again uses its memory again. Load does not change
// the clip, so several goroutines may read one.
type Clip struct {
	width  int
	idx    []int32
	in     Input
	view   view
	frames []byte    // decoded frames, [N][H][W][C]
	rows   []float32 // features, [N][width]; instead of frames
	turned turned    // how rows are augmented
	keep   any       // owner of the memory behind frames or rows
	own    []byte    // the clip's own memory for frames that are not kept elsewhere
}

// Len is the number of time steps T.
func (c *Clip) Len() int { return len(c.idx) }

// Width is the number of floats in a row.
func (c *Clip) Width() int { return c.width }

// Source is the number of the source frame that step t takes.
func (c *Clip) Source(t int) int { return int(c.idx[t]) }

// Load writes row t, Width() floats, scaled but not standardised. It allocates nothing.
func (c *Clip) Load(dst []float32, t int) {
	if len(dst) != c.width {
		panic(fmt.Sprintf("dataset: a row of %d floats into %d", c.width, len(dst)))
	}
	i := int(c.idx[t])
	if c.rows != nil {
		copy(dst, c.rows[i*c.width:])
		if c.turned.on {
			c.turned.row(dst)
		}
		return
	}
	n := c.in.frameBytes()
	p := pictures{cur: c.frames[i*n : (i+1)*n]}
	for k, lag := range c.in.Lag[:c.in.Lag.Len()] {
		j := max(i-lag, 0)
		p.old[k] = c.frames[j*n : (j+1)*n]
	}
	c.in.row(dst, &p, c.view)
}

// setFrames points the clip at decoded frames and draws what s leaves to chance.
func (c *Clip) setFrames(id string, i int, in Input, frames []byte, keep any, s Sample) error {
	if err := s.Validate(); err != nil {
		return err
	}
	rng := newSource(s.Seed, s.Epoch, i)
	c.view = plainView()
	if s.Train {
		if err := s.Augment.suits(in.Size(), true); err != nil {
			return fmt.Errorf("clip %s: %w", id, err)
		}
		c.view = s.Augment.draw(in, &rng)
	}
	c.in, c.width = in, in.Size()
	c.frames, c.rows, c.turned, c.keep = frames, nil, turned{}, keep
	var err error
	c.idx, err = s.pick(c.idx, id, len(frames)/in.frameBytes(), &rng)
	return err
}

// Resample takes other frames or rows of the same clip, by s.Steps, s.View and s.Views. It draws nothing.
func (c *Clip) Resample(s Sample) (err error) {
	s.Train = false
	if err := s.Validate(); err != nil {
		return err
	}
	n := 0
	if c.rows != nil {
		n = len(c.rows) / c.width
	} else if len(c.frames) > 0 {
		n = len(c.frames) / c.in.frameBytes()
	}
	c.idx, err = s.pick(c.idx, "", n, nil)
	return err
}

// setRows points the clip at feature rows.
func (c *Clip) setRows(id string, i, width int, rows []float32, s Sample) error {
	if err := s.Validate(); err != nil {
		return err
	}
	rng := newSource(s.Seed, s.Epoch, i)
	c.in, c.view, c.width = Input{}, plainView(), width
	c.frames, c.rows, c.turned, c.keep = nil, rows, turned{}, nil
	var err error
	if c.idx, err = s.pick(c.idx, id, len(rows)/width, &rng); err != nil || !s.Train {
		return err
	}
	if err := s.Augment.suits(width, false); err != nil {
		return fmt.Errorf("clip %s: %w", id, err)
	}
	c.turned = s.Augment.drawPoints(&rng) // after the frames: which ones are taken does not depend on it
	return nil
}

// draw takes the same number of random numbers whatever is switched on, so that one switch does not change the rest.
func (a Augment) draw(in Input, rng *source) view {
	v := plainView()
	v.dx = rng.intN(2*a.ShiftX+1) - a.ShiftX
	v.dy = rng.intN(2*a.ShiftY+1) - a.ShiftY
	flip := rng.intN(2) == 1
	v.flip = a.Flip && flip
	bright := 1 + a.Brightness*float32(2*rng.float()-1)
	if in.Kind == RGB {
		v.bright = bright
	}
	return v
}
