package plots

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// counts is a confusion matrix of n classes that get better along the list.
func counts(n int) ([]string, [][]int) {
	labels, m := make([]string, n), make([][]int, n)
	for i := range m {
		labels[i] = fmt.Sprintf("class number %d", i+1)
		m[i] = make([]int, n)
		m[i][i] = 4 + i
		m[i][(i*7+3)%n] += 3
		m[i][(i+1)%n] += i % 3
	}
	labels[n-1] = "a label that goes on for much longer than others <&>"
	return labels, m
}

func check(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(path) == ".png" {
		if _, err := png.Decode(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return
	}
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

func TestPlots(t *testing.T) {
	dir := t.TempDir()
	if out := os.Getenv("FDHT_PLOTS"); out != "" { // to look at them
		dir = out
	}
	for _, ext := range []string{"png", "svg"} {
		for _, n := range []int{1, 2, 6, 27} {
			path := filepath.Join(dir, fmt.Sprintf("confusion%d.%s", n, ext))
			labels, m := counts(n)
			if n == 6 {
				m[2] = make([]int, n) // a class without clips
			}
			if err := Confusion(path, "Confusion, test split", labels, m); err != nil {
				t.Fatal(err)
			}
			check(t, path)
			var bars []Bar
			for i, l := range labels {
				r, p := float64(i+1)/float64(n), 1-float64(i)/float64(2*n)
				bars = append(bars, Bar{l, i, &r, &p})
			}
			bars[0].Recall, bars[0].Precision = nil, nil
			path = filepath.Join(dir, fmt.Sprintf("bars%d.%s", n, ext))
			if err := ClassBars(path, "Classes, test split", bars); err != nil {
				t.Fatal(err)
			}
			check(t, path)
		}
		for _, n := range []int{1, 2, 40} {
			var points []Point
			for e := range n {
				x := float64(e + 1)
				v, a := 1.2/x+0.5+x/100, 1-0.9/x
				points = append(points, Point{e + 1, 2.2 / x, 1 - 0.8/x, &v, &a})
			}
			if n == 2 {
				points[0].ValLoss, points[0].ValAccuracy, points[1].ValLoss, points[1].ValAccuracy = nil, nil, nil, nil
			}
			path := filepath.Join(dir, fmt.Sprintf("curves%d.%s", n, ext))
			if err := Curves(path, points); err != nil {
				t.Fatal(err)
			}
			check(t, path)
		}
		for _, n := range []int{1, 2, 6} {
			var nodes []Spectrum
			for i := range n {
				s := Spectrum{Name: fmt.Sprintf("%d-%d", i, i+2), Rank: i + 1}
				for k := range 1 + i*i*9 {
					s.Values = append(s.Values, 3*math.Exp(-float64(k*(i+1))/8))
				}
				nodes = append(nodes, s)
			}
			nodes[0].Values[0] = 0 // a matrix of zeros
			path := filepath.Join(dir, fmt.Sprintf("spectra%d.%s", n, ext))
			if err := Spectra(path, "cell.0, ht", nodes); err != nil {
				t.Fatal(err)
			}
			check(t, path)
		}
	}
}

func TestRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gif")
	labels, m := counts(3)
	for _, c := range []struct {
		err  error
		want string
	}{
		{Confusion(path, "", labels, m), `the file name must end in .png or .svg, not ".gif"`},
		{Confusion(path, "", labels[:2], m), "2 labels for a confusion matrix of 3 rows"},
		{Confusion(path, "", labels, [][]int{{1, 2, 3}, {1}, {1, 2, 3}}), "row 1 of the confusion matrix has 1 entries for 3 classes"},
		{Confusion(path, "", nil, nil), "0 labels"},
		{ClassBars(path, "", nil), "there are no classes"},
		{Spectra(path, "", nil), "there is no node with singular values"},
	} {
		if c.err == nil || !strings.HasPrefix(c.err.Error(), "cannot draw "+path+": ") || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
}

// Groups and lines of a plot can be told apart by their looks.
func TestLooksDiffer(t *testing.T) {
	spots, lines := map[string]int{}, map[string]int{}
	for i := range 4 * colours {
		for looks, seen := range map[string]map[string]int{fmt.Sprintf("%v %T", palette(i), glyph(i)): spots, fmt.Sprint(palette(i), dashes(i)): lines} {
			if k, ok := seen[looks]; ok {
				t.Errorf("%d looks like %d: %s", i, k, looks)
			}
			seen[looks] = i
		}
	}
}
