package video

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/gif"  // single pictures in a folder
	_ "image/jpeg" // the same
	_ "image/png"  // the same
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// imageNames lists the pictures of a folder in natural order: frame2 before frame10. PNG and JPEG; GIF only
// where there are no others, for a folder of GIFs next to pictures is rather a folder of clips.
func imageNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileErr(dir, err)
	}
	var names, gifs []string
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir() || strings.HasPrefix(name, "."):
		case IsImageName(name):
			names = append(names, name)
		case strings.EqualFold(filepath.Ext(name), ".gif"):
			gifs = append(gifs, name)
		}
	}
	if len(names) == 0 {
		names = gifs
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no .png, .jpg or .gif pictures in this folder", dir)
	}
	slices.SortFunc(names, NaturalCompare)
	return names, nil
}

// NaturalCompare orders names with the numbers in them by value: f2 < f10. Names equal that way (f2, f02) are
// ordered byte by byte, so that the order is total.
func NaturalCompare(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if isDigit(x[0]) && isDigit(y[0]) {
			var nx, ny string
			nx, x = cutNumber(x)
			ny, y = cutNumber(y)
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), cmp.Compare(nx, ny)); c != 0 {
				return c
			}
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// cutNumber splits the leading digits off, without their leading zeros.
func cutNumber(s string) (number, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// readImages yields the pictures of a folder, or the one picture that path is.
func readImages(ctx context.Context, path string, o Options, out func(Frame) bool) error {
	names, dir := []string{filepath.Base(path)}, filepath.Dir(path)
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		dir = path
		if names, err = imageNames(path); err != nil {
			return err
		}
	}
	p := picture{limits: o.Limits}
	s := shaper{o: o}
	var first Frame
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.open(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("picture %s: %w", name, err)
		}
		f := s.frame(p.rgb, p.h, p.w, 3)
		if i == 0 {
			first = f
		} else if f.Height != first.Height || f.Width != first.Width {
			return fmt.Errorf("picture %s is %d wide and %d high but the first one is %d and %d: give a frame size to bring them to one", name, f.Width, f.Height, first.Width, first.Height)
		}
		if !out(f) {
			return nil
		}
	}
	return nil
}

// picture decodes still pictures into RGB, using its memory again.
type picture struct {
	h, w int
	rgb  []byte
	rgba *image.RGBA

	limits Limits
}

func (p *picture) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(fileErr(path, err))
	}
	defer f.Close()
	cfg, format, err := image.DecodeConfig(bufio.NewReader(f))
	if err != nil {
		return imageErr(err)
	}
	if err := p.limits.checkSize(cfg.Width, cfg.Height); err != nil {
		return fmt.Errorf("%s %w", format, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	img, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return imageErr(err)
	}
	p.take(img)
	return nil
}

// take copies img over black into p.rgb.
func (p *picture) take(img image.Image) {
	b := img.Bounds()
	p.h, p.w = b.Dy(), b.Dx()
	if p.rgba == nil || p.rgba.Rect.Dx() != p.w || p.rgba.Rect.Dy() != p.h {
		p.rgba = image.NewRGBA(image.Rect(0, 0, p.w, p.h))
		p.rgb = make([]byte, 3*p.h*p.w)
	}
	draw.Draw(p.rgba, p.rgba.Rect, img, b.Min, draw.Src)
	dropAlpha(p.rgb, p.rgba.Pix)
}

// dropAlpha turns premultiplied RGBA into RGB over black.
func dropAlpha(rgb, rgba []byte) {
	for i, j := 0, 0; j < len(rgba); i, j = i+3, j+4 {
		rgb[i], rgb[i+1], rgb[i+2] = rgba[j], rgba[j+1], rgba[j+2]
	}
}

func imageErr(err error) error {
	switch {
	case errors.Is(err, image.ErrFormat):
		return errors.New("not a png, jpeg or gif picture, whatever its name says")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		strings.HasSuffix(err.Error(), "unexpected EOF"): // the png package's own error has only the text
		return errors.New("the picture is cut short; get a whole copy or leave it out")
	}
	return err
}
