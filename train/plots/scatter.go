package plots

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Spot is a point of a Spots plot.
type Spot struct {
	Weights   int64
	Accuracy  float64 // 0..1
	Deviation float64 // drawn as a bar up and down; 0: none
}

// Group are the spots of one name: joined by a line, in the order given.
type Group struct {
	Name  string
	Spots []Spot
	Faint bool // of others
}

// colours that are told apart, by people with the usual colour blindnesses too (Okabe & Ito 2008).
const colours = 8

func palette(i int) color.NRGBA {
	return [colours]color.NRGBA{
		{0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x72, 0xb2, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
		{0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x22, 0x2b, 0x36, 0xff}, {0x9a, 0x9a, 0x9a, 0xff},
	}[i%colours]
}

// glyph is the shape of the ith group's spots. Every round of colours begins with another shape, so that 32 groups differ.
func glyph(i int) draw.GlyphDrawer {
	return [...]draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}}[(i+i/colours)%4]
}

// dashes are those of the ith line: another pattern for every round of colours, whole lines first.
func dashes(i int) []vg.Length {
	return [...][]vg.Length{nil, {5, 2}, {1.5, 1.5}, {6, 2, 1, 2}}[i/colours%4]
}

// Spots draws accuracy over the number of weights, which has a logarithmic axis. The file name's ending chooses PNG or SVG.
func Spots(path, title string, groups []Group) error {
	p := axes(title)
	p.X.Label.Text, p.Y.Label.Text = "recurrent weights", "accuracy"
	lo, hi := math.Inf(1), math.Inf(-1)
	least, most := 1.0, 0.0
	for _, g := range groups {
		for _, s := range g.Spots {
			if s.Weights < 1 {
				return fmt.Errorf("cannot draw %s: %s has %d weights", path, g.Name, s.Weights)
			}
			lo, hi = min(lo, float64(s.Weights)), max(hi, float64(s.Weights))
			least, most = min(least, s.Accuracy-s.Deviation), max(most, s.Accuracy+s.Deviation)
		}
	}
	if hi < lo {
		return fmt.Errorf("cannot draw %s: nothing to draw", path)
	}
	for i, g := range groups {
		if err := addGroup(p, g, i); err != nil {
			return err
		}
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{}
	p.X.Min, p.X.Max = lo/1.6, hi*1.6
	p.Y.Min, p.Y.Max = max(math.Floor(least*20)/20, 0), min(math.Ceil(most*20)/20, 1)
	if p.Y.Max <= p.Y.Min {
		p.Y.Max = p.Y.Min + 0.05
	}
	p.Y.Tick.Marker = percents{}
	keyStyle(p)
	return saveBeside(path, 640, 360, p)
}

// addGroup draws a group's line, bars and spots.
func addGroup(p *plot.Plot, g Group, i int) error {
	c := palette(i)
	if g.Faint {
		c = theme().faint
	}
	var xy plotter.XYs
	var bars yErrors
	for _, s := range g.Spots {
		xy = append(xy, plotter.XY{X: float64(s.Weights), Y: s.Accuracy})
		bars.XYs = append(bars.XYs, plotter.XY{X: float64(s.Weights), Y: s.Accuracy})
		bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{s.Deviation, s.Deviation})
	}
	if len(xy) > 1 {
		l, err := plotter.NewLine(xy)
		if err != nil {
			return err
		}
		l.Color, l.Width = c, 1
		p.Add(l)
	}
	e, err := plotter.NewYErrorBars(bars)
	if err != nil {
		return err
	}
	e.Color, e.CapWidth = c, 5
	s, err := plotter.NewScatter(xy)
	if err != nil {
		return err
	}
	s.Color, s.Radius, s.Shape = c, 3.5, glyph(i)
	if g.Faint {
		s.Shape = draw.CrossGlyph{}
	}
	p.Add(e, s)
	p.Legend.Add(shorten(g.Name), s)
	return nil
}

