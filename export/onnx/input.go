package onnx

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
)

// row is how a row of the network's input comes from what the model is fed.
type row struct {
	input  *dataset.Input // video frames; nil: the row itself
	width  int            // I
	scaled *model.Standardise
}

func newRow(cfg model.Config, rows bool) (row, error) {
	r := row{width: cfg.Input, scaled: cfg.Standardise}
	if cfg.Frame == nil || rows {
		return r, nil
	}
	in := dataset.Input{Kind: cfg.Frame.Input, Height: cfg.Frame.Height, Width: cfg.Frame.Width, Lag: cfg.Frame.Lag, Gain: float32(cfg.Frame.Gain)}
	if err := in.Validate(); err != nil {
		return row{}, err
	}
	in = in.WithDefaults()
	if in.Size() != cfg.Input {
		return row{}, fmt.Errorf("frames of %s have %d numbers, the network takes %d", in.Kind, in.Size(), cfg.Input)
	}
	r.input = &in
	return r, nil
}

// values are the inputs of the graph, behind the axes lead. One frame is in the singular.
func (r row) values(lead []axis) []value {
	if r.input == nil {
		doc := "rows of features, not standardised"
		return []value{{"x", float32s, append(lead[:len(lead):len(lead)], axis{size: r.width}), doc}}
	}
	in := r.input
	name := "frames"
	if len(lead) == 1 {
		name = "frame"
	}
	shape := append(lead[:len(lead):len(lead)], axis{size: in.Height}, axis{size: in.Width}, axis{size: in.SourceChannels()})
	colours := "grey (Rec. 601 luma)"
	if in.SourceChannels() == 3 {
		colours = "red, green, blue"
	}
	list := []value{{name, uint8s, shape, fmt.Sprintf("video frames: height %d, width %d, %s, 0 to 255", in.Height, in.Width, colours)}}
	if in.Lag > 0 {
		doc := fmt.Sprintf("for each of them the frame %d before it in the video; the video's first frame where there is none", in.Lag)
		list = append(list, value{"earlier", uint8s, shape, doc})
	}
	return list
}

// prepare makes the standardised row of the values.
func (r row) prepare(b builder, lead int) array {
	b = b.named("input.")
	unit := float64(float32(1) / 255)
	gain := 1.0
	number := func(name string, v ...float64) string {
		f := make([]float32, len(v))
		for i := range v {
			f[i] = float32(v[i])
		}
		return b.weights("input."+name, []int{len(v)}, f)
	}
	float := func(x string) string {
		return b.op("Cast", []string{x}, attribute{name: "to", i: int64(float32s)})
	}
	x := array{"x", lead, []int{r.width}}
	if r.input != nil {
		in := r.input
		var frames []string
		for _, v := range r.values(make([]axis, lead)) {
			// One long axis: operators are slow where the last is short.
			frame := b.reshape(array{v.name, lead, []int{in.Height, in.Width, in.SourceChannels()}}, in.Height*in.Width*in.SourceChannels())
			frames = append(frames, float(frame.name))
		}
		x.name = frames[0]
		if in.Lag > 0 {
			// min(max(gain (now - before) / 255, -1), 1)
			gain = float64(in.Gain)
			d := b.op("Mul", []string{b.op("Sub", frames), number("gain", gain*unit)})
			d = b.op("Clip", []string{d, b.scalar("input.low", -1), b.scalar("input.high", 1)})
			if in.Kind == dataset.GreyDiff {
				grey := b.op("Mul", []string{frames[0], number("unit", unit)})
				d = b.pairs(grey, d, lead, in.Height*in.Width)
			}
			x.name = d
			unit = 1
		}
	} else {
		unit = 1
	}
	return r.standardise(b, x, unit, number)
}

// pairs puts the elements of two rows of n side by side.
func (b builder) pairs(x, y string, lead, n int) string {
	column := func(x string) string { return b.reshape(array{x, lead, []int{n}}, n, 1).name }
	z := b.op("Concat", []string{column(x), column(y)}, attribute{name: "axis", i: -1})
	return b.reshape(array{z, lead, []int{n, 2}}, 2*n).name
}

// standardise is (unit x - mean) / std.
func (r row) standardise(b builder, x array, unit float64, number func(string, ...float64) string) array {
	shift, scale := []float64{0}, []float64{1}
	if r.scaled != nil {
		n := max(len(r.scaled.Mean), len(r.scaled.Std))
		shift, scale = make([]float64, n), make([]float64, n)
		for i := range n {
			shift[i] = r.scaled.Mean[min(i, len(r.scaled.Mean)-1)]
			scale[i] = 1 / r.scaled.Std[min(i, len(r.scaled.Std)-1)]
		}
	}
	some := func(v []float64, not float64) bool {
		for _, x := range v {
			if math.Abs(x-not) > 0 {
				return true
			}
		}
		return false
	}
	for i := range shift {
		shift[i] /= unit
		scale[i] *= unit
	}
	if some(shift, 0) {
		x.name = b.op("Sub", []string{x.name, number("mean", shift...)})
	}
	if some(scale, 1) {
		x.name = b.op("Mul", []string{x.name, number("scale", scale...)})
	}
	return x
}

// text says in words what is to be fed.
func (r row) text(cfg model.Config, o Options) string {
	return ""
}
