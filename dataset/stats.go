package dataset

import (
	"context"
	"errors"
	"math"
)

// statsValues bounds how many values Stats reads of a large video set.
const statsValues = 1 << 28

// Stats computes what standardising needs, over the given clips (the training part): x -> (x-mean)/std. With
// perFeature there is an entry for each float of a row, else one for all. Frames are taken as in evaluation, without
// augmentation. Of large sets a fixed, even choice of clips is read, so that the result is always the same. A value
// that does not vary gets the deviation 1, so that it standardises to 0.
func Stats(ctx context.Context, ds Dataset, indices []int, s Sample, perFeature bool) (mean, std []float32, err error) {
	if len(indices) == 0 {
		return nil, nil, errors.New("no clips to take the mean and deviation of")
	}
	s.Train, s.Augment = false, Augment{}
	if s.Steps > 0 {
		s.Short = ShortRepeat // what is too short is said elsewhere
	}
	width := ds.Width()
	n := 1
	if perFeature {
		n = width
	}
	var a moments
	a.init(n)
	rows := 0
	for _, i := range indices {
		rows += ds.Frames(i)
		if s.Steps > 0 {
			rows += s.Steps - ds.Frames(i)
		}
	}
	clips := len(indices)
	if values := float64(rows) * float64(width); values > statsValues {
		clips = max(int(float64(clips)*statsValues/values), 1)
	}
	var c Clip
	row := make([]float32, width)
	for k := range clips {
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err := ds.Clip(&c, indices[k*len(indices)/clips], s); err != nil {
			return nil, nil, err
		}
		for t := range c.Len() {
			c.Load(row, t)
			a.add(row)
		}
	}
	mean, std = a.result()
	return mean, std, nil
}

// moments sums values and squares in float64 relative to the first row, so that a large mean does not swallow the
// deviation.
type moments struct {
	base, sum, square []float64
	count             float64 // values of each entry
	started           bool
}

func (m *moments) init(n int) {
	m.base, m.sum, m.square = make([]float64, n), make([]float64, n), make([]float64, n)
}

func (m *moments) add(row []float32) {
	if !m.started {
		m.started = true
		for i := range m.base {
			m.base[i] = float64(row[i])
		}
	}
	if len(m.base) == 1 {
		var sum, square float64
		base := m.base[0]
		for _, v := range row {
			d := float64(v) - base
			sum += d
			square += d * d
		}
		m.sum[0] += sum
		m.square[0] += square
		m.count += float64(len(row))
		return
	}
	for i, v := range row {
		d := float64(v) - m.base[i]
		m.sum[i] += d
		m.square[i] += d * d
	}
	m.count++
}

func (m *moments) result() (mean, std []float32) {
	mean, std = make([]float32, len(m.base)), make([]float32, len(m.base))
	for i := range m.base {
		d := m.sum[i] / m.count
		mu := m.base[i] + d
		dev := math.Sqrt(max(m.square[i]/m.count-d*d, 0))
		if dev <= 1e-6*max(math.Abs(mu), 1e-6) {
			dev = 1
		}
		mean[i], std[i] = float32(mu), float32(dev)
	}
	return mean, std
}
