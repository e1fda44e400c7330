package video

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// encode makes a video file of n made frames with the arguments given, and returns its path.
func encode(t *testing.T, name string, h, w, c, n int, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args = append(append([]string{"-nostdin", "-v", "error", "-y", "-f", "yuv4mpegpipe", "-i", "pipe:0"}, args...), "file:"+path)
	cmd := exec.Command(needFFmpeg(t), args...)
	cmd.Stdin = bytes.NewReader(y4mBytes(t, h, w, c, n))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}

func TestFFmpegLossless(t *testing.T) {
	p := encode(t, "a.mkv", 24, 32, 3, 9, "-c:v", "ffv1", "-pix_fmt", "bgr0")
	got := collect(t, p, Options{Threads: 1})
	if len(got) != 9 {
		t.Fatalf("%d frames", len(got))
	}
	for n, f := range got {
		if d := worst(t, f, made(24, 32, 3, n)); d > 4 {
			t.Errorf("frame %d is off by %d", n, d)
		}
	}
	grey := encode(t, "g.mkv", 24, 32, 1, 5, "-c:v", "ffv1", "-pix_fmt", "gray")
	for n, f := range collect(t, grey, Options{Channels: 1}) {
		if d := worst(t, f, made(24, 32, 1, n)); d != 0 {
			t.Errorf("grey frame %d is off by %d", n, d)
		}
	}
	info, err := Probe(t.Context(), p, Options{})
	if err != nil || info != (Info{KindFFmpeg, 24, 32}) {
		t.Errorf("probe: %+v, %v", info, err)
	}
}

