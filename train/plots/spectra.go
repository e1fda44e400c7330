package plots

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Spectrum is what a decomposition saw at one node: its singular values, the largest first, of which Rank were kept.
type Spectrum struct {
	Name   string
	Values []float64
	Rank   int
}

// floor is the smallest singular value that is drawn, as a share of the largest.
const floor = 1e-8

// Spectra draws the singular values of each node, as shares of the largest and on a logarithmic scale, what was kept strong and what
// was left out faint. The file name's ending chooses PNG or SVG.
func Spectra(path, title string, nodes []Spectrum) error {
	if len(nodes) == 0 {
		return fmt.Errorf("cannot draw %s: there is no node with singular values", path)
	}
	t := theme()
	cols := min(len(nodes), 3)
	rows := (len(nodes) + cols - 1) / cols
	var panels [][]*plot.Plot
	for r := range rows {
		panels = append(panels, make([]*plot.Plot, cols))
		for c := range cols {
			if i := r*cols + c; i < len(nodes) {
				p, err := spectrum(nodes[i])
				if err != nil {
					return err
				}
				panels[r][c] = p
			}
		}
	}
	const head = 26
	w, h := vg.Length(240*cols), vg.Length(190*rows)+head
	return save(path, w, h, func(c draw.Canvas) {
		c.FillText(label(12, t.ink, 0, -1), vg.Point{X: 12, Y: h - 8}, shorten(title))
		c = draw.Crop(c, 0, 0, 0, -head)
		tiles := draw.Tiles{Rows: rows, Cols: cols, PadX: 16, PadY: 12, PadTop: 4, PadBottom: 8, PadLeft: 8, PadRight: 12}
		for r := range rows {
			for k, p := range panels[r] {
				if p != nil {
					p.Draw(tiles.At(c, k, r))
				}
			}
		}
	})
}

// spectrum is the panel of one node.
func spectrum(n Spectrum) (*plot.Plot, error) {
	t := theme()
	p := axes(fmt.Sprintf("%s: %d of %d", n.Name, n.Rank, len(n.Values)))
	p.X.Label.Text = "singular value"
	p.X.Tick.Marker = epochs{}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.X.Min, p.X.Max = 0.5, float64(len(n.Values))+0.5
	p.Y.Min, p.Y.Max = floor, 1.5
	least := 1.0
	var kept, left plotter.XYs
	for i, v := range n.Values {
		share := floor
		if largest := n.Values[0]; largest > 0 {
			share = max(v/largest, floor)
		}
		least = min(least, share)
		if xy := (plotter.XY{X: float64(i + 1), Y: share}); i < n.Rank {
			kept = append(kept, xy)
		} else {
			left = append(left, xy)
		}
	}
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(least)-1e-9))
	for _, part := range []struct {
		xy plotter.XYs
		c  color.Color
	}{{left, t.train}, {kept, t.val}} {
		if len(part.xy) == 0 {
			continue
		}
		s, err := plotter.NewScatter(part.xy)
		if err != nil {
			return nil, err
		}
		s.Color, s.Radius, s.Shape = part.c, 1.8, draw.CircleGlyph{}
		p.Add(s)
	}
	return p, nil
}

// decades are ticks at powers of ten, at most six of them with a label.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(lo, hi float64) (out []plot.Tick) {
	from, to := int(math.Ceil(math.Log10(lo)-1e-9)), int(math.Floor(math.Log10(hi)+1e-9))
	every := (to-from)/6 + 1
	for e := to; e >= from; e-- {
		tick := plot.Tick{Value: math.Pow(10, float64(e))}
		if (to-e)%every == 0 {
			tick.Label = fmt.Sprintf("1e%d", e)
			if e == 0 {
				tick.Label = "1"
			}
		}
		out = append(out, tick)
	}
	return out
}
