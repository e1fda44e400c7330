package rnn

import (
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
)

// Stream carries the state of one sequence and takes it a step at a time. It is for one goroutine.
type Stream struct {
	r      *Runner
	steps  int
	cells  []streamCell
	pooled []float32 // sum or last of the top hidden states
	share  []float32
	in     vector
}

type streamCell struct {
	z, h, c, tc   []float32
	inputs, recur *factor.Scratch
}

// NewStream starts a sequence. Streams of one Runner share its compiled weights: do not Refresh while one steps.
func (r *Runner) NewStream() *Stream {
	s := &Stream{r: r, pooled: make([]float32, r.m.cfg.Hidden), share: make([]float32, r.m.cfg.Hidden)}
	H := r.m.cfg.Hidden
	for i := range r.engines {
		e := &r.engines[i]
		s.cells = append(s.cells, streamCell{make([]float32, 4*H), make([]float32, H), make([]float32, H), make([]float32, H),
			e.inputs.NewScratch(), e.recur.NewScratch()})
	}
	return s
}

// Reset goes back to the start of a sequence.
func (s *Stream) Reset() {
	s.steps = 0
	clear(s.pooled)
	for i := range s.cells {
		clear(s.cells[i].h)
		clear(s.cells[i].c)
	}
}

// Steps is the number of steps taken.
func (s *Stream) Steps() int { return s.steps }

// Step takes one step of Input floats, scaled and standardised, and writes the logits [C] of the sequence so far.
func (s *Stream) Step(logits, x []float32) {
	H, C := s.r.m.cfg.Hidden, s.r.m.cfg.Classes
	s.in = x
	for i := range s.cells {
		c, e := &s.cells[i], &s.r.engines[i]
		copy(c.z, e.bias)
		e.inputs.Apply(c.z, 1, &s.in, c.inputs)
		if s.steps > 0 {
			e.recur.Apply(c.z, 1, (*vector)(&c.h), c.recur)
		}
		kernel.LSTM(c.z, c.c, c.tc, c.h, c.c)
		s.in = c.h
	}
	s.steps++
	top := s.cells[len(s.cells)-1].h
	if s.r.m.cfg.Pooling == PoolLast {
		copy(s.pooled, top)
		copy(s.share, top)
	} else {
		kernel.Axpy(s.pooled, 1, top)
		kernel.Affine(s.share, s.pooled, 1/float32(s.steps), 0)
	}
	copy(logits, s.r.m.bias)
	dot := kernel.Dot{M: 1, N: C, K: H, Batch: 1, ARow: H, BRow: H, CRow: C, CCol: 1, Add: true}
	dot.Run(logits[:C], s.share, s.r.m.head)
}

// vector is one row as factor.Rows. A pointer to a slice goes into an interface without allocating.
type vector []float32

func (v *vector) Load(dst []float32, _ int) { copy(dst, *v) }
