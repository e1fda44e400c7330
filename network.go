package fdht

import (
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// network is what runs a Model's weights, floats or integers, for one goroutine. Rows go in scaled but not standardised.
type network interface {
	run(logits []float32, s rnn.Sequence)
	stream() (stepper, error) // streams share the network's weights
}

// stepper takes one sequence a row at a time, which it may change, and writes the logits [C] of the sequence so far.
type stepper interface {
	Step(logits, row []float32)
	Steps() int
	Reset()
}

// floats is a network of floats.
type floats struct {
	r  *rnn.Runner
	by *model.Scaler
}

func (n floats) run(logits []float32, s rnn.Sequence) {
	n.r.Forward(logits, []rnn.Sequence{&model.Scaled{Seq: s, By: n.by}})
}

func (n floats) stream() (stepper, error) {
	s, err := n.r.NewStream()
	return floatStream{s, n.by}, err
}

type floatStream struct {
	*rnn.Stream
	by *model.Scaler
}

func (s floatStream) Step(logits, row []float32) {
	s.by.Apply(row)
	s.Stream.Step(logits, row)
}

// integers is a network of integers.
type integers struct {
	m *quant.Model
	r *quant.Runner
}

func (n integers) run(logits []float32, s rnn.Sequence) { n.r.Forward(logits, []rnn.Sequence{s}) }
func (n integers) stream() (stepper, error)             { return integerStream{n.m.NewEngine()}, nil }

type integerStream struct{ *quant.Engine }

func (s integerStream) Step(logits, row []float32) {
	s.Engine.Step(row)
	s.Logits(logits)
}
