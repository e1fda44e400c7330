package browsertest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/video"
)

// Made writes n of package dataset's made clips, 120x160, as y4m files of 15 frames a second.
func Made(t *testing.T, seed uint64, n, frames int) (paths []string) {
	t.Helper()
	clips, in := made(t, seed, n, frames)
	for i, clip := range clips {
		paths = append(paths, write(t, fmt.Sprint(i, ".y4m"), clip, in))
	}
	return paths
}

// Roll writes a clip of a picture that moves steadily to the right and comes in again at the left: after 20 frames it begins again, without a jump.
func Roll(t *testing.T) string {
	t.Helper()
	clips, in := made(t, 3, 1, 2)
	first := clips[0][0]
	const shift = 8 // pixels a frame
	var frames [][]byte
	for k := range in.Width / shift {
		f := make([]byte, len(first))
		for i := range in.Height * in.Width {
			x := (i%in.Width + shift*k) % in.Width
			copy(f[3*(i-i%in.Width+x):][:3], first[3*i:])
		}
		frames = append(frames, f)
	}
	return write(t, "roll.y4m", frames, in)
}

// made are the frames of made clips, RGB.
func made(t *testing.T, seed uint64, n, frames int) (clips [][][]byte, in dataset.Input) {
	t.Helper()
	d, err := dataset.NewMade(dataset.MadeOptions{Frames: frames, Test: n, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	in = d.Input()
	size := in.Height * in.Width * 3
	clips = make([][][]byte, n)
	for i := range clips {
		for p := d.Pixels(i); len(p) > 0; p = p[size:] {
			clips[i] = append(clips[i], p[:size])
		}
	}
	return clips, in
}

func write(t *testing.T, name string, frames [][]byte, in dataset.Input) string {
	t.Helper()
	var b bytes.Buffer
	w := video.NewY4MWriter(&b, 15)
	for _, f := range frames {
		if err := w.Write(video.Frame{Height: in.Height, Width: in.Width, Channels: 3, Pix: f}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Convert has ffmpeg make another file of one, called to, and returns its path.
func Convert(t *testing.T, from, to string, how ...string) string {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed: it makes the clips")
	}
	to = filepath.Join(t.TempDir(), to)
	if out, err := exec.Command(ffmpeg, append(append([]string{"-v", "error", "-i", from}, how...), to)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return to
}

// WebM makes a file of a clip that Chromium plays.
func WebM(t *testing.T, from string) string {
	return Convert(t, from, "clip.webm", "-an", "-c:v", "libvpx", "-b:v", "2M", "-deadline", "realtime")
}

// Film makes a file of a clip for FakeCamera.
func Film(t *testing.T, from string) string {
	return Convert(t, from, "camera.y4m", "-pix_fmt", "yuv420p")
}