// TestFFmpegEveryFrameOnce uses time stamps with gaps: each frame must come once, none doubled to fill a gap.
func TestFFmpegEveryFrameOnce(t *testing.T) {
	for _, filter := range []string{"select='not(mod(n,3))'", "setpts=N*N/(25*TB)", "setpts=floor(N/2)/(5*TB)"} {
		p := encode(t, "a.mkv", 24, 32, 1, 12, "-vf", filter, "-fps_mode", "passthrough", "-c:v", "ffv1")
		out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", p).Output()
		if err != nil {
			t.Skip("skipped: no ffprobe on this machine")
		}
		got := collect(t, p, Options{Channels: 1})
		if want := strings.TrimSpace(string(out)); want != itoa(len(got)) {
			t.Errorf("%s: %d frames of %s", filter, len(got), want)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// TestResizeAgreesWithFFmpeg: the same frames, shrunk by us and by ffmpeg.
func TestResizeAgreesWithFFmpeg(t *testing.T) {
	p := encode(t, "a.mkv", 48, 64, 1, 3, "-c:v", "ffv1", "-pix_fmt", "gray")
	y := write(t, filepath.Join(t.TempDir(), "a.y4m"), y4mBytes(t, 48, 64, 1, 3))
	o := Options{Height: 12, Width: 16, Channels: 1}
	theirs, ours := collect(t, p, o), collect(t, y, o)
	if len(theirs) != 3 || len(ours) != 3 {
		t.Fatal(len(theirs), len(ours))
	}
	for n := range ours {
		if d := worst(t, theirs[n], ours[n]); d > 1 {
			t.Errorf("frame %d: ffmpeg's area and ours differ by %d", n, d)
		}
	}
}

// TestBoxOfFFmpeg: a box of what ffmpeg decodes is the box of the same frames read without it.
func TestBoxOfFFmpeg(t *testing.T) {
	p := encode(t, "a.mkv", 48, 64, 1, 3, "-c:v", "ffv1", "-pix_fmt", "gray")
	y := write(t, filepath.Join(t.TempDir(), "a.y4m"), y4mBytes(t, 48, 64, 1, 3))
	for _, b := range []Box{{Y: 10.5, X: 20, Height: 30, Width: 22.5}, {Y: -5, X: 40, Height: 60, Width: 45}} {
		o := Options{Height: 16, Width: 12, Channels: 1, Box: &b}
		theirs, ours := collect(t, p, o), collect(t, y, o)
		if len(theirs) != 3 || len(ours) != 3 {
			t.Fatal(len(theirs), len(ours))
		}
		for n := range ours {
			if d := worst(t, theirs[n], ours[n]); d != 0 {
				t.Errorf("box %v, frame %d: they differ by %d", b, n, d)
			}
		}
	}
}

// TestY4MAgreesWithFFmpeg reads y4m files of every layout with both.
func TestY4MAgreesWithFFmpeg(t *testing.T) {
	for _, format := range []string{"yuv420p", "yuv422p", "yuv444p", "gray", "yuvj420p"} {
		p := encode(t, "a.y4m", 24, 33, 3, 3, "-pix_fmt", format, "-strict", "-1")
		other := filepath.Join(filepath.Dir(p), "a.mkv") // ffmpeg goes by content
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		write(t, other, data)
		for _, c := range []int{1, 3} {
			ours, theirs := collect(t, p, Options{Channels: c}), collect(t, other, Options{Channels: c})
			if len(ours) != 3 || len(theirs) != 3 {
				t.Fatalf("%s: %d and %d frames", format, len(ours), len(theirs))
			}
			limit := 3
			if c == 3 && strings.Contains(format, "42") {
				continue // chroma is upsampled differently; 444 shows that the matrix is the same
			}
			if d := worst(t, ours[1], theirs[1]); d > limit {
				t.Errorf("%s, %d channels: off by %d", format, c, d)
			}
		}
	}
}

func TestFFmpegOddNames(t *testing.T) {
	src := encode(t, "a.mkv", 24, 32, 1, 2, "-c:v", "ffv1")
	data, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"-i.mkv", "concat:b.mkv", "http:x.mkv", "a b%03d.mkv", "ü'\"$(x).mkv"} {
		write(t, "./"+name, data)
		if got := collect(t, name, Options{}); len(got) != 2 {
			t.Errorf("%s: %d frames", name, len(got))
		}
	}
}

func TestFFmpegDamage(t *testing.T) {
	p := encode(t, "a.mp4", 48, 64, 1, 40, "-c:v", "mpeg4", "-g", "5")
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// the index of an mp4 is at its end: cut off, nothing can be read
	cut := write(t, filepath.Join(dir, "cut.mp4"), data[:len(data)/2])
	got, err := gather(t.Context(), cut, Options{})
	if err == nil || len(got) != 0 || !strings.Contains(err.Error(), cut) || !strings.Contains(err.Error(), "moov atom not found") {
		t.Errorf("cut mp4: %d frames, %v", len(got), err)
	}
	text := write(t, filepath.Join(dir, "text.avi"), []byte(strings.Repeat("no video here\n", 100)))
	if _, err := gather(t.Context(), text, Options{}); err == nil || !strings.Contains(err.Error(), "Invalid data") {
		t.Errorf("text: %v", err)
	}
	// damage in the middle: frames come, and the decoder's complaint is passed on
	var warned string
	hurt := bytes.Clone(data)
	for i := len(hurt) / 4; i < len(hurt)/2; i++ {
		hurt[i] ^= 0x5a
	}
	bad := write(t, filepath.Join(dir, "hurt.mp4"), hurt)
	got, err = gather(t.Context(), bad, Options{Warn: func(s string) { warned = s }})
	if err == nil && (len(got) == 0 || warned == "") {
		t.Errorf("damaged mp4: %d frames, warning %q", len(got), warned)
	}
	// sound only
	wav := filepath.Join(dir, "a.wav")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", wav).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := gather(t.Context(), wav, Options{}); err == nil {
		t.Error("a sound file has frames")
	}
}

func TestFFmpegStopAndCancel(t *testing.T) {
	p := encode(t, "a.mkv", 240, 320, 1, 200, "-c:v", "ffv1")
	for range Frames(t.Context(), p, Options{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range Frames(ctx, p, Options{}) {
		if last = err; err == nil {
			n++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n >= 200 {
		t.Errorf("%d frames, then %v", n, last)
	}
}

// oneAtATime hands out a piece only when it is told to.
type oneAtATime struct {
	pieces chan []byte
	rest   []byte
}

func (o *oneAtATime) Read(p []byte) (int, error) {
	if len(o.rest) == 0 {
		b, ok := <-o.pieces
		if !ok {
			return 0, io.EOF
		}
		o.rest = b
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// TestStreamAtOnce: a y4m frame must come out before the next one is there.
func TestStreamAtOnce(t *testing.T) {
	data := y4mBytes(t, 4, 4, 1, 5)
	head := bytes.IndexByte(data, '\n') + 1
	size := len("FRAME\n") + 16
	src := &oneAtATime{pieces: make(chan []byte, 1)}
	src.pieces <- data[:head+size]
	n := 0
	for f, err := range Stream(t.Context(), src, Options{Channels: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if d := worst(t, f, made(4, 4, 1, n)); d != 0 {
			t.Errorf("frame %d off by %d", n, d)
		}
		if n++; n == 5 {
			close(src.pieces)
			continue
		}
		src.pieces <- data[head+n*size : head+(n+1)*size]
	}
	if n != 5 {
		t.Errorf("%d frames", n)
	}
}

// TestStreamFFmpeg: frames of an encoded stream come out while its end is not there yet, and all of them in the end.
func TestStreamFFmpeg(t *testing.T) {
	p := encode(t, "a.avi", 120, 160, 1, 60, "-c:v", "mjpeg", "-q:v", "2")
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	// A stream that stops for good would hang here; the limit only makes that a failure.
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	src := &oneAtATime{pieces: make(chan []byte, 2)}
	half := len(data) / 2
	src.pieces <- data[:half]
	n := 0
	for f, err := range Stream(ctx, src, Options{Channels: 1, Height: 60, Width: 80}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Height != 60 || f.Width != 80 || f.Channels != 1 {
			t.Fatalf("%dx%dx%d", f.Height, f.Width, f.Channels)
		}
		if n++; n == 1 {
			src.pieces <- data[half:]
			close(src.pieces)
		}
	}
	if n != 60 {
		t.Errorf("%d frames of 60", n)
	}
}

// TestStreamCancel: a source that never sends more does not hold up a cancelled stream.
func TestStreamCancel(t *testing.T) {
	p := encode(t, "a.avi", 120, 160, 1, 60, "-c:v", "mjpeg", "-q:v", "2")
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	src := &oneAtATime{pieces: make(chan []byte, 1)}
	defer close(src.pieces) // lets the blocked read go
	src.pieces <- data[:len(data)/2]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range Stream(ctx, src, Options{}) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
}

func TestStreamErrors(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"nothing": {"", "video stream: nothing came"},
		"short":   {"abc", "video stream: only 3 bytes came, which is no video"},
	} {
		for _, err := range Stream(t.Context(), strings.NewReader(c.data), Options{}) {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var last error
	for _, err := range Stream(t.Context(), strings.NewReader("0123456789"), Options{FFmpeg: "/no/such/ffmpeg"}) {
		last = err
	}
	if !errors.Is(last, ErrNoFFmpeg) {
		t.Errorf("no ffmpeg is %v", last)
	}
}

func TestComplaint(t *testing.T) {
	var tl tail
	for range 3000 {
		_, _ = tl.Write([]byte("[mov,mp4,m4a @ 0x55d0c8a3b2c0] moov atom not found\nfile:/a/b c.mp4: Invalid data found when processing input\n"))
	}
	if got := tl.text(); got != "mov,mp4,m4a: moov atom not found; Invalid data found when processing input" {
		t.Error(got)
	}
	if len(tl.buf) > tailSize {
		t.Errorf("%d bytes kept", len(tl.buf))
	}
}
