// Package plots draws a run's curves and an evaluation's confusion matrix and class bars, as PNG or SVG.
package plots

import (
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/fdht/fdht/internal/atomicfile"
)

// dpi is the resolution of PNG files.
const dpi = 160

// style holds the colours that the plots share.
type style struct{ ink, faint, rule, train, val color.NRGBA }

func theme() style {
	return style{
		ink:   color.NRGBA{0x22, 0x2b, 0x36, 0xff},
		faint: color.NRGBA{0x6b, 0x76, 0x84, 0xff},
		rule:  color.NRGBA{0xe3, 0xe7, 0xec, 0xff},
		train: color.NRGBA{0x8f, 0xa8, 0xc8, 0xff},
		val:   color.NRGBA{0xc9, 0x4f, 0x2c, 0xff},
	}
}

// sans is the one typeface, in points.
func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// label is a text style. x and y say which part of the text stands at its place.
func label(size vg.Length, c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: c, Font: sans(size), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// save draws on a white page of w x h and writes it as path's ending says.
func save(path string, w, h vg.Length, paint func(draw.Canvas)) error {
	var out io.WriterTo
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
		c := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
		paint(draw.New(c))
		out = vgimg.PngCanvas{Canvas: c}
	case ".svg":
		c := vgsvg.New(w, h)
		page := draw.New(c)
		fill(page, page.Rectangle, color.White)
		paint(page)
		out = c
	default:
		return fmt.Errorf("cannot draw %s: the file name must end in .png or .svg, not %q", path, ext)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := out.WriteTo(w)
		return err
	})
}

func fill(c draw.Canvas, r vg.Rectangle, col color.Color) {
	c.SetColor(col)
	c.Fill(r.Path())
}

func rect(x, y, w, h vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + w, Y: y + h}}
}

// shade goes from white at 0 through light blue to dark blue at 1.
func shade(x float64) color.NRGBA {
	stops := [...][3]float64{{0xff, 0xff, 0xff}, {0xc6, 0xdb, 0xef}, {0x6b, 0xae, 0xd6}, {0x21, 0x71, 0xb5}, {0x08, 0x30, 0x6b}}
	x = min(max(x, 0), 1) * float64(len(stops)-1)
	i := min(int(x), len(stops)-2)
	f := x - float64(i)
	at := func(k int) uint8 { return uint8(stops[i][k] + f*(stops[i+1][k]-stops[i][k]) + 0.5) }
	return color.NRGBA{at(0), at(1), at(2), 0xff}
}

// shorten keeps labels to a length that leaves the plot its room.
func shorten(s string) string {
	const most = 28
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// widest is the width of the longest of the labels.
func widest(labels []string, s text.Style) vg.Length {
	w := vg.Length(0)
	for _, l := range labels {
		w = max(w, s.Width(shorten(l)))
	}
	return w
}
