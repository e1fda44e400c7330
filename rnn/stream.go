package rnn

import (
	"errors"

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
	row           row // h and c are their own predecessors
	inputs, recur *factor.Scratch
}

// ErrBidirectional is what NewStream answers for a network whose backward direction needs the end of a sequence first.
var ErrBidirectional = errors.New("a bidirectional network reads a sequence from both ends: it cannot take one a step at a time")

// NewStream starts a sequence. Streams of one Runner share its compiled weights: do not Refresh while one steps.
// A bidirectional network is an error.
func (r *Runner) NewStream() (*Stream, error) {
	if r.m.cfg.Bidirectional {
		return nil, ErrBidirectional
	}
	H := r.m.cfg.Hidden
	s := &Stream{r: r, pooled: make([]float32, H), share: make([]float32, H)}
	for i := range r.engines {
		e := &r.engines[i]
		c := streamCell{inputs: e.inputs.NewScratch(), recur: e.recur.NewScratch()}
		v := &c.row
		v.z, v.h = make([]float32, e.rows()), make([]float32, H)
		v.hPrev = v.h
		if e.kind.apart {
			v.u = make([]float32, e.rows())
		}
		if e.kind.memory {
			v.c, v.tc = make([]float32, H), make([]float32, H)
			v.cPrev = v.c
		}
		s.cells = append(s.cells, c)
	}
	return s, nil
}

// Reset goes back to the start of a sequence.
func (s *Stream) Reset() {
	s.steps = 0
	clear(s.pooled)
	for i := range s.cells {
		clear(s.cells[i].row.h)
		clear(s.cells[i].row.c)
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
		v := &c.row
		copy(v.z, e.bias)
		e.inputs.Apply(v.z, 1, &s.in, c.inputs)
		hidden := v.z
		if e.kind.apart {
			copy(v.u, e.hiddenBias)
			hidden = v.u
		}
		if s.steps > 0 {
			e.recur.Apply(hidden, 1, (*vector)(&v.h), c.recur)
		}
		e.kind.forward(v)
		s.in = v.h
	}
	s.steps++
	top := s.cells[len(s.cells)-1].row.h
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
