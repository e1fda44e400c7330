package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/video"
)

// figure is a clip of a grey figure of h x w pixels before black, its upper left corner at y, x, which moves a pixel to the right each frame.
func figure(t *testing.T, h, w, y, x, frames int) []byte {
	t.Helper()
	var b bytes.Buffer
	out := video.NewY4MWriter(&b, 10)
	for k := range frames {
		pix := make([]byte, 60*80)
		for i := range h {
			for j := range w {
				pix[(y+i)*80+x+j+k] = 200
			}
		}
		if err := out.Write(video.Frame{Height: 60, Width: 80, Channels: 1, Pix: pix}); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cropOptions() CropOptions {
	return CropOptions{Height: 20, Width: 20, Channels: 1, Margin: 1.25, MaxBad: -1}
}

// TestCrop: figures of any size and place come out of one size in the middle, and what moves in the clip moves in the box.
func TestCrop(t *testing.T) {
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	put(t, filepath.Join(root, "walk", "a_s1.y4m"), figure(t, 16, 8, 4, 10, 5))
	put(t, filepath.Join(root, "walk", "deep", "a_s2.y4m"), figure(t, 32, 16, 20, 40, 5))
	put(t, filepath.Join(root, "stand", "b_s1.y4m"), figure(t, 48, 24, 10, 2, 5))
	rep, err := Crop(t.Context(), root, out, cropOptions())
	if err != nil || rep.Clips != 3 || len(rep.Bad) > 0 {
		t.Fatal(rep, err)
	}
	for name, h := range map[string]int{"walk/a_s1.y4m": 16, "walk/deep/a_s2.y4m": 32, "stand/b_s1.y4m": 48} {
		n := 0
		for f, err := range video.Frames(t.Context(), filepath.Join(out, name), video.Options{Channels: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			// 20 pixels for 1.25 h: the figure has 16 of them from the second on, 8 wide
			scale := 20 / (1.25 * float64(h))
			var rows, cols []int
			for y := range 20 {
				for x := range 20 {
					if f.Pix[y*20+x] > 100 {
						rows, cols = append(rows, y), append(cols, x)
					}
				}
			}
			if top, bottom := slices.Min(rows), slices.Max(rows); top != 2 || bottom != 17 {
				t.Errorf("%s frame %d: rows %d to %d, want 2 to 17", name, n, top, bottom)
			}
			middle := float64(slices.Min(cols)+slices.Max(cols)+1) / 2
			if want := 10 + float64(n-2)*scale; math.Abs(middle-want) > 1 {
				t.Errorf("%s frame %d: the middle is at %v, want %v", name, n, middle, want)
			}
			n++
		}
		if n != 5 {
			t.Errorf("%s: %d frames", name, n)
		}
	}
}

// TestCropErrors: what cannot be cropped is in the report or the error, and nothing half-written is left.
func TestCropErrors(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "walk", "a_s1.y4m"), figure(t, 16, 8, 4, 10, 5))
	put(t, filepath.Join(root, "stand", "b_s1.y4m"), figure(t, 16, 8, 4, 10, 5))
	put(t, filepath.Join(root, "stand", "dark.y4m"), figure(t, 0, 0, 0, 0, 3))
	put(t, filepath.Join(root, "walk", "cut.y4m"), figure(t, 16, 8, 4, 10, 5)[:9000])
	out := filepath.Join(t.TempDir(), "out")
	o := cropOptions()
	if _, err := Crop(t.Context(), root, out, o); !errors.Is(err, ErrTooManyBad) {
		t.Error(err)
	}
	o.MaxBad = 0.6
	out = filepath.Join(t.TempDir(), "out")
	rep, err := Crop(t.Context(), root, out, o)
	if err != nil || len(rep.Bad) != 2 {
		t.Fatal(rep, err)
	}
	if e := rep.Bad[0]; e.ID != "stand/dark.y4m" || !errors.Is(e.Err, ErrNothingInFront) || e.Err.Error() != "nothing is in front: no pixel is brighter than 0" {
		t.Errorf("%s: %v", e.ID, e.Err)
	}
	var left []string
	filepath.WalkDir(out, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, filepath.Base(p))
		}
		return nil
	})
	if slices.Sort(left); fmt.Sprint(left) != "[a_s1.y4m b_s1.y4m]" {
		t.Error(left)
	}

	put(t, filepath.Join(root, "walk", "a_s1.gif"), []byte("GIF89a"))
	if _, err := Crop(t.Context(), root, out, o); err == nil || !strings.Contains(err.Error(), "would both be walk/a_s1.y4m") {
		t.Error(err)
	}
	for _, bad := range []CropOptions{{}, {Height: 4, Width: 4, Margin: 0}, {Height: 4, Width: 4, Margin: 1, Above: 255}, {Height: 4, Width: 4, Margin: math.NaN()}, {Height: 4, Width: 4, Channels: 2, Margin: 1}} {
		if _, err := Crop(t.Context(), root, out, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, nil)
	os.Remove(filepath.Join(root, "walk", "a_s1.gif"))
	if _, err := Crop(t.Context(), root, filepath.Join(file, "under"), o); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("an output that cannot be written: %v", err)
	}
}
