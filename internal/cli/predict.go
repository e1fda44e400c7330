package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/video"
)

// stdinName is what the input - is called in results and errors.
const stdinName = "-"

// predictCmd is fdht predict.
type predictCmd struct {
	Model string `placeholder:"M" group:"model" help:"Model file, or the folder of a run; with --server a model's name there."`
	remoteFlags
	Files []string `arg:"" placeholder:"FILE" help:"Video files, folders of images, GIF, y4m, .npy or .npz arrays; - reads one from standard input."`
	sampleFlags
	viewsFlag
	Stream bool `group:"frames" help:"Print one line of JSON a frame, as frames come."`
	Every  int  `group:"frames" default:"1" placeholder:"N" help:"--stream: take every Nth frame (${default})."`
	Top    int  `group:"common" default:"5" placeholder:"N" help:"How many labels to print (${default})."`
	jsonFlag
	common
}

// Help is the long help.
func (*predictCmd) Help() string {
	return `Examples:

  fdht predict --model runs/first clip.mp4 frames/ features.npy
  fdht predict --model runs/first --json *.mp4
  fdht predict --server http://127.0.0.1:8080 clip.mp4
  ffmpeg -i rtsp://camera/ -f yuv4mpegpipe -pix_fmt yuv420p - | fdht predict --model runs/first --stream -

A video gives as many frames as a training clip had, taken evenly over its length. The rows of an array are all taken, as
they are. With --stream every frame is a step and each line is the answer for the sequence so far.`
}

// streamed is a line of predict --stream.
type streamed struct {
	Input string    `json:"input,omitempty"` // with more than one input
	Frame int       `json:"frame"`           // from 0
	Label string    `json:"label"`
	Probs []float32 `json:"probs"`
	MS    float64   `json:"ms"` // from the frame to its answer
}

// Run predicts. A file that cannot be read is reported and the others go on.
func (c *predictCmd) Run(ctx context.Context, u *ui) error {
	if err := c.check(); err != nil {
		return err
	}
	one, err := c.each(ctx, u)
	if err != nil {
		return err
	}
	failed := 0
	for _, file := range c.Files {
		err := one(file)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || len(c.Files) == 1 {
			return err
		}
		u.complain(ctx, err)
		failed++
	}
	if failed > 0 {
		return errReported
	}
	return nil
}

func (c *predictCmd) check() error {
	if c.Model == "" && c.Server == "" {
		return usage("", "missing flags: --model=M, or --server=URL")
	}
	sample, err := c.sample(1) // more than 0: the model says how many where no flag does
	if err != nil {
		return err
	}
	if err := c.viewsFlag.check(sample); err != nil {
		return err
	}
	switch {
	case c.Every < 1:
		return usage("", "--every %d: want 1 or more", c.Every)
	case c.Every > 1 && !c.Stream:
		return usage("--steps says how many frames of a clip are taken", "--every %d without --stream", c.Every)
	case c.Top < 0:
		return usage("", "--top %d: want 0 or more", c.Top)
	case c.Views > 1 && c.Server != "":
		return usage("leave --views away", "--views %d with --server %s", c.Views, c.Server)
	case c.Stream && c.Server != "":
		return usage("leave --stream away", "--stream with --server %s", c.Server)
	case c.Stream && c.Views > 1:
		return usage("leave one of them away", "--views %d with --stream, which takes every frame once", c.Views)
	case c.Stream && c.Steps != nil:
		return usage("--every takes fewer frames", "--steps %d with --stream, which takes every frame", *c.Steps)
	}
	return nil
}

// each is what is done with each file: by a model here, or by a server.
func (c *predictCmd) each(ctx context.Context, u *ui) (func(file string) error, error) {
	if c.Server != "" {
		r, err := c.connect(ctx, c.Model)
		if err != nil {
			return nil, err
		}
		return func(file string) error { return c.one(ctx, u, r, file) }, nil
	}
	m, err := fdht.Load(modelPath(c.Model))
	if err != nil {
		return nil, err
	}
	if c.Stream {
		return func(file string) error { return c.stream(ctx, u, m, file) }, nil
	}
	return func(file string) error { return c.one(ctx, u, local{m}, file) }, nil
}

// predictor says what is in a file.
type predictor interface {
	predict(ctx context.Context, path string, how fdht.Reading) (client.Prediction, error)
	labels() []string
}

// local is a model here.
type local struct{ m *fdht.Model }

func (l local) labels() []string { return l.m.Classes() }

func (l local) predict(ctx context.Context, path string, how fdht.Reading) (client.Prediction, error) {
	p, err := l.m.PredictReading(ctx, path, how)
	return client.Prediction{Input: path, Label: p.Label, Probs: p.Probs, Logits: p.Logits, Frames: p.Frames}, err
}

