package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

// row is how a row of the network's input comes from what the model is fed.
type row struct {
	input  *dataset.Input // video frames; nil: the row itself
	doc    string         // what the row is
	width  int            // I
	scaled *model.Standardise
}

func newRow(cfg model.Config, rows bool) (row, error) {
	in, err := frames.Input(cfg)
	if err != nil {
		return row{}, err
	}
	r := row{doc: "rows of features as the model was trained on, not standardised", width: cfg.Input, scaled: cfg.Standardise}
	if cfg.Frame != nil {
		r.doc = rowText(in)
	}
	if cfg.Frame != nil && !rows {
		r.input = &in
	}
	return r, nil
}

// values are the inputs of the graph, behind the axes lead. One frame is in the singular.
func (r row) values(lead []axis) []value {
	behind := func(sizes ...int) []axis {
		axes := slices.Clone(lead)
		for _, n := range sizes {
			axes = append(axes, axis{size: n})
		}
		return axes
	}
	in := r.input
	if in == nil {
		return []value{{"x", float32s, behind(r.width), r.doc}}
	}
	name := "frames"
	if len(lead) == 1 {
		name = "frame"
	}
	colours := "grey (Rec. 601 luma)"
	if in.SourceChannels() == 3 {
		colours = "red, green, blue"
	}
	shape := behind(in.Height, in.Width, in.SourceChannels())
	list := []value{{name, uint8s, shape, fmt.Sprintf("video frames of height %d, width %d, %s, 0 to 255", in.Height, in.Width, colours)}}
	for _, lag := range in.Lag.Values() {
		doc := fmt.Sprintf("for each of them the frame %d before it in the video, or the video's first where there is none", lag)
		list = append(list, value{earlierName(in.Lag, lag), uint8s, shape, doc})
	}
	return list
}

// earlierName is the input of the frames of a lag: with others beside it, it says which.
func earlierName(l lags.List, lag int) string {
	if l.Len() == 1 {
		return "earlier"
	}
	return fmt.Sprintf("earlier_%d", lag)
}

// rowText says what the numbers of a row of a video frame are.
func rowText(in dataset.Input) string {
	text := fmt.Sprintf("rows of video frames of height %d, width %d, row-major, not standardised; ", in.Height, in.Width)
	before := in.Lag.String()
	if in.Lag.Len() > 1 {
		before = "each of " + strings.ReplaceAll(before, ",", ", ")
	}
	diff := fmt.Sprintf("(grey - grey of %s frames before in the video, or of its first) x %g, clipped to -1..1", before, in.Gain)
	switch in.Kind {
	case dataset.RGB:
		return text + "of each pixel red, green, blue, scaled to 0..1"
	case dataset.Grey:
		return text + "of each pixel grey (Rec. 601 luma), scaled to 0..1"
	case dataset.GreyDiff:
		return text + "of each pixel grey (Rec. 601 luma), scaled to 0..1, and " + diff
	}
	return text + "of each pixel " + diff + ", where grey (Rec. 601 luma) is scaled to 0..1"
}

// prepare makes the standardised row of the values.
func (r row) prepare(b builder, lead int) array {
	b = b.named("input.")
	x := array{"x", lead, []int{r.width}}
	if r.input == nil {
		return r.standardise(b, x, 1)
	}
	in := r.input
	n := in.Height * in.Width * in.SourceChannels()
	var frames []array
	for _, v := range r.values(make([]axis, lead)) {
		// Operators are slow where the last axis is short: it is made one with the others.
		f := b.reshape(array{v.name, lead, []int{in.Height, in.Width, in.SourceChannels()}}, n)
		f.name = b.op("Cast", []string{f.name}, attribute{name: "to", i: int64(float32s)})
		frames = append(frames, f)
	}
	const unit = 1.0 / 255
	if in.Lag.Len() == 0 {
		return r.standardise(b, frames[0], unit)
	}
	// min(max(gain (now - before) / 255, -1), 1)
	var channels []array
	gain, low, high := b.numbers("gain", float64(in.Gain)*unit), b.scalar("input.low", -1), b.scalar("input.high", 1)
	for _, before := range frames[1:] {
		d := before
		d.name = b.op("Sub", []string{frames[0].name, before.name})
		d.name = b.op("Mul", []string{d.name, gain})
		d.name = b.op("Clip", []string{d.name, low, high})
		channels = append(channels, d)
	}
	if in.Kind == dataset.GreyDiff {
		grey := frames[0]
		grey.name = b.op("Mul", []string{grey.name, b.numbers("unit", unit)})
		channels = slices.Insert(channels, 0, grey)
	}
	if len(channels) == 1 {
		return r.standardise(b, channels[0], 1)
	}
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = b.reshape(c, n, 1).name
	}
	pixels := array{b.join(names, lead+1), lead, []int{n, len(names)}}
	return r.standardise(b, b.reshape(pixels, n*len(names)), 1)
}

// numbers is a constant list of floats that belongs to the input.
func (b builder) numbers(name string, v ...float64) string {
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	return b.weights("input."+name, []int{len(v)}, f)
}

// standardise is (unit x - mean) / std.
func (r row) standardise(b builder, x array, unit float64) array {
	if r.scaled == nil {
		if unit != 1 {
			x.name = b.op("Mul", []string{x.name, b.numbers("unit", unit)})
		}
		return x
	}
	var mean, scale []float64
	for _, m := range r.scaled.Mean {
		mean = append(mean, m/unit)
	}
	for _, s := range r.scaled.Std {
		scale = append(scale, unit/s)
	}
	x.name = b.op("Sub", []string{x.name, b.numbers("mean", mean...)})
	x.name = b.op("Mul", []string{x.name, b.numbers("scale", scale...)})
	return x
}

// inputText says in words what is to be fed: each input with its type, shape and meaning.
func inputText(inputs []value, steps int, stream bool) string {
	var b strings.Builder
	for _, v := range inputs {
		var axes []string
		for _, a := range v.axes {
			if a.name != "" {
				axes = append(axes, a.name)
			} else {
				axes = append(axes, strconv.Itoa(a.size))
			}
		}
		fmt.Fprintf(&b, "%s: %s [%s], %s. ", v.name, v.elem, strings.Join(axes, ", "), v.doc)
	}
	if steps > 0 && !stream {
		fmt.Fprintf(&b, "The model was trained on %d steps of a clip: the middle one of each of %d even parts. ", steps, steps)
	}
	return strings.TrimSuffix(b.String(), " ")
}
