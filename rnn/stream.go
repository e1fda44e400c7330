package rnn

import "errors"

// Stream carries the state of one sequence and takes it a step at a time: a State with a Stepper of its own. It is for one goroutine.
type Stream struct {
	one [1]*State
	by  *Stepper
	in  vector
}

// ErrBidirectional is what NewStream answers for a network whose backward direction needs the end of a sequence first.
var ErrBidirectional = errors.New("a bidirectional network reads a sequence from both ends: it cannot take one a step at a time")

// NewStream starts a sequence. Streams of one Runner share its compiled weights: do not Refresh while one steps.
// A bidirectional network is an error.
func (r *Runner) NewStream() (*Stream, error) {
	st, err := r.NewState()
	if err != nil {
		return nil, err
	}
	by, err := r.NewStepper(1)
	return &Stream{one: [1]*State{st}, by: by}, err
}

// Reset goes back to the start of a sequence.
func (s *Stream) Reset() { s.one[0].Reset() }

// Steps is the number of steps taken.
func (s *Stream) Steps() int { return s.one[0].steps }

// Step takes one step of Input floats, scaled and standardised, and writes the logits [C] of the sequence so far.
func (s *Stream) Step(logits, x []float32) {
	s.in = x
	s.by.Step(logits, s.one[:], &s.in)
}

// vector is one row as factor.Rows. A pointer to a slice goes into an interface without allocating.
type vector []float32

func (v *vector) Load(dst []float32, _ int) { copy(dst, *v) }
