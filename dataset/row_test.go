package dataset

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fdht/fdht/lags"
)

// TestClipLags: rows of a clip are the frames that the lags name, its first where there is none.
func TestClipLags(t *testing.T) {
	in := Input{Kind: GreyDiff, Height: 2, Width: 3, Lag: lags.List{1, 4}, Gain: 51}
	var frames []byte
	for n := range 7 {
		for px := range 6 {
			frames = append(frames, byte(n*n+px))
		}
	}
	var c Clip
	if err := c.setFrames("x", 0, in, frames, nil, Sample{}); err != nil {
		t.Fatal(err)
	}
	if c.Width() != 18 || in.Channels() != 3 {
		t.Fatalf("rows of %d numbers", c.Width())
	}
	diff := func(n, lag int) float32 {
		old := max(n-lag, 0)
		return min(float32(n*n-old*old)/5, 1)
	}
	for n, row := range rows(t, &c) {
		for px := range 6 {
			want := []float32{float32(n*n+px) / 255, diff(n, 1), diff(n, 4)}
			if !near(row[3*px:3*px+3], want) {
				t.Fatalf("frame %d, pixel %d: %v, want %v", n, px, row[3*px:3*px+3], want)
			}
		}
	}
}

// TestLoadAllocates: nothing, of any kind of input and view.
func TestLoadAllocates(t *testing.T) {
	for _, in := range rowInputs() {
		for _, v := range rowViews() {
			c := loadClip(in, v)
			dst := make([]float32, c.Width())
			if n := testing.AllocsPerRun(5, func() { c.Load(dst, 0) }); n != 0 {
				t.Errorf("%s %v %+v: %g allocations", in.Kind, in.Lag, v, n)
			}
		}
	}
}

func BenchmarkLoadViews(b *testing.B) {
	for _, in := range rowInputs() {
		for _, v := range rowViews() {
			b.Run(fmt.Sprintf("%s %v/dx=%d/flip=%v", in.Kind, in.Lag, v.dx, v.flip), func(b *testing.B) {
				c := loadClip(in, v)
				dst := make([]float32, c.Width())
				b.ReportAllocs()
				for b.Loop() {
					c.Load(dst, 0)
				}
			})
		}
	}
}

func rowInputs() []Input {
	out := []Input{{Kind: RGB}, {Kind: Diff, Lag: lags.List{5}}, {Kind: GreyDiff, Lag: lags.List{5}}, {Kind: Diff, Lag: lags.List{3, 8}}, {Kind: Diff, Lag: lags.List{2, 4, 8}}, {Kind: GreyDiff, Lag: lags.List{3, 8}}}
	for i := range out {
		out[i].Height, out[i].Width = 120, 160
		out[i] = out[i].WithDefaults()
	}
	return out
}

func rowViews() []view {
	return []view{{bright: 1}, {dx: 3, dy: -2, bright: 1}, {dx: 3, flip: true, bright: 1}}
}

// loadClip is a clip of one step, the last of ten frames.
func loadClip(in Input, v view) *Clip {
	c := &Clip{in: in, view: v, width: in.Size(), idx: []int32{9}, frames: make([]byte, 10*in.frameBytes())}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range c.frames {
		c.frames[i] = byte(r.Uint32())
	}
	return c
}