func (c *predictCmd) one(ctx context.Context, u *ui, by predictor, file string) error {
	how := fdht.Reading{Repeat: c.Short == "repeat", Views: c.Views}
	if c.Steps != nil {
		if how.Steps = *c.Steps; how.Steps == 0 {
			how.Steps = -1
		}
	}
	path := file
	if file == stdinName {
		var err error
		if path, err = keepInput(u.in); err != nil {
			return err
		}
		defer os.RemoveAll(filepath.Dir(path))
	}
	start := time.Now()
	p, err := by.predict(ctx, path, how)
	if err != nil {
		if file == stdinName {
			return renamed{err, path, "standard input"}
		}
		return err
	}
	p.Input = file
	u.detail("%s: %d steps, %.0f ms", file, p.Frames, time.Since(start).Seconds()*1e3)
	if c.JSON {
		return u.json(p)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", file, p.Label)
	labels := by.labels()
	for _, k := range (fdht.Prediction{Probs: p.Probs, Logits: p.Logits}).Top(c.Top) {
		fmt.Fprintf(&b, "  %7s  %s\n", percent(float64(p.Probs[k])), labels[k])
	}
	return u.print("%s", b.String())
}

// renamed is an error in whose text one name stands for another.
type renamed struct {
	error
	from, to string
}

func (r renamed) Error() string { return strings.ReplaceAll(r.error.Error(), r.from, r.to) }
func (r renamed) Unwrap() error { return r.error }

// keepInput writes standard input to a file: a video is not always readable from a pipe. The folder it is in is for the caller to remove.
func keepInput(in io.Reader) (path string, err error) {
	dir, err := os.MkdirTemp("", "fdht-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	r := bufio.NewReaderSize(in, 1<<16)
	name := "input"
	switch head, _ := r.Peek(6); {
	case bytes.Equal(head, []byte("\x93NUMPY")):
		name = "input.npy"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		name = "input.npz"
	}
	path = filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(f, r); err != nil {
		f.Close()
		return "", fmt.Errorf("standard input: %w", bare(err))
	}
	return path, f.Close()
}

// stream prints a line for every frame as it comes.
func (c *predictCmd) stream(ctx context.Context, u *ui, m *fdht.Model, file string) error {
	s, err := m.NewStream()
	if errors.Is(err, rnn.ErrBidirectional) {
		return usage("leave --stream away", "--stream with --model %s: %w", c.Model, err)
	}
	if err != nil {
		return err
	}
	name := ""
	if len(c.Files) > 1 {
		name = file
	}
	say := func(n int, p fdht.Prediction, since time.Time) error {
		ms := float64(time.Since(since).Microseconds()) / 1e3
		return u.json(streamed{name, n, p.Label, p.Probs, ms})
	}
	cfg := m.Config()
	if cfg.Frame == nil || isArrayName(file) {
		return c.streamRows(ctx, u, m, s, file, say)
	}
	in, err := frames.Input(cfg)
	if err != nil {
		return err
	}
	o := video.Options{Height: in.Height, Width: in.Width, Channels: in.SourceChannels()}
	frames := video.Frames(ctx, file, o)
	if file == stdinName {
		frames = video.Stream(ctx, u.in, o)
	}
	n := 0
	for f, err := range frames {
		if err != nil {
			return err
		}
		if n%c.Every == 0 {
			start := time.Now()
			p, err := s.Step(f.Pix)
			if err != nil {
				return err
			}
			if err := say(n, p, start); err != nil {
				return err
			}
		}
		n++
	}
	return nil
}

func isArrayName(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".npy" || ext == ".npz"
}

// streamRows goes through the rows of an array.
func (c *predictCmd) streamRows(ctx context.Context, u *ui, m *fdht.Model, s *fdht.Stream, file string, say func(int, fdht.Prediction, time.Time) error) error {
	if file == stdinName {
		return usage("without --stream it can", "--stream cannot read an array from standard input")
	}
	var clip dataset.Clip
	if err := dataset.ReadClip(ctx, &clip, file, dataset.Input{}, dataset.Sample{}, dataset.Options{}); err != nil {
		return err
	}
	if w := m.Config().Input; clip.Width() != w {
		return fmt.Errorf("%s: rows of %d numbers, the model takes %d", file, clip.Width(), w)
	}
	row := make([]float32, clip.Width())
	for t := 0; t < clip.Len(); t += c.Every {
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		start := time.Now()
		clip.Load(row, t)
		p, err := s.StepRow(row)
		if err != nil {
			return err
		}
		if err := say(t, p, start); err != nil {
			return err
		}
	}
	return nil
}
