package fdht

import (
	"errors"
	"fmt"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Track is one of many sequences that are under way at the same time: its state, and what was made of it so far. A Stepper takes the tracks further. Where there
// is one sequence alone a Stream is simpler. A Track is for one goroutine at a time.
type Track struct {
	m     *Model
	state *rnn.State    // of a network of floats
	alone stepper       // a network of integers: its tracks go one after the other
	live  *dataset.Live // nil: rows of features
	frame []byte        // what the next step takes
	row   []float32     // the same, of a model of features
	p     Prediction
}

// NewTrack starts a sequence. A bidirectional model, which needs the end of a sequence first, is an error: rnn.ErrBidirectional.
func (m *Model) NewTrack() (*Track, error) {
	t := &Track{m: m}
	var err error
	if n, ok := m.shared().(floats); ok {
		t.state, err = n.r.NewState()
	} else {
		t.alone, err = m.shared().stream()
	}
	if err != nil {
		return nil, err
	}
	t.p.Logits, t.p.Probs = make([]float32, len(m.Classes())), make([]float32, len(m.Classes()))
	if m.input != nil {
		if t.live, err = dataset.NewLive(*m.input); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Frame gives the frame that the next step takes, as Stream.Step has it. It is read by that step: leave it alone until then.
func (t *Track) Frame(frame []byte) error {
	if t.live == nil {
		return errors.New("the model takes rows of features, not frames: use Row")
	}
	if want := t.m.input.Height * t.m.input.Width * t.m.input.SourceChannels(); len(frame) != want {
		return fmt.Errorf("a frame of %d bytes, want %dx%dx%d", len(frame), t.m.input.Height, t.m.input.Width, t.m.input.SourceChannels())
	}
	t.frame = frame
	return nil
}

// Row gives the row of Config().Input floats that the next step takes, of a model of features. It is read by that step: leave it alone until then.
func (t *Track) Row(row []float32) error {
	switch {
	case t.live != nil:
		return errors.New("the model takes frames, not rows of features: use Frame")
	case len(row) != t.m.config.Input:
		return fmt.Errorf("a row of %d numbers, the model takes %d", len(row), t.m.config.Input)
	}
	t.row = row
	return nil
}

// Prediction is what the last step made of the sequence so far. Probs and Logits are used again by the next step.
func (t *Track) Prediction() Prediction { return t.p }

// Reset starts a new sequence.
func (t *Track) Reset() {
	if t.alone != nil {
		t.alone.Reset()
	} else {
		t.state.Reset()
	}
	if t.live != nil {
		t.live.Reset()
	}
}

// load writes the row of the next step, scaled but not standardised.
func (t *Track) load(dst []float32) {
	if t.live == nil {
		copy(dst, t.row)
	} else if err := t.live.Load(dst, t.frame); err != nil {
		panic(err) // Frame has looked at its size
	}
}

// Stepper takes a step of many tracks of one model at once: those of a network of floats go through its matrices together, those of one in integers one after
// the other. It is for one goroutine; several Steppers of a Model may work side by side, on different tracks. It allocates nothing.
type Stepper struct {
	m      *Model
	most   int
	net    *rnn.Stepper // nil: a network of integers
	logits []float32    // [most, C]; integers: [C]
	states []*rnn.State
	rows   trackRows
	row    []float32 // of a network of integers
}

// NewStepper makes the memory for steps of at most that many tracks, 1 or more. A bidirectional model is an error: rnn.ErrBidirectional.
func (m *Model) NewStepper(most int) (*Stepper, error) {
	s := &Stepper{m: m, most: most}
	n, ok := m.shared().(floats)
	if !ok {
		s.logits, s.row = make([]float32, len(m.Classes())), make([]float32, m.config.Input)
		return s, nil
	}
	net, err := n.r.NewStepper(most)
	if err != nil {
		return nil, err
	}
	s.net, s.logits, s.states = net, make([]float32, most*len(m.Classes())), make([]*rnn.State, 0, most)
	s.rows.by = n.by
	return s, nil
}

// Step takes the next step of the tracks, each of which has been given a frame or row for it, and uses that up. More tracks than the Stepper is made for, one that
// is there twice, has nothing to take or is another model's are an error. The numbers are those of a Stream, in floats but for rounding.
func (s *Stepper) Step(tracks []*Track) error {
	if len(tracks) > s.most {
		return fmt.Errorf("a step of %d tracks, the stepper is for %d", len(tracks), s.most)
	}
	for i, t := range tracks {
		switch {
		case t.m != s.m:
			return fmt.Errorf("track %d is another model's", i)
		case t.frame == nil && t.row == nil:
			return fmt.Errorf("track %d has nothing to take", i)
		}
		for _, before := range tracks[:i] {
			if before == t {
				return fmt.Errorf("track %d is there twice", i)
			}
		}
	}
	if s.net == nil {
		for _, t := range tracks {
			t.load(s.row)
			t.alone.Step(s.logits, s.row)
			t.took(s.logits, t.alone.Steps())
		}
		return nil
	}
	s.states = s.states[:0]
	for _, t := range tracks {
		s.states = append(s.states, t.state)
	}
	s.rows.tracks = tracks
	s.net.Step(s.logits, s.states, &s.rows)
	s.rows.tracks = nil
	C := len(s.m.Classes())
	for i, t := range tracks {
		t.took(s.logits[i*C:(i+1)*C], t.state.Steps())
	}
	return nil
}

// took keeps what came of a step.
func (t *Track) took(logits []float32, steps int) {
	copy(t.p.Logits, logits)
	t.p.Frames = steps
	t.frame, t.row = nil, nil
	t.m.judge(&t.p)
}

// trackRows are the tracks as the rows of one matrix.
type trackRows struct {
	tracks []*Track
	by     *model.Scaler
}

func (v *trackRows) Load(dst []float32, r int) {
	v.tracks[r].load(dst)
	v.by.Apply(dst)
}

// shared is the network whose weights all streams and tracks use.
func (m *Model) shared() network {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.streams == nil {
		m.streams = m.start()
	}
	return m.streams
}
