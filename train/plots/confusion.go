package plots

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Confusion draws counts[true][predicted] with the classes' labels: a cell's number is its count, its colour the share
// of its row. Beside each row stands the class's recall. The file name's ending chooses PNG or SVG.
func Confusion(path, title string, labels []string, counts [][]int) error {
	n := len(labels)
	if n == 0 || len(counts) != n {
		return fmt.Errorf("cannot draw %s: %d labels for a confusion matrix of %d rows", path, n, len(counts))
	}
	for i, row := range counts {
		if len(row) != n {
			return fmt.Errorf("cannot draw %s: row %d of the confusion matrix has %d entries for %d classes", path, i, len(row), n)
		}
	}
	m := newMatrix(title, labels, counts)
	w, h := m.size()
	return save(path, w, h, m.paint)
}

// matrix is the layout of a confusion plot, in points, the origin at the bottom left.
type matrix struct {
	title  string
	labels []string
	counts [][]int
	totals []int

	cell             vg.Length // side of a cell
	font, digits     vg.Length // of labels, of counts
	left, up         vg.Length // room for labels beside and above the cells
	right, down, top vg.Length // room for recall and colour scale, for nothing, for the title
}

func newMatrix(title string, labels []string, counts [][]int) *matrix {
	m := &matrix{title: title, labels: labels, counts: counts, totals: make([]int, len(labels))}
	most := 0
	for i, row := range counts {
		for _, c := range row {
			m.totals[i] += c
			most = max(most, c)
		}
	}
	// Few classes get large cells, many get small ones; a count always fits its cell.
	m.cell = min(max(460/vg.Length(len(labels)), 17), 46)
	m.font = min(max(m.cell*0.5, 8.5), 11)
	m.digits = min(m.cell*0.42, 11, m.cell*1.5/vg.Length(max(len(strconv.Itoa(most)), 2)))
	ink := theme().ink
	side := label(m.font, ink, text.XLeft, text.YCenter)
	w := widest(labels, side)
	m.left, m.up = w+36, w*vg.Length(math.Sin(slant))+30
	m.right, m.down, m.top = 128, 18, 34
	return m
}

// slant is the angle of the labels above the columns, in radians.
const slant = math.Pi / 3

func (m *matrix) size() (w, h vg.Length) {
	side := m.cell * vg.Length(len(m.labels))
	// The last slanted label leans over the cells to the right.
	lean := m.up / vg.Length(math.Tan(slant))
	return m.left + side + max(m.right, lean+8), m.down + side + m.up + m.top
}

func (m *matrix) paint(c draw.Canvas) {
	t := theme()
	n := len(m.labels)
	side := m.cell * vg.Length(n)
	x0, y1 := m.left, m.down+side // the top left corner of the cells
	m.paintCells(c, x0, y1)

	c.SetLineWidth(0.5)
	c.SetColor(t.rule)
	for i := range n + 1 {
		d := m.cell * vg.Length(i)
		line(c, x0+d, y1-side, x0+d, y1)
		line(c, x0, y1-d, x0+side, y1-d)
	}

	row := label(m.font, t.ink, text.XRight, text.YCenter)
	recall := label(m.font*0.92, t.faint, text.XLeft, text.YCenter)
	column := label(m.font, t.ink, text.XLeft, text.YCenter)
	column.Rotation = slant
	for i, l := range m.labels {
		mid := m.cell * (vg.Length(i) + 0.5)
		c.FillText(row, vg.Point{X: x0 - 6, Y: y1 - mid}, shorten(l))
		c.FillText(column, vg.Point{X: x0 + mid, Y: y1 + 6}, shorten(l))
		share := "–"
		if m.totals[i] > 0 {
			share = fmt.Sprintf("%.0f%%", 100*float64(m.counts[i][i])/float64(m.totals[i]))
		}
		c.FillText(recall, vg.Point{X: x0 + side + 7, Y: y1 - mid}, share)
	}
	c.FillText(label(m.font*0.92, t.faint, text.XLeft, text.YTop), vg.Point{X: x0 + side + 7, Y: y1 - side - 4}, "recall")

	_, h := m.size()
	c.FillText(label(14, t.ink, text.XLeft, text.YTop), vg.Point{X: 14, Y: h - 12}, m.title)
	axis := label(10, t.faint, text.XCenter, text.YBottom)
	c.FillText(axis, vg.Point{X: x0 + side/2, Y: y1 - side - 15}, "columns: predicted class")
	axis.Rotation = math.Pi / 2
	axis.YAlign = text.YTop
	c.FillText(axis, vg.Point{X: 12, Y: y1 - side/2}, "rows: true class")
	m.paintScale(c, x0+side+66, y1-side, min(side, 220))
}

func (m *matrix) paintCells(c draw.Canvas, x0, y1 vg.Length) {
	t := theme()
	for i, row := range m.counts {
		for j, count := range row {
			if count == 0 {
				continue
			}
			share := float64(count) / float64(m.totals[i])
			x, y := x0+m.cell*vg.Length(j), y1-m.cell*vg.Length(i+1)
			fill(c, rect(x, y, m.cell, m.cell), shade(0.08+0.92*share))
			var ink color.Color = t.ink
			if share > 0.5 {
				ink = color.White
			}
			c.FillText(label(m.digits, ink, text.XCenter, text.YCenter), vg.Point{X: x + m.cell/2, Y: y + m.cell/2}, strconv.Itoa(count))
		}
	}
}

// paintScale draws the colour scale with its ends named, h high from y up.
func (m *matrix) paintScale(c draw.Canvas, x, y, h vg.Length) {
	const parts = 64
	t := theme()
	for i := range parts {
		part := h / parts
		fill(c, rect(x, y+part*vg.Length(i), 10, part*1.05), shade(0.08+0.92*float64(i)/(parts-1)))
	}
	c.SetColor(t.rule)
	c.SetLineWidth(0.5)
	c.Stroke(rect(x, y, 10, h).Path())
	s := label(8, t.faint, text.XLeft, text.YCenter)
	for _, v := range []float64{0, 0.5, 1} {
		c.FillText(s, vg.Point{X: x + 14, Y: y + h*vg.Length(v)}, fmt.Sprintf("%.0f%%", 100*v))
	}
	s.XAlign, s.YAlign = text.XCenter, text.YTop
	c.FillText(s, vg.Point{X: x + 10, Y: y - 6}, "of the row")
}

func line(c draw.Canvas, x0, y0, x1, y1 vg.Length) {
	var p vg.Path
	p.Move(vg.Point{X: x0, Y: y0})
	p.Line(vg.Point{X: x1, Y: y1})
	c.Stroke(p)
}
