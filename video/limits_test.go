package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLimits: sources larger than allowed are refused by what they say of themselves, before memory is taken.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	small := write(t, filepath.Join(dir, "small.y4m"), y4mBytes(t, 16, 16, 1, 5))
	huge := write(t, filepath.Join(dir, "huge.y4m"), []byte("YUV4MPEG2 W7000 H4000 Cmono\nFRAME\n"))
	gif := write(t, filepath.Join(dir, "huge.gif"), []byte("GIF89a\x00\x20\x00\x10\x00\x00\x00;"))
	png := pngBytes(t, pictureOf(made(40, 40, 3, 0)))
	write(t, filepath.Join(dir, "pictures", "1.png"), png)
	for _, c := range []struct {
		path   string
		limits Limits
		want   string // "" = fine
	}{
		{small, Limits{Pixels: 256, Frames: 5}, ""},
		{small, Limits{Pixels: 255}, "more than 255 pixels"},
		{small, Limits{Frames: 4}, "more than 4 frames"},
		{huge, Limits{Pixels: 1 << 20}, "more than 1048576 pixels"},
		{gif, Limits{Pixels: 1 << 20}, "more than 1048576 pixels"},
		{filepath.Join(dir, "pictures"), Limits{Pixels: 1000}, "more than 1000 pixels"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := gather(t.Context(), c.path, Options{Limits: c.limits})
		runtime.ReadMemStats(&after)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: took %d bytes", c.path, n)
		}
	}
}

// TestLimitsFFmpeg: a confined ffmpeg still decodes what it should, and nothing larger.
func TestLimitsFFmpeg(t *testing.T) {
	p := encode(t, "a.mp4", 480, 640, 1, 30, "-c:v", "mpeg4")
	fine := Limits{Pixels: 480 * 640, Frames: 30, Memory: 1 << 30}
	if got := collect(t, p, Options{Limits: fine}); len(got) != 30 {
		t.Errorf("%d frames", len(got))
	}
	frames, pixels, memory := fine, fine, fine
	frames.Frames, pixels.Pixels, memory.Memory = 29, 100, 1<<20
	if _, err := gather(t.Context(), p, Options{Limits: frames}); !errors.Is(err, ErrLimit) {
		t.Errorf("30 frames of 29: %v", err)
	}
	over := map[string]Limits{"pixels": pixels, "memory": memory}
	if os.Getenv("FDHT_EMULATOR") != "" {
		delete(over, "memory") // qemu does not hand such a limit on
	}
	for name, l := range over {
		if got, err := gather(t.Context(), p, Options{Limits: l}); err == nil {
			t.Errorf("%s: %d frames of more than allowed", name, len(got))
		}
	}
}

// TestLimitsOtherFiles: a file from a stranger has ffmpeg open no other one, near or far, whatever it says; files that hold their video themselves are fine.
func TestLimitsOtherFiles(t *testing.T) {
	l := Limits{Frames: 100}
	other := encode(t, "other.ts", 32, 32, 1, 5, "-c:v", "mpeg2video")
	for name, codec := range map[string]string{"a.mp4": "mpeg4", "a.mkv": "mpeg4", "a.avi": "mpeg4", "a.mpg": "mpeg2video", "a.flv": "flv"} {
		p := encode(t, name, 32, 32, 1, 5, "-c:v", codec)
		bare := filepath.Join(filepath.Dir(p), "clip") // its name says nothing
		if err := os.Rename(p, bare); err != nil {
			t.Fatal(err)
		}
		if got, err := gather(t.Context(), bare, Options{Limits: l}); err != nil || len(got) != 5 {
			t.Errorf("%s: %d frames, %v", name, len(got), err)
		}
	}
	network, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for {
			c, err := network.Accept()
			if err != nil {
				return
			}
			t.Error("ffmpeg connects to another host")
			c.Close()
		}
	}()
	list := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n"
	for name, text := range map[string]string{
		"hls, by its path": fmt.Sprintf(list, "file://"+other),
		"hls, beside it":   fmt.Sprintf(list, "other.ts"),
		"hls, far away":    fmt.Sprintf(list, "http://"+network.Addr().String()+"/a.ts"),
		"concat":           "ffconcat version 1.0\nfile other.ts\n",
	} {
		p := write(t, filepath.Join(filepath.Dir(other), "clip"), []byte(text))
		if got, err := gather(t.Context(), p, Options{Limits: l}); err == nil {
			t.Errorf("%s: %d frames of another file", name, len(got))
		}
	}
	network.Close()
	<-asked
}

