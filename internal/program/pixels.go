package program

import (
	"fmt"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

// The rules by which bytes become the numbers of a row.
const (
	NoPixels     = iota // rows of features
	PlainRule           // grey, rgb: byte / 255
	DiffRule            // (byte - older byte) Gain / 255, held within -1..1
	GreyDiffRule        // both, side by side
)

// Pixels is how a row comes from the bytes of a frame, and how any row is standardised: (x - Mean) Inv, with no entry, one, or one a number.
type Pixels struct {
	Rule      int
	Frame     int       // bytes of a frame
	Lag       lags.List // frames between the two of a difference, for each channel of them
	Unit      float32   // 1 / 255
	Gain      float32   // Gain / 255
	Mean, Inv []float32
}

func pixelsOf(c model.Config) (Pixels, error) {
	const unit = float32(1) / 255
	in, err := frames.Input(c)
	if err != nil {
		return Pixels{}, err
	}
	p := Pixels{Unit: unit}
	if s := c.Standardise; s != nil {
		n := max(len(s.Mean), len(s.Std))
		for i := range n {
			mean := float32(s.Mean[min(i, len(s.Mean)-1)])
			if mean-mean != 0 {
				return Pixels{}, fmt.Errorf("standardise.mean entry %d is %v: an engine takes float32", i, s.Mean[min(i, len(s.Mean)-1)])
			}
			p.Mean = append(p.Mean, mean)
			p.Inv = append(p.Inv, float32(1/s.Std[min(i, len(s.Std)-1)]))
		}
	}
	if c.Frame == nil {
		return p, nil
	}
	p.Rule = map[string]int{dataset.RGB: PlainRule, dataset.Grey: PlainRule, dataset.Diff: DiffRule, dataset.GreyDiff: GreyDiffRule}[in.Kind]
	p.Frame, p.Lag, p.Gain = in.Height*in.Width*in.SourceChannels(), in.Lag, in.Gain*unit
	return p, nil
}

// Numbers are what an engine reads of p: Unit, Gain, then all of Mean, then all of Inv.
func (p Pixels) Numbers() []float32 {
	out := []float32{p.Unit, p.Gain}
	out = append(out, p.Mean...)
	return append(out, p.Inv...)
}
