package c

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// What ring.c does with a frame.
const (
	ringKeep  = iota // no step
	ringStep         // a step
	ringFirst        // a step of a new video
)

// ringVideos are two videos, longer than the lags are, and what is done with each frame: of the second some are no steps.
func ringVideos(size int) (frames [][]byte, do []byte) {
	frames = append(testmodels.Bytes(size, 25, 3), testmodels.Bytes(size, 13, 4)...)
	for i := range frames {
		switch {
		case i == 0 || i == 25:
			do = append(do, ringFirst)
		case i > 25 && i%3 == 0:
			do = append(do, ringKeep)
		default:
			do = append(do, ringStep)
		}
	}
	return frames, do
}

// ringRows are the rows that package dataset makes of the frames, by video; of frames that are no steps none.
func ringRows(t *testing.T, c model.Config, frames [][]byte, do []byte) (videos []testmodels.Sequence) {
	t.Helper()
	f := c.Frame
	live, err := dataset.NewLive(dataset.Input{Kind: f.Input, Height: f.Height, Width: f.Width, Lag: f.Lag, Gain: float32(f.Gain)})
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if do[i] == ringFirst {
			live.Reset()
			videos = append(videos, nil)
		}
		row := make([]float32, c.Input)
		if err := live.Load(row, frame); err != nil {
			t.Fatal(err)
		}
		if do[i] != ringKeep {
			v := &videos[len(videos)-1]
			*v = append(*v, row)
		}
	}
	return videos
}

// TestRing: exports that keep the frames of a video themselves, over one lag and over several, say what Go says: integers to the bit.
func TestRing(t *testing.T) {
	found := compilers(t)
	main, err := os.ReadFile(filepath.Join("testdata", "ring.c"))
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range []struct {
		kind string
		lag  []int
	}{{dataset.Diff, []int{1}}, {dataset.GreyDiff, []int{2}}, {dataset.Diff, []int{3, 8}}, {dataset.GreyDiff, []int{1, 2, 3, 4, 5, 6, 7, 20}}} {
		f := testmodels.Random(t, testmodels.Frames(c.kind, c.lag...), uint64(n))
		frames, do := ringVideos(80)
		var in bytes.Buffer
		for i, frame := range frames {
			in.WriteByte(do[i])
			in.Write(frame)
		}
		videos := ringRows(t, f.Config, frames, do)
		q, err := quant.Quantise(f, []rnn.Sequence{videos[0]}, quant.Options{Bits: 8})
		if err != nil {
			t.Fatal(err)
		}
		var floats, integers []float32
		for _, rows := range videos {
			floats, integers = append(floats, stream(t, f, rows, nil)...), append(integers, engine(q, rows)...)
		}
		cc := found[n%len(found)]
		name := fmt.Sprintf("%s, %s %v", cc, c.kind, c.lag)
		of, err := Export(f, Options{})
		if got := ringLogits(t, cc, of, err, main, in.Bytes(), len(floats)); !(farthest(got, floats) < 1e-5) {
			t.Errorf("%s: floats are off by %g", name, farthest(got, floats))
		}
		of, err = ExportQuantised(q, Options{})
		if got := ringLogits(t, cc, of, err, main, in.Bytes(), len(integers)); !slices.Equal(got, integers) {
			t.Errorf("%s: integers are %v, want %v", name, got, integers)
		}
	}
}

// ringLogits compiles an export with ring.c and runs it.
func ringLogits(t *testing.T, cc string, files []File, err error, main, in []byte, count int) []float32 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, append(files, File{"main.c", main})...)
	exe := compile(t, cc, dir, append(append([]string{"fdht.c", "main.c"}, strict...), sanitised...)...)
	out := run(t, exe, bytes.NewReader(in))
	got := make([]float32, count)
	if len(out) != 4*count {
		t.Fatalf("%d bytes, want %d logits", len(out), count)
	}
	if err := binary.Read(bytes.NewReader(out), binary.NativeEndian, got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestNoRing: where nothing is looked back on there is no ring, with a model or without.
func TestNoRing(t *testing.T) {
	for _, c := range []struct {
		kind string
		want bool
	}{{dataset.RGB, false}, {dataset.Grey, false}, {dataset.Diff, true}, {dataset.GreyDiff, true}} {
		b, err := FloatBuild(testmodels.Random(t, testmodels.Frames(c.kind), 1), 0)
		if err != nil {
			t.Fatal(err)
		}
		files, err := b.Files("")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files[:2] {
			if got := strings.Contains(string(f.Data), "fdht_ring"); got != c.want {
				t.Errorf("%s, %s: a ring: %v", c.kind, f.Name, got)
			}
		}
		if (b.Ring() > 0) != c.want {
			t.Errorf("%s: a ring of %d bytes", c.kind, b.Ring())
		}
	}
	header, source := Engine(Float)
	if strings.Contains(header+source, "fdht_ring") {
		t.Error("an engine without a model has a ring")
	}
}
