package plots

import (
	"fmt"
	"strconv"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bar is one class of a bar plot. A nil ratio, of a class without clips, draws no bar.
type Bar struct {
	Label     string
	Clips     int
	Recall    *float64 // 0..1
	Precision *float64 // 0..1
}

// ClassBars draws recall and precision of each class as horizontal bars, in the order given, with the number of clips.
// The file name's ending chooses PNG or SVG.
func ClassBars(path, title string, bars []Bar) error {
	if len(bars) == 0 {
		return fmt.Errorf("cannot draw %s: there are no classes", path)
	}
	const width, pitch, top, down = 420, 24, 64, 34
	t := theme()
	labels := make([]string, len(bars))
	for i, b := range bars {
		labels[i] = b.Label
	}
	side := label(9.5, t.ink, text.XRight, text.YCenter)
	left := widest(labels, side) + 24
	h := vg.Length(top + down + pitch*len(bars))
	return save(path, left+width+86, h, func(c draw.Canvas) {
		c.FillText(label(14, t.ink, text.XLeft, text.YTop), vg.Point{X: 14, Y: h - 12}, title)
		legend(c, left, h-44)
		bottom, up := vg.Length(down), vg.Length(down+pitch*len(bars))
		small := label(8, t.faint, text.XCenter, text.YTop)
		c.SetLineWidth(0.5)
		for k := range 6 {
			x := left + width*vg.Length(k)/5
			c.SetColor(t.rule)
			line(c, x, bottom, x, up)
			c.FillText(small, vg.Point{X: x, Y: bottom - 5}, fmt.Sprintf("%d%%", 20*k))
		}
		small.XAlign, small.YAlign = text.XLeft, text.YCenter
		for i, b := range bars {
			mid := up - pitch*(vg.Length(i)+0.5)
			c.FillText(side, vg.Point{X: left - 8, Y: mid}, shorten(b.Label))
			if b.Recall != nil {
				fill(c, rect(left, mid, width*vg.Length(*b.Recall), 8), shade(0.75))
			}
			if b.Precision != nil {
				fill(c, rect(left, mid-8, width*vg.Length(*b.Precision), 7), shade(0.35))
			}
			c.FillText(small, vg.Point{X: left + width + 10, Y: mid}, clips(b.Clips))
		}
	})
}

func clips(n int) string {
	if n == 1 {
		return "1 clip"
	}
	return strconv.Itoa(n) + " clips"
}

func legend(c draw.Canvas, x, y vg.Length) {
	s := label(9, theme().faint, text.XLeft, text.YCenter)
	for _, e := range []struct {
		name  string
		depth float64
	}{{"recall", 0.75}, {"precision", 0.35}} {
		fill(c, rect(x, y-4, 14, 8), shade(e.depth))
		c.FillText(s, vg.Point{X: x + 19, Y: y}, e.name)
		x += 90
	}
}
