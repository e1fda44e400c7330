package video

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// needFFmpeg skips tests that want a real one.
func needFFmpeg(t *testing.T) string {
	t.Helper()
	p, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("skipped: no ffmpeg on this machine")
	}
	return p
}

// made is frame n of a moving pattern.
func made(h, w, c, n int) Frame {
	f := Frame{h, w, c, make([]byte, h*w*c)}
	for y := range h {
		for x := range w {
			for k := range c {
				f.Pix[(y*w+x)*c+k] = byte(x*5 + y*3 + n*20 + k*70)
			}
		}
	}
	return f
}

func collect(t *testing.T, path string, o Options) []Frame {
	t.Helper()
	out, err := gather(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func gather(ctx context.Context, path string, o Options) ([]Frame, error) {
	var out []Frame
	for f, err := range Frames(ctx, path, o) {
		if err != nil {
			return out, err
		}
		f.Pix = bytes.Clone(f.Pix)
		out = append(out, f)
	}
	return out, nil
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func y4mBytes(t *testing.T, h, w, c, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	y := NewY4MWriter(&b, 10)
	for k := range n {
		if err := y.Write(made(h, w, c, k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := y.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// worst is the largest difference of two pictures.
func worst(t *testing.T, a, b Frame) int {
	t.Helper()
	if a.Height != b.Height || a.Width != b.Width || a.Channels != b.Channels || len(a.Pix) != len(b.Pix) {
		t.Fatalf("frames of %dx%dx%d and %dx%dx%d", a.Height, a.Width, a.Channels, b.Height, b.Width, b.Channels)
	}
	d := 0
	for i := range a.Pix {
		d = max(d, int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return d
}

func pictureOf(f Frame) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i := range f.Height * f.Width {
		img.SetNRGBA(i%f.Width, i/f.Width, color.NRGBA{f.Pix[3*i], f.Pix[3*i+1], f.Pix[3*i+2], 255})
	}
	return img
}

func pngBytes(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestY4MRoundTrip(t *testing.T) {
	for _, c := range []int{1, 3} {
		p := write(t, filepath.Join(t.TempDir(), "a.y4m"), y4mBytes(t, 7, 9, c, 4))
		got := collect(t, p, Options{Channels: c})
		if len(got) != 4 {
			t.Fatalf("%d frames", len(got))
		}
		for n, f := range got {
			if d := worst(t, f, made(7, 9, c, n)); d > 2*(c/3) {
				t.Errorf("%d channels: frame %d is off by %d", c, n, d)
			}
		}
	}
}

func TestImageFolder(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 2, 10, 1} { // names sort as 0 1 10 2 byte by byte
		write(t, filepath.Join(dir, fmt.Sprintf("f%d.png", n)), pngBytes(t, pictureOf(made(6, 8, 3, n))))
	}
	write(t, filepath.Join(dir, "notes.txt"), []byte("x"))
	write(t, filepath.Join(dir, "._f3.png"), []byte("x"))
	got := collect(t, dir, Options{})
	if len(got) != 4 {
		t.Fatalf("%d frames", len(got))
	}
	for k, n := range []int{0, 1, 2, 10} {
		if d := worst(t, got[k], made(6, 8, 3, n)); d != 0 {
			t.Errorf("frame %d is off by %d", k, d)
		}
	}
	info, err := Probe(t.Context(), dir, Options{})
	if err != nil || info != (Info{KindImages, 6, 8}) {
		t.Errorf("probe: %+v, %v", info, err)
	}
	grey := collect(t, dir, Options{Channels: 1})
	want := made(6, 8, 3, 0).Pix
	if g := grey[0].Pix[5]; g != luma(want[15], want[16], want[17]) {
		t.Errorf("luma %d", g)
	}
}

func TestJPEGAndSizes(t *testing.T) {
	var b bytes.Buffer
	flat := image.NewGray(image.Rect(0, 0, 32, 16))
	for i := range flat.Pix {
		flat.Pix[i] = 77
	}
	if err := jpeg.Encode(&b, flat, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.JPG"), b.Bytes())
	write(t, filepath.Join(dir, "b.png"), pngBytes(t, pictureOf(made(6, 8, 3, 0))))
	got := collect(t, dir, Options{Height: 4, Width: 5, Channels: 1})
	if len(got) != 2 || len(got[1].Pix) != 20 {
		t.Fatal("not two frames of 4x5")
	}
	for _, v := range got[0].Pix {
		if v != 77 {
			t.Fatalf("flat grey came out as %d", v)
		}
	}
}

// TestGIFDisposal lays pictures over each other with every way to dispose of them.
func TestGIFDisposal(t *testing.T) {
	pal := color.Palette{color.Transparent, color.Gray{50}, color.Gray{100}, color.Gray{200}}
	block := func(x, y, w, h int, c uint8) *image.Paletted {
		p := image.NewPaletted(image.Rect(x, y, x+w, y+h), pal)
		for i := range p.Pix {
			p.Pix[i] = c
		}
		return p
	}
	g := gif.GIF{
		Image:    []*image.Paletted{block(0, 0, 4, 3, 1), block(1, 1, 1, 1, 2), block(2, 1, 1, 1, 3), block(0, 0, 1, 1, 3), block(0, 0, 2, 1, 0)},
		Delay:    []int{1, 1, 1, 1, 1},
		Disposal: []byte{gif.DisposalNone, gif.DisposalPrevious, gif.DisposalBackground, gif.DisposalNone, gif.DisposalNone},
		Config:   image.Config{ColorModel: pal, Width: 4, Height: 3},
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	p := write(t, filepath.Join(t.TempDir(), "a.gif"), b.Bytes())
	got := collect(t, p, Options{Channels: 1})
	// Values at (0,0), (1,1), (2,1) of each picture.
	want := [][3]byte{{50, 50, 50}, {50, 100, 50}, {50, 50, 200}, {200, 50, 0}, {200, 50, 0}}
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for n, f := range got {
		if v := [3]byte{f.Pix[0], f.Pix[5], f.Pix[6]}; v != want[n] {
			t.Errorf("frame %d: %v, want %v", n, v, want[n])
		}
	}
	// and the same through a pipe
	n := 0
	for _, err := range Stream(t.Context(), bytes.NewReader(b.Bytes()), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d frames through a pipe", n)
	}
}

func TestNaturalCompare(t *testing.T) {
	names := []string{"f10", "f2", "f02", "f1b", "f1a", "f", "g1", "f00", "f0", "f1", "12", "9"}
	slices.SortFunc(names, NaturalCompare)
	if got := strings.Join(names, " "); got != "9 12 f f0 f00 f1 f1a f1b f02 f2 f10 g1" {
		t.Error(got)
	}
}

func TestResize(t *testing.T) {
	for _, s := range [][4]int{{10, 13, 4, 5}, {4, 5, 10, 13}, {7, 7, 7, 3}, {3, 1, 9, 4}, {120, 160, 60, 80}, {5, 5, 1, 1}} {
		for _, c := range []int{1, 3} {
			src, dst := bytes.Repeat([]byte{133}, s[0]*s[1]*c), make([]byte, s[2]*s[3]*c)
			newResizer(s[0], s[1], c, s[2], s[3], nil).run(dst, src)
			for _, v := range dst {
				if v != 133 {
					t.Fatalf("%v: a flat picture became %d", s, v)
				}
			}
			for _, axis := range [][]span{spans(s[0], s[2], 0, float64(s[0])), spans(s[1], s[3], 0, float64(s[1]))} {
				for _, sp := range axis {
					var sum float32
					for _, w := range sp.weight {
						sum += w
					}
					if sum < 0.9999 || sum > 1.0001 {
						t.Fatalf("%v: weights sum to %v", s, sum)
					}
				}
			}
		}
	}
	dst := make([]byte, 2)
	newResizer(2, 4, 1, 1, 2, nil).run(dst, []byte{0, 10, 20, 30, 40, 50, 60, 70})
	if dst[0] != 25 || dst[1] != 45 {
		t.Errorf("mean of 2x2 blocks: %v", dst)
	}
}

func TestEarlyStopAndCancel(t *testing.T) {
	p := write(t, filepath.Join(t.TempDir(), "a.y4m"), y4mBytes(t, 8, 8, 1, 5))
	for range Frames(t.Context(), p, Options{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range Frames(ctx, p, Options{}) {
		n++
		last = err
		cancel()
	}
	if n != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d steps, then %v", n, last)
	}
}

// TestErrors holds the texts of errors against a golden file, one bad input each.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	y4m := y4mBytes(t, 4, 4, 1, 3)
	gifHead := "GIF89a\x04\x00\x03\x00\x00\x00\x00"
	file := func(name, data string) string { return write(t, filepath.Join(dir, name), []byte(data)) }
	bigPNG := pngBytes(t, pictureOf(made(4, 4, 3, 0)))
	bigPNG[16], bigPNG[20] = 0x10, 0x10 // width and height in the header, and its checksum is wrong with them
	cases := []struct {
		name string
		path string
		o    Options
	}{
		{"missing", filepath.Join(dir, "nothing.mp4"), Options{}},
		{"empty file", file("empty.mp4", ""), Options{}},
		{"empty folder", filepath.Dir(file("folder/readme.txt", "x")), Options{}},
		{"no ffmpeg", file("a.mp4", "not a video"), Options{FFmpeg: filepath.Join(dir, "no-such-ffmpeg")}},
		{"odd size", file("b.y4m", string(y4m)), Options{Height: 4}},
		{"huge size", file("b.y4m", string(y4m)), Options{Height: 100000, Width: 100000}},
		{"channels", file("b.y4m", string(y4m)), Options{Channels: 2}},
		{"y4m cut", file("cut.y4m", string(y4m[:len(y4m)-3])), Options{}},
		{"y4m cut in the line", file("cut2.y4m", string(y4m[:len(y4m)-20])), Options{}},
		{"y4m no frames", file("none.y4m", "YUV4MPEG2 W4 H4 F1:1 Cmono\n"), Options{}},
		{"y4m header cut", file("head.y4m", "YUV4MPEG2 W4 H4"), Options{}},
		{"y4m other magic", file("magic.y4m", "RIFF....\n"), Options{}},
		{"y4m 10 bits", file("bits.y4m", "YUV4MPEG2 W4 H4 F1:1 C420p10\n"), Options{}},
		{"y4m no width", file("now.y4m", "YUV4MPEG2 H4 F1:1\n"), Options{}},
		{"y4m width", file("width.y4m", "YUV4MPEG2 Wx H4 F1:1\n"), Options{}},
		{"y4m field", file("field.y4m", "YUV4MPEG2 W4 H4 Q1\n"), Options{}},
		{"y4m rate", file("rate.y4m", "YUV4MPEG2 W4 H4 F1\n"), Options{}},
		{"y4m huge", file("huge.y4m", "YUV4MPEG2 W100000 H100000 F1:1\n"), Options{}},
		{"y4m damaged", file("dam.y4m", "YUV4MPEG2 W1 H1 F1:1 Cmono\nFRAME\nxFRAMES\n"), Options{}},
		{"y4m long line", file("long.y4m", "YUV4MPEG2 W1 H1 "+strings.Repeat("Xa ", 500)), Options{}},
		{"gif cut", file("cut.gif", gifHead), Options{}},
		{"gif other", file("other.gif", "this is not a gif at all"), Options{}},
		{"gif none", file("none.gif", gifHead+"\x3b"), Options{}},
		{"gif block", file("block.gif", gifHead+"\x00"), Options{}},
		{"gif screen", file("screen.gif", "GIF89a\x00\x00\x03\x00\x00\x00\x00\x3b"), Options{}},
		{"picture text", filepath.Dir(file("pics/1.png", "hello")), Options{}},
		{"picture cut", filepath.Dir(file("cutpics/1.png", string(pngBytes(t, pictureOf(made(4, 4, 3, 0)))[:60]))), Options{}},
		{"picture header", filepath.Dir(file("bigpics/1.png", string(bigPNG))), Options{}},
	}
	write(t, filepath.Join(dir, "mixed/1.png"), pngBytes(t, pictureOf(made(4, 4, 3, 0))))
	write(t, filepath.Join(dir, "mixed/2.png"), pngBytes(t, pictureOf(made(5, 4, 3, 0))))
	cases = append(cases, struct {
		name string
		path string
		o    Options
	}{"picture sizes", filepath.Join(dir, "mixed"), Options{}})
	var b strings.Builder
	for _, c := range cases {
		_, err := gather(t.Context(), c.path, c.o)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %s\n", c.name, strings.ReplaceAll(err.Error(), dir, "DIR"))
	}
	golden(t, "testdata/errors.golden", b.String())

	if _, err := gather(t.Context(), cases[0].path, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is %v", err)
	}
	if _, err := gather(t.Context(), cases[3].path, cases[3].o); !errors.Is(err, ErrNoFFmpeg) {
		t.Errorf("no ffmpeg is %v", err)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		write(t, path, []byte(got))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Errorf("%s:%d: missing %q", path, i+1, w[i])
		case i >= len(w):
			t.Errorf("%s:%d: more: %q", path, i+1, g[i])
		case g[i] != w[i]:
			t.Errorf("%s:%d:\n got %q\nwant %q", path, i+1, g[i], w[i])
		}
	}
}

// TestBox holds boxes of a picture against an integral of the picture over each target pixel, or against two-point interpolation where it grows.
func TestBox(t *testing.T) {
	const h, w = 9, 14
	src := make([]byte, h*w)
	for i := range src {
		src[i] = byte(i*37%200 + 20)
	}
	at := func(y, x int) float64 {
		if y < 0 || y >= h || x < 0 || x >= w {
			return 0
		}
		return float64(src[y*w+x])
	}
	for _, b := range []Box{{0, 0, h, w}, {1, 2, 4, 6}, {1.3, 2.7, 5.1, 7.9}, {-3, -4.5, 15.5, 20}, {20, 3, 4, 4}, {-10, -10, 6, 6}, {2.25, 3.5, 4, 4}} {
		for _, size := range [][2]int{{3, 4}, {4, 4}, {12, 15}} {
			o := Options{Height: size[0], Width: size[1], Channels: 1, Box: &b}
			if err := o.Validate(); err != nil {
				t.Fatal(err)
			}
			s := shaper{o: o}
			got := s.frame(src, h, w, 1)
			sy, sx := b.Height/float64(size[0]), b.Width/float64(size[1])
			for y := range size[0] {
				for x := range size[1] {
					want := 0.0
					for yy := -30; yy < 40; yy++ {
						for xx := -30; xx < 40; xx++ {
							want += at(yy, xx) * reference(b.Y, sy, y, yy, h) * reference(b.X, sx, x, xx, w)
						}
					}
					if d := math.Abs(want - float64(got.Pix[y*size[1]+x])); d > 0.51 {
						t.Fatalf("box %v to %v: pixel (%d, %d) is %d, want %.2f", b, size, y, x, got.Pix[y*size[1]+x], want)
					}
				}
			}
		}
	}
	for _, b := range []Box{{0, 0, 0.5, 4}, {0, 0, math.NaN(), 4}, {math.Inf(1), 0, 4, 4}} {
		if (Options{Height: 4, Width: 4, Box: &b}).Validate() == nil {
			t.Errorf("box %v is taken", b)
		}
	}
	if (Options{Box: &Box{0, 0, 4, 4}}).Validate() == nil {
		t.Error("a box without a size is taken")
	}
}

// reference is the weight of source position p of n in target i, a stretch of step source positions from origin.
func reference(origin, step float64, i, p, n int) float64 {
	if step >= 1 {
		lo, hi := origin+float64(i)*step, origin+float64(i+1)*step
		return max(min(hi, float64(p+1))-max(lo, float64(p)), 0) / step
	}
	x := origin + (float64(i)+0.5)*step - 0.5
	if x < -0.5 || x > float64(n)-0.5 {
		return 0
	}
	x = min(max(x, 0), float64(n-1))
	return max(1-math.Abs(x-float64(p)), 0)
}