type yErrors struct {
	plotter.XYs
	plotter.YErrors
}

// Series is one line of a Lines plot: the loss and the accuracy of every epoch.
type Series struct {
	Name           string
	Loss, Accuracy []float64
}

// Lines draws the training of several runs, loss and accuracy over the epochs side by side. The file name's ending chooses PNG or SVG.
func Lines(path string, runs []Series) error {
	loss, acc := axes("training loss"), axes("training accuracy")
	for i, r := range runs {
		for _, one := range []struct {
			p *plot.Plot
			v []float64
		}{{loss, r.Loss}, {acc, r.Accuracy}} {
			var xy plotter.XYs
			for k, v := range one.v {
				xy = append(xy, plotter.XY{X: float64(k + 1), Y: v})
			}
			if len(xy) == 0 {
				return fmt.Errorf("cannot draw %s: %s has no epochs", path, r.Name)
			}
			if err := addLine(one.p, shorten(r.Name), xy, palette(i), 1.4, dashes(i)...); err != nil {
				return err
			}
		}
	}
	for _, p := range []*plot.Plot{loss, acc} {
		p.X.Label.Text, p.X.Tick.Marker = "epoch", epochs{}
	}
	loss.Y.Min = min(0, loss.Y.Min)
	acc.Y.Min, acc.Y.Max, acc.Y.Tick.Marker = 0, 1, shares()
	loss.Legend = plot.NewLegend()
	keyStyle(acc)
	return saveBeside(path, 900, 330, loss, acc)
}

// keyStyle makes the legend's style.
func keyStyle(p *plot.Plot) {
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(8.5), theme().ink
	p.Legend.Padding = 2
}

// saveBeside draws plots side by side, and the legend of the last right of them.
func saveBeside(path string, w, h vg.Length, all ...*plot.Plot) error {
	last := all[len(all)-1]
	key := last.Legend
	last.Legend = plot.NewLegend()
	key.Top, key.Left = true, true
	const room = 160
	return save(path, w, h, func(c draw.Canvas) {
		left := draw.Crop(c, 0, -room, 0, 0)
		tiles := draw.Tiles{Rows: 1, Cols: len(all), PadX: 24, PadTop: 12, PadBottom: 10, PadLeft: 10, PadRight: 12}
		for i, p := range all {
			p.Draw(tiles.At(left, i, 0))
		}
		key.Draw(draw.Crop(c, c.Size().X-room, 0, 0, -36))
	})
}

// powers puts ticks at 1, 2 and 5 times the powers of ten.
type powers struct{}

// Ticks is for plot.Axis.
func (powers) Ticks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	few := math.Log10(hi/lo) < 3
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for _, m := range []float64{1, 2, 5} {
			x := m * math.Pow(10, e)
			if x < lo || x > hi {
				continue
			}
			t := plot.Tick{Value: x}
			if m == 1 || few {
				t.Label = short(x)
			}
			out = append(out, t)
		}
	}
	return out
}

// short writes 2000 as 2k and 5000000 as 5M.
func short(x float64) string {
	switch {
	case x >= 1e6:
		return strconv.FormatFloat(x/1e6, 'g', 3, 64) + "M"
	case x >= 1e3:
		return strconv.FormatFloat(x/1e3, 'g', 3, 64) + "k"
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// percents puts ticks at whole multiples of a hundredth.
type percents struct{}

// Ticks is for plot.Axis.
func (percents) Ticks(lo, hi float64) []plot.Tick {
	step := 1.0
	for _, s := range []float64{2, 5, 10, 20} {
		if 100*(hi-lo)/step <= 8 {
			break
		}
		step = s
	}
	var out []plot.Tick
	for k := math.Ceil(100*lo/step - 1e-9); k*step <= 100*hi+1e-9; k++ {
		out = append(out, plot.Tick{Value: k * step / 100, Label: strconv.Itoa(int(k*step)) + "%"})
	}
	return out
}
