package fdht

import (
	"errors"
	"fmt"

	"github.com/fdht/fdht/dataset"
)

// Stream takes one sequence a step at a time and says after each what it is so far. A step costs the same however long the
// sequence is, and allocates nothing. It is for one goroutine; a Model may have any number of Streams.
type Stream struct {
	m    *Model
	net  stepper
	live *dataset.Live // nil: rows of features
	row  []float32
	p    Prediction
}

// NewStream starts a sequence. A bidirectional model, which needs the end of a sequence first, is an error: rnn.ErrBidirectional.
func (m *Model) NewStream() (*Stream, error) {
	net, err := m.shared().stream()
	if err != nil {
		return nil, err
	}
	s := &Stream{m: m, net: net, row: make([]float32, m.config.Input)}
	s.p.Logits, s.p.Probs = make([]float32, len(m.Classes())), make([]float32, len(m.Classes()))
	if m.input != nil {
		if s.live, err = dataset.NewLive(*m.input); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Step takes the next video frame: height x width x channels bytes, row-major, of the size in Config().Frame, with 3
// channels (RGB) for a model of rgb frames and 1 (grey) for all others. Models of differences look back on the frames
// before by themselves. Probs and Logits of the Prediction are used again by the next step.
func (s *Stream) Step(frame []byte) (Prediction, error) {
	if s.live == nil {
		return Prediction{}, errors.New("the model takes rows of features, not frames: use StepRow")
	}
	if err := s.live.Load(s.row, frame); err != nil {
		return Prediction{}, err
	}
	return s.step(), nil
}

// StepRow takes the next row of Config().Input floats: features, or a frame's values scaled to 0..1; it standardises them itself.
func (s *Stream) StepRow(row []float32) (Prediction, error) {
	if len(row) != len(s.row) {
		return Prediction{}, fmt.Errorf("a row of %d numbers, the model takes %d", len(row), len(s.row))
	}
	copy(s.row, row)
	return s.step(), nil
}

// step takes what is in s.row.
func (s *Stream) step() Prediction {
	s.net.Step(s.p.Logits, s.row)
	s.p.Frames = s.net.Steps()
	s.m.judge(&s.p)
	return s.p
}

// Reset starts a new sequence.
func (s *Stream) Reset() {
	s.net.Reset()
	if s.live != nil {
		s.live.Reset()
	}
}
