package dataset

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/video"
)

// MadeOptions says what motion clips to make. Zero fields take the value given with each.
type MadeOptions struct {
	Input            Input  // RGB of 120 x 160
	Frames           int    // frames a clip: 12
	Train, Val, Test int    // clips of each part; all 0 = 320, 64 and 160
	Shapes           int    // most shapes in a clip, one to so many: 3
	Noise            int    // noise of every value of every frame, +-Noise of 255; 0 = 6, negative = none
	Seed             uint64 // another seed, other clips
}

func (o MadeOptions) withDefaults() MadeOptions {
	if o.Input.Kind == "" {
		o.Input.Kind = RGB
	}
	if o.Input.Height == 0 && o.Input.Width == 0 {
		o.Input.Height, o.Input.Width = 120, 160
	}
	o.Input = o.Input.WithDefaults()
	if o.Frames == 0 {
		o.Frames = 12
	}
	if o.Train == 0 && o.Val == 0 && o.Test == 0 {
		o.Train, o.Val, o.Test = 320, 64, 160
	}
	if o.Shapes == 0 {
		o.Shapes = 3
	}
	switch {
	case o.Noise == 0:
		o.Noise = 6
	case o.Noise < 0:
		o.Noise = 0
	}
	return o
}

// Made is a set of motion clips drawn in memory from a seed: no files, no download. One to three textured shapes move
// before a dim, noisy background. The class is the motion and nothing else: any single frame, taken alone, has the
// same distribution in all classes. Clips are drawn when first used (or by Render) and kept. It is a Dataset.
type Made struct {
	o     MadeOptions
	clips []madeClip
}

type madeClip struct {
	once   sync.Once
	frames []byte
}

// MadeClasses are the motions, in the order of the labels.
func MadeClasses() []string {
	return []string{"down", "down-left", "down-right", "left", "right", "up", "up-left", "up-right"}
}

// NewMade checks the options; nothing is drawn yet.
func NewMade(o MadeOptions) (*Made, error) {
	o = o.withDefaults()
	if err := o.Input.Validate(); err != nil {
		return nil, err
	}
	switch {
	case o.Input.Height < 16 || o.Input.Width < 16:
		return nil, fmt.Errorf("made clips of %dx%d: want 16x16 or more", o.Input.Height, o.Input.Width)
	case o.Frames < 2 || o.Frames > 10000:
		return nil, fmt.Errorf("made clips of %d frames: want 2 to 10000", o.Frames)
	case o.Train < 0 || o.Val < 0 || o.Test < 0:
		return nil, fmt.Errorf("made clips %d train, %d val, %d test: want 0 or more", o.Train, o.Val, o.Test)
	case o.Shapes < 0 || o.Shapes > 16 || o.Noise > 127:
		return nil, fmt.Errorf("made clips with %d shapes and noise %d: want 1 to 16 and at most 127", o.Shapes, o.Noise)
	}
	return &Made{o: o, clips: make([]madeClip, o.Train+o.Val+o.Test)}, nil
}

// Render draws all clips with a number of workers (0 = one), so that none is drawn while others wait for it.
func (m *Made) Render(ctx context.Context, workers int, progress func(done, total int)) error {
	return each(ctx, len(m.clips), workers, progress, func(_ context.Context, i int) error {
		m.Pixels(i)
		return nil
	})
}

// Name is "made".
func (m *Made) Name() string { return "made" }

// Classes are the motions.
func (m *Made) Classes() []string { return MadeClasses() }

// Len is the number of clips: training, then validation, then test.
func (m *Made) Len() int { return len(m.clips) }

// ID is like left/train-000013.
func (m *Made) ID(i int) string {
	part, n := m.part(i)
	return fmt.Sprintf("%s/%s-%06d", MadeClasses()[m.Label(i)], part, n)
}

// Label is the motion of clip i. All motions are equally frequent in each part, as far as its size allows.
func (m *Made) Label(i int) int {
	_, n := m.part(i)
	return n % len(MadeClasses())
}

// Group is the clip's part: train, val or test.
func (m *Made) Group(i int) string {
	part, _ := m.part(i)
	return part
}

