package fdht

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
	"github.com/fdht/fdht/video"
)

// Model is a trained network of floats or of integers, ready to use. Several goroutines may use one.
type Model struct {
	config model.Config
	input  *dataset.Input // of a video frame; nil: rows of features
	start  func() network

	mu      sync.Mutex
	idle    []network // one is for one goroutine at a time
	streams network   // streams share its weights
}

// Load reads a model file: what fdht train or what fdht quantize wrote.
func Load(path string) (*Model, error) {
	f, q, err := quant.Open(path)
	if err != nil {
		return nil, err
	}
	var m *Model
	if q != nil {
		m, err = FromQuantised(q)
	} else {
		m, err = From(f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// From uses a model that is in memory, such as one that was just trained. Do not change it afterwards.
func From(f *model.File) (*Model, error) {
	scaler, err := model.NewScaler(f.Config.Standardise, f.Config.Input)
	if err != nil {
		return nil, err
	}
	return newModel(f.Config, func() network { return floats{f.Net.NewRunner(1), scaler} })
}

// FromQuantised uses a model in integers: its logits are those of quant.Engine and of exported C, bit for bit.
func FromQuantised(q *quant.Model) (*Model, error) {
	return newModel(q.Config, func() network { return integers{q, q.NewRunner(1)} })
}

func newModel(c model.Config, start func() network) (*Model, error) {
	m := &Model{config: c, start: start}
	in, err := frames.Input(c)
	if err != nil {
		return nil, err
	}
	if c.Frame != nil {
		m.input = &in
	}
	return m, nil
}

// Config says what the model is: its structure, classes, frames and steps.
func (m *Model) Config() model.Config { return m.config }

// Classes are the labels in the order of probabilities and logits. Not to be changed.
func (m *Model) Classes() []string { return m.config.Classes }

// Prediction is what a model makes of a sequence.
type Prediction struct {
	Label  string    // the most probable class
	Class  int       // its number
	Probs  []float32 // of every class, in the order of Model.Classes
	Logits []float32 // what the probabilities are the softmax of
	Frames int       // steps that went into the network
}

// Top lists the numbers of the n most probable classes, the most probable first, and of equal ones the first.
func (p Prediction) Top(n int) []int { return p.AppendTop(nil, n) }

// AppendTop is Top that appends to order: with room for n more there it allocates nothing.
func (p Prediction) AppendTop(order []int, n int) []int {
	begin := len(order)
	for k, z := range p.Logits {
		if len(order)-begin < n {
			order = append(order, k)
		} else if n < 1 || !(z > p.Logits[order[len(order)-1]]) {
			continue
		}
		i := len(order) - 1
		for ; i > begin && z > p.Logits[order[i-1]]; i-- {
			order[i] = order[i-1]
		}
		order[i] = k
	}
	return order
}

// Reading says how a clip is taken.
type Reading struct {
	Steps  int    // frames taken from a clip, evenly; 0: as many as in training, -1: all of them
	Views  int    // samplings of a video, each with frames of its own, over which the probabilities are averaged; 0: 1
	Repeat bool   // a clip with fewer frames repeats some; else it is an error
	FFmpeg string // the ffmpeg program; "": the one on the PATH

	Limits video.Limits // of a clip that a stranger sent

	// Each, if set, is called with what the sequence is after each step, before the whole is predicted; Probs and Logits are used again by the
	// next. A bidirectional model has no such thing: rnn.ErrBidirectional. It is of the first sampling.
	Each func(Prediction)
}

// Predict says what is in a video file (anything that ffmpeg reads), a folder of images, a GIF, a y4m file, or a .npy or
// .npz array [T, F] whose F is the model's input size. As in evaluation, a video gives as many frames as a training clip
// had, taken evenly; rows of an array are all taken, as they are. Both are standardised as in training.
func (m *Model) Predict(ctx context.Context, path string) (Prediction, error) {
	return m.PredictReading(ctx, path, Reading{})
}

// PredictReading is Predict with a say in how the clip is taken.
func (m *Model) PredictReading(ctx context.Context, path string, how Reading) (Prediction, error) {
	var clip dataset.Clip
	var s dataset.Sample
	var err error
	if how.Views < 0 || how.Views > train.MaxViews {
		return Prediction{}, fmt.Errorf("%d views of a clip: want 1 to %d", how.Views, train.MaxViews)
	}
	if isArray(path) {
		err = dataset.ReadClip(ctx, &clip, path, dataset.Input{}, dataset.Sample{}, dataset.Options{})
		if err == nil && clip.Width() != m.config.Input {
			err = fmt.Errorf("%s: rows of %d numbers, the model takes %d", path, clip.Width(), m.config.Input)
		}
		if over := how.Limits.CheckFrames(clip.Len()); err == nil && over != nil {
			err = fmt.Errorf("%s: %w", path, over)
		}
	} else if m.input == nil {
		err = fmt.Errorf("%s: the model takes rows of %d features, not video: give it .npy or .npz arrays [T, %d]", path, m.config.Input, m.config.Input)
	} else {
		s.Steps, s.Views = how.Steps, how.Views
		switch {
		case how.Steps == 0:
			s.Steps = m.config.Steps
		case how.Steps < 0:
			s.Steps = 0
		}
		if how.Repeat {
			s.Short = dataset.ShortRepeat
		}
		err = dataset.ReadClip(ctx, &clip, path, *m.input, s, dataset.Options{FFmpeg: how.FFmpeg, Limits: how.Limits})
	}
	if err == nil && how.Each != nil {
		err = m.each(&clip, how.Each)
	}
	if err != nil {
		return Prediction{}, err
	}
	if how.Views <= 1 {
		return m.predict(&clip), nil
	}
	if s.Steps == 0 {
		return Prediction{}, fmt.Errorf("%s: %d views, but all of it is taken: there is nothing to choose", path, how.Views)
	}
	return m.average(&clip, s)
}

// average is the mean of the probabilities over the views of a clip, as in train.Evaluate.
func (m *Model) average(clip *dataset.Clip, s dataset.Sample) (mean Prediction, err error) {
	mean.Logits, mean.Probs = make([]float32, len(m.Classes())), make([]float32, len(m.Classes()))
	for s.View = range s.Views {
		if err := clip.Resample(s); err != nil {
			return mean, err
		}
		p := m.predict(clip)
		train.AddView(mean.Logits, p.Logits, s.Views)
		mean.Frames = p.Frames
	}
	train.ViewLogits(mean.Logits)
	m.judge(&mean)
	return mean, nil
}

// each takes a clip step by step.
func (m *Model) each(clip *dataset.Clip, after func(Prediction)) error {
	s, err := m.NewStream()
	if err != nil {
		return err
	}
	for t := range clip.Len() {
		clip.Load(s.row, t)
		after(s.step())
	}
	return nil
}

func isArray(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	if ext != ".npy" && ext != ".npz" {
		return false
	}
	st, err := os.Stat(path)
	return err != nil || !st.IsDir()
}

// PredictRows says what a sequence is whose rows of Config().Input floats are scaled (a frame's values to 0..1) but not standardised.
func (m *Model) PredictRows(rows [][]float32) (Prediction, error) {
	if len(rows) == 0 {
		return Prediction{}, errors.New("no rows: a sequence has at least one")
	}
	for t, r := range rows {
		if len(r) != m.config.Input {
			return Prediction{}, fmt.Errorf("row %d has %d numbers, the model takes %d", t, len(r), m.config.Input)
		}
	}
	return m.predict(sequence(rows)), nil
}

// sequence is a clip in memory.
type sequence [][]float32

func (s sequence) Len() int                  { return len(s) }
func (s sequence) Load(dst []float32, t int) { copy(dst, s[t]) }

func (m *Model) predict(s rnn.Sequence) Prediction {
	n := m.network()
	defer m.release(n)
	logits := make([]float32, len(m.Classes()))
	n.run(logits, s)
	p := Prediction{Logits: logits, Probs: make([]float32, len(logits)), Frames: s.Len()}
	m.judge(&p)
	return p
}

// judge fills in what follows from the logits.
func (m *Model) judge(p *Prediction) {
	train.Softmax(p.Probs, p.Logits)
	p.Class = 0
	for i, z := range p.Logits {
		if z > p.Logits[p.Class] {
			p.Class = i
		}
	}
	p.Label = m.config.Classes[p.Class]
}

func (m *Model) network() network {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := len(m.idle); k > 0 {
		n := m.idle[k-1]
		m.idle = m.idle[:k-1]
		return n
	}
	return m.start()
}

func (m *Model) release(n network) {
	m.mu.Lock()
	m.idle = append(m.idle, n)
	m.mu.Unlock()
}
