package video

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"testing"

	"github.com/fdht/fdht/internal/testutil"
)

// FuzzY4M: any bytes give frames or an error, and frames are of the size the header says and no more than the data can fill; so is the memory.
func FuzzY4M(f *testing.F) {
	f.Add([]byte("YUV4MPEG2 W2 H2 F25:1 Ip A1:1 C420jpeg\nFRAME\nabcdef"))
	f.Add([]byte("YUV4MPEG2 W3 H1 F1:1 C444 XCOLORRANGE=FULL\nFRAME Ixyz\n123456789FRAME\n123456789"))
	f.Add([]byte("YUV4MPEG2 W1 H1 Cmono XCOLORRANGE=LIMITED\nFRAME\nx"))
	f.Add([]byte("YUV4MPEG2 W7680 H4320 C444\nFRAME\nx"))
	f.Add([]byte("YUV4MPEG2 W99999999999999999999 H4320\nFRAME\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []Options{{Channels: 1}, {Channels: 3, Height: 3, Width: 5}} {
			n := 0
			var err error
			testutil.Bounded(t, 50*len(data)+1<<20, func() {
				err = readY4M(context.Background(), bufio.NewReader(bytes.NewReader(data)), o, func(fr Frame) bool {
					n += fr.Height * fr.Width
					if len(fr.Pix) != fr.Height*fr.Width*fr.Channels {
						t.Fatalf("frame of %dx%dx%d with %d bytes", fr.Height, fr.Width, fr.Channels, len(fr.Pix))
					}
					return true
				})
			})
			if err == nil && o.Height == 0 && n > len(data) {
				t.Fatalf("%d pixels from %d bytes", n, len(data))
			}
		}
	})
}

func gifSeed(pictures int) []byte {
	pal := color.Palette{color.Transparent, color.White}
	g := gif.GIF{Config: image.Config{ColorModel: pal, Width: 3, Height: 2}}
	for k := range pictures {
		p := image.NewPaletted(image.Rect(k%2, 0, 3, 2), pal)
		p.Pix[0] = 1
		g.Image, g.Delay, g.Disposal = append(g.Image, p), append(g.Delay, 1), append(g.Disposal, byte(k%4))
	}
	var b bytes.Buffer
	_ = gif.EncodeAll(&b, &g)
	return b.Bytes()
}

// FuzzGIF: the block walker agrees with the standard decoder about what a whole GIF is.
func FuzzGIF(f *testing.F) {
	f.Add(gifSeed(1))
	f.Add(gifSeed(4))
	f.Add([]byte("GIF89a\x04\x00\x03\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pixels := 0
		if cfg, err := gif.DecodeConfig(bytes.NewReader(data)); err == nil {
			if pixels = cfg.Width * cfg.Height; pixels > 1<<16 {
				return // allowed, but slow
			}
		}
		n := 0
		var err error
		read := func() {
			err = readGIF(context.Background(), bufio.NewReader(bytes.NewReader(data)), Options{Channels: 1}, func(fr Frame) bool {
				n++
				if len(fr.Pix) != fr.Height*fr.Width {
					t.Fatalf("frame of %dx%d with %d bytes", fr.Height, fr.Width, len(fr.Pix))
				}
				return true
			})
		}
		// the canvas and its copies, and a picture and its decoder, which go with it
		testutil.Bounded(t, 16*pixels+min(len(data)/10+1, 4000)*(pixels+1<<16)+50*len(data)+1<<20, read)
		std, stdErr := gif.DecodeAll(bytes.NewReader(data))
		if err == nil && stdErr == nil && n != len(std.Image) {
			t.Fatalf("%d pictures, the standard decoder has %d", n, len(std.Image))
		}
	})
}

// FuzzPNM: what a broken ffmpeg might send gives frames or an error, and takes memory only for data that comes.
func FuzzPNM(f *testing.F) {
	f.Add([]byte("P5\n2 2\n255\nabcdP5\n1 1\n255\nx"))
	f.Add([]byte("P6\n1 1\n255\nabc"))
	f.Add([]byte("P6\n7680 4320\n255\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		var buf []byte
		testutil.Bounded(t, 50*len(data)+1<<20, func() {
			for {
				fr, err := readPNM(r, buf)
				if err != nil {
					return
				}
				if len(fr.Pix) != fr.Height*fr.Width*fr.Channels || len(fr.Pix) > len(data) {
					t.Fatal("frame larger than its data")
				}
				buf = fr.Pix
			}
		})
	})
}

// FuzzJPEG: a picture is of the size that its header says, no larger than the limit, and takes no more memory than that limit allows.
func FuzzJPEG(f *testing.F) {
	for channels, img := range map[int]image.Image{1: image.NewGray(image.Rect(0, 0, 11, 9)), 3: pictureOf(made(9, 11, 3, 1))} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), channels)
		f.Add(b.Bytes()[:b.Len()/2], channels)
	}
	j := NewJPEG(Limits{Pixels: 4096})
	f.Fuzz(func(t *testing.T, data []byte, channels int) {
		if channels != 1 {
			channels = 3
		}
		var fr Frame
		var err error
		testutil.Bounded(t, 50*len(data)+4<<20, func() { fr, err = j.Decode(data, channels) })
		if err == nil && (fr.Channels != channels || fr.Height*fr.Width > 4096 || len(fr.Pix) != fr.Height*fr.Width*channels) {
			t.Fatalf("%dx%dx%d, %d bytes", fr.Height, fr.Width, fr.Channels, len(fr.Pix))
		}
	})
}