func (m *Made) part(i int) (name string, n int) {
	switch {
	case i < m.o.Train:
		return "train", i
	case i < m.o.Train+m.o.Val:
		return "val", i - m.o.Train
	}
	return "test", i - m.o.Train - m.o.Val
}

// Width is the number of floats a row.
func (m *Made) Width() int { return m.o.Input.Size() }

// Frames is the number of frames, the same for all clips.
func (m *Made) Frames(int) int { return m.o.Frames }

// Input is what the rows are.
func (m *Made) Input() Input { return m.o.Input }

// Official is the split into the parts asked for.
func (m *Made) Official() (Split, bool) {
	i := all(len(m.clips))
	v, t := m.o.Train, m.o.Train+m.o.Val
	return Split{Train: i[:v:v], Val: i[v:t:t], Test: i[t:]}, true
}

// Clip prepares clip i.
func (m *Made) Clip(dst *Clip, i int, s Sample) error {
	return dst.setFrames(m.ID(i), i, m.o.Input, m.Pixels(i), nil, s)
}

// Pixels returns the frames of clip i, [Frames][H][W][3], or [Frames][H][W] where the input is not RGB. Not to be
// changed.
func (m *Made) Pixels(i int) []byte {
	c := &m.clips[i]
	c.once.Do(func() { c.frames = m.draw(i) })
	return c.frames
}

// WriteFiles writes the clips as a clip folder: DIR/<label>/<part>-000013.y4m, or with format png a folder of
// pictures in its place, and DIR/split.txt. DIR must not exist or be empty.
func (m *Made) WriteFiles(ctx context.Context, dir, format string) error {
	if format != "y4m" && format != "png" {
		return fmt.Errorf("format %q: want y4m or png", format)
	}
	if e, err := os.ReadDir(dir); err == nil && len(e) > 0 {
		return fmt.Errorf("%s: the folder is not empty; name a new one", dir)
	}
	for _, class := range m.Classes() {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o755); err != nil {
			return openErr(dir, err)
		}
	}
	for i := range m.clips {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		path := filepath.Join(dir, filepath.FromSlash(m.ID(i)))
		var err error
		if format == "png" {
			err = m.writePNG(path, i)
		} else {
			err = atomicfile.Write(path+".y4m", func(w io.Writer) error { return m.writeY4M(w, i) })
		}
		if err != nil {
			return err
		}
	}
	split, _ := m.Official()
	return atomicfile.Write(filepath.Join(dir, "split.txt"), func(w io.Writer) error { return WriteSplit(w, named{m, format}, split) })
}

// named is a Made whose ids are those of the files written.
type named struct {
	*Made
	format string
}

func (n named) ID(i int) string {
	if n.format == "png" {
		return n.Made.ID(i)
	}
	return n.Made.ID(i) + ".y4m"
}

// frame is frame t of clip i as a picture.
func (m *Made) frame(i, t int) video.Frame {
	in := m.o.Input
	n := in.frameBytes()
	return video.Frame{Height: in.Height, Width: in.Width, Channels: in.SourceChannels(), Pix: m.Pixels(i)[t*n : (t+1)*n]}
}

func (m *Made) writeY4M(w io.Writer, i int) error {
	y := video.NewY4MWriter(w, 12)
	for t := range m.o.Frames {
		if err := y.Write(m.frame(i, t)); err != nil {
			return err
		}
	}
	return y.Flush()
}

func (m *Made) writePNG(dir string, i int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return openErr(dir, err)
	}
	for t := range m.o.Frames {
		f := m.frame(i, t)
		img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
		for p := range f.Height * f.Width {
			c := color.RGBA{A: 255}
			if f.Channels == 3 {
				c.R, c.G, c.B = f.Pix[3*p], f.Pix[3*p+1], f.Pix[3*p+2]
			} else {
				c.R, c.G, c.B = f.Pix[p], f.Pix[p], f.Pix[p]
			}
			img.SetRGBA(p%f.Width, p/f.Width, c)
		}
		err := atomicfile.Write(filepath.Join(dir, fmt.Sprintf("%04d.png", t)), func(w io.Writer) error { return png.Encode(w, img) })
		if err != nil {
			return err
		}
	}
	return nil
}