// script writes a program that stands for ffmpeg.
func script(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("skipped: a shell script stands for ffmpeg")
	}
	path := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHang: a decoder that hangs, and the program that it waits for, end with the context, whatever they were at.
func TestHang(t *testing.T) {
	clip := write(t, filepath.Join(t.TempDir(), "a.mp4"), []byte("no matter what"))
	for name, text := range map[string]string{
		"silent":   "sleep 600\n",
		"half":     "printf 'P5 4 4 255\\n1234'\nsleep 600\n",
		"deaf":     "trap '' TERM INT HUP\nsleep 600 &\nsleep 600\n",
		"chatters": "while :; do echo nonsense >&2; done\n",
	} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("took too long"))
		began := time.Now()
		_, err := gather(ctx, clip, Options{FFmpeg: script(t, text)})
		cancel()
		if err == nil || err.Error() != "took too long" {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: ended after %v", name, took)
		}
	}
}

func jpegBytes(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJPEGDecode(t *testing.T) {
	colour, grey := pictureOf(made(24, 32, 3, 1)), image.NewGray(image.Rect(0, 0, 32, 24))
	for i := range grey.Pix {
		grey.Pix[i] = byte(i)
	}
	flat := image.NewNRGBA(image.Rect(0, 0, 17, 9))
	for i := range 17 * 9 {
		flat.SetNRGBA(i%17, i/17, color.NRGBA{200, 100, 50, 255})
	}
	j := NewJPEG(Limits{Pixels: 24 * 32})
	for range 2 { // memory is used again
		for name, c := range map[string]struct {
			data     []byte
			channels int
			want     Frame
		}{
			"grey of grey": {jpegBytes(t, grey), 1, Frame{24, 32, 1, grey.Pix}},
			"rgb of flat":  {jpegBytes(t, flat), 3, Frame{9, 17, 3, bytes.Repeat([]byte{200, 100, 50}, 17*9)}},
			"grey of flat": {jpegBytes(t, flat), 1, Frame{9, 17, 1, bytes.Repeat([]byte{luma(200, 100, 50)}, 17*9)}},
		} {
			got, err := j.Decode(c.data, c.channels)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if d := worst(t, got, c.want); d > 3 {
				t.Errorf("%s: off by %d", name, d)
			}
		}
		if f, err := j.Decode(jpegBytes(t, colour), 3); err != nil || f.Height != 24 || f.Width != 32 || f.Channels != 3 {
			t.Errorf("%dx%dx%d, %v", f.Height, f.Width, f.Channels, err)
		}
	}
	whole := jpegBytes(t, colour)
	bomb := slices.Clone(whole)
	at := bytes.Index(bomb, []byte{0xff, 0xc0})
	copy(bomb[at+5:], []byte{0xff, 0xff, 0xff, 0xff}) // 65,535 x 65,535
	for want, data := range map[string][]byte{
		"more than 768 pixels": bomb, "not a jpeg picture": []byte("GIF89a\x01\x00"), "short Huffman data": whole[:len(whole)/2], "missing SOI": pngBytes(t, colour),
	} {
		if _, err := j.Decode(data, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { j.Decode(bomb, 1) }); n > 100 {
		t.Errorf("%v allocations of a picture that is refused", n)
	}
}

func TestShaper(t *testing.T) {
	if _, err := NewShaper(Options{Height: -1}); err == nil {
		t.Error("a height of -1")
	}
	s, err := NewShaper(Options{Height: 12, Width: 16, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	src := made(48, 64, 3, 2)
	data := write(t, filepath.Join(t.TempDir(), "a.y4m"), y4mBytes(t, 48, 64, 1, 1))
	if d := worst(t, s.Frame(made(48, 64, 1, 0)), collect(t, data, Options{Height: 12, Width: 16, Channels: 1})[0]); d != 0 {
		t.Errorf("a picture by itself is off by %d from one of a file", d)
	}
	s.Frame(src)
	if n := testing.AllocsPerRun(10, func() { s.Frame(src) }); n > 0 {
		t.Errorf("%v allocations a picture", n)
	}
}
