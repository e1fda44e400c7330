package plots

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is one epoch of a run. The validation numbers are nil where there is no validation split.
type Point struct {
	Epoch                    int
	TrainLoss, TrainAccuracy float64
	ValLoss, ValAccuracy     *float64
}

// Curves draws loss and accuracy over the epochs side by side. The file name's ending chooses PNG or SVG.
func Curves(path string, points []Point) error {
	loss, err := panel("loss", points, func(p Point) (float64, *float64) { return p.TrainLoss, p.ValLoss })
	if err != nil {
		return err
	}
	loss.Y.Min = min(0, loss.Y.Min)
	acc, err := panel("accuracy", points, func(p Point) (float64, *float64) { return p.TrainAccuracy, p.ValAccuracy })
	if err != nil {
		return err
	}
	acc.Y.Min, acc.Y.Max, acc.Y.Tick.Marker = 0, 1, shares()
	acc.Legend.Top, acc.Legend.YOffs = false, 6
	return save(path, 720, 270, func(c draw.Canvas) {
		tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: 24, PadTop: 12, PadBottom: 10, PadLeft: 10, PadRight: 16}
		for i, p := range []*plot.Plot{loss, acc} {
			p.Draw(tiles.At(c, i, 0))
		}
	})
}

// axes is an empty plot in the house's style, with a horizontal grid.
func axes(title string) *plot.Plot {
	t := theme()
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = title
	p.Title.TextStyle.Font, p.Title.TextStyle.Color = sans(12), t.ink
	p.Title.Padding = 6
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(9), t.faint
		a.Tick.Label.Font, a.Tick.Label.Color = sans(8.5), t.faint
		a.LineStyle.Color, a.Tick.LineStyle.Color = t.rule, t.rule
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color, grid.Horizontal.Width = t.rule, 0.5
	p.Add(grid)
	return p
}

// panel is one plot: the training numbers as a thin line, the validation numbers as a strong one.
func panel(title string, points []Point, of func(Point) (float64, *float64)) (*plot.Plot, error) {
	t := theme()
	p := axes(title)
	p.X.Label.Text = "epoch"
	p.X.Tick.Marker = epochs{}
	p.Legend.Top = true
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(9), t.ink
	p.Legend.Padding, p.Legend.XOffs = 2, -4

	var train, val plotter.XYs
	for _, pt := range points {
		a, b := of(pt)
		train = append(train, plotter.XY{X: float64(pt.Epoch), Y: a})
		if b != nil {
			val = append(val, plotter.XY{X: float64(pt.Epoch), Y: *b})
		}
	}
	if err := addLine(p, "training", train, t.train, 1.4); err != nil {
		return nil, err
	}
	if len(val) == 0 {
		return p, nil
	}
	return p, addLine(p, "validation", val, t.val, 1.8)
}

func addLine(p *plot.Plot, name string, xy plotter.XYs, c color.Color, width vg.Length, dashes ...vg.Length) error {
	if len(xy) == 1 { // a line of one point cannot be seen
		s, err := plotter.NewScatter(xy)
		if err != nil {
			return err
		}
		s.Color, s.Radius, s.Shape = c, 2.5, draw.CircleGlyph{}
		p.Add(s)
		p.Legend.Add(name, s)
		return nil
	}
	l, err := plotter.NewLine(xy)
	if err != nil {
		return err
	}
	l.Color, l.Width, l.Dashes = c, width, dashes
	p.Add(l)
	p.Legend.Add(name, l)
	return nil
}

// shares are ticks for 0..1.
func shares() plot.ConstantTicks {
	var out plot.ConstantTicks
	for k := range 6 {
		out = append(out, plot.Tick{Value: float64(k) / 5, Label: strconv.Itoa(20*k) + "%"})
	}
	return out
}

// epochs puts ticks at whole numbers.
type epochs struct{}

// Ticks is for plot.Axis.
func (epochs) Ticks(lo, hi float64) []plot.Tick {
	step := 1.0
	for _, f := range []float64{2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5} {
		if (hi-lo)/step <= 8 {
			break
		}
		step = f
	}
	var out []plot.Tick
	for x := math.Ceil(lo/step) * step; x <= hi; x += step {
		out = append(out, plot.Tick{Value: x, Label: strconv.Itoa(int(x))})
	}
	return out
}
