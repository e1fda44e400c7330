package rnn

import (
	"fmt"
	"slices"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/kernel"
)

// State is one sequence on its way through the network: what a Stepper carries from step to step. It is small, a few vectors of Hidden floats a layer.
// A Stream keeps a state and a Stepper together; with many sequences the states share one Stepper's memory.
type State struct {
	m      *Model
	steps  int
	h, c   [][]float32 // of each layer, [H]; c nil where the kind has no cell state
	pooled []float32   // [H] sum or last of the top hidden states
}

// NewState starts a sequence. A bidirectional network is an error: ErrBidirectional.
func (r *Runner) NewState() (*State, error) {
	if r.m.cfg.Bidirectional {
		return nil, ErrBidirectional
	}
	H := r.m.cfg.Hidden
	st := &State{m: r.m, pooled: make([]float32, H)}
	for i := range r.engines {
		st.h = append(st.h, make([]float32, H))
		var c []float32
		if r.engines[i].kind.memory {
			c = make([]float32, H)
		}
		st.c = append(st.c, c)
	}
	return st, nil
}

// Reset goes back to the start of a sequence.
func (st *State) Reset() {
	st.steps = 0
	clear(st.pooled)
	for i := range st.h {
		clear(st.h[i])
		clear(st.c[i])
	}
}

// Steps is the number of steps taken.
func (st *State) Steps() int { return st.steps }

func (st *State) begun() bool { return st.steps > 0 }

// Stepper takes a step of many sequences at once: their rows go through each matrix together, which costs less than one after the other. It is for
// one goroutine; several Steppers of a Runner work side by side, on different states.
type Stepper struct {
	r             *Runner
	most          int
	inputs, recur []*factor.Scratch // of each layer
	z, u          []float32         // [most, M]
	tc            []float32         // [H]
	share         []float32         // [H]
	hidden        hiddenRows
	row           row
}

// NewStepper makes the memory to step at most that many sequences at once, 1 or more. Steppers, like Streams, share the Runner's compiled weights: do not
// Refresh while one steps. A bidirectional network is an error: ErrBidirectional.
func (r *Runner) NewStepper(most int) (*Stepper, error) {
	if r.m.cfg.Bidirectional {
		return nil, ErrBidirectional
	}
	if most < 1 {
		return nil, fmt.Errorf("steps of %d sequences at once: 1 is the least", most)
	}
	H := r.m.cfg.Hidden
	s := &Stepper{r: r, most: most, tc: make([]float32, H), share: make([]float32, H)}
	for i := range r.engines {
		e := &r.engines[i]
		s.inputs, s.recur = append(s.inputs, e.inputs.NewScratch()), append(s.recur, e.recur.NewScratch())
		s.z = grow(s.z, most*e.rows())
		if e.kind.apart {
			s.u = grow(s.u, most*e.rows())
		}
	}
	return s, nil
}

// Most is how many sequences it steps at once.
func (s *Stepper) Most() int { return s.most }

// Step takes the next step of B sequences, no more than Most and no state twice: row b of x, Input floats, scaled and standardised, is what sequence b reads.
// It writes their logits [B, C] and allocates nothing. The numbers are those of a Stream but for rounding, which depends on how many rows
// a matrix is multiplied with.
func (s *Stepper) Step(logits []float32, states []*State, x factor.Rows) {
	B, C, H := len(states), s.r.m.cfg.Classes, s.r.m.cfg.Hidden
	if B > s.most || len(logits) < B*C {
		panic(fmt.Sprintf("rnn: a step of %d sequences, %d at most, into logits of %d for [%d, %d]", B, s.most, len(logits), B, C))
	}
	for _, st := range states {
		if st.m != s.r.m {
			panic("rnn: a step of another model's state")
		}
	}
	if B == 0 {
		return
	}
	for l := range s.r.engines {
		s.layer(l, states, x)
		s.hidden = hiddenRows{states, l}
		x = &s.hidden
	}
	for b, st := range states {
		st.steps++
		s.pool(st)
		// logits[b,c] = sum_h share[h] head[c,h] + bias[c]
		row := logits[b*C : (b+1)*C]
		copy(row, s.r.m.bias)
		dot := kernel.Dot{M: 1, N: C, K: H, Batch: 1, ARow: H, BRow: H, CRow: C, CCol: 1, Add: true}
		dot.Run(row, s.share, s.r.m.head)
	}
	s.hidden.states = nil
}

// layer takes layer l's step: z_b = W_x x_b + W_h h_b + b, of all sequences b together, then each one's gates.
func (s *Stepper) layer(l int, states []*State, x factor.Rows) {
	e, B := &s.r.engines[l], len(states)
	M := e.rows()
	z := s.z[:B*M]
	repeat(z, e.bias)
	e.inputs.Apply(z, B, x, s.inputs[l])
	u := z
	if e.kind.apart {
		u = s.u[:B*M]
		repeat(u, e.hiddenBias)
	}
	if slices.ContainsFunc(states, (*State).begun) { // else there is nothing but zeros to multiply
		s.hidden = hiddenRows{states, l} // x of the layer above is read by now
		e.recur.Apply(u, B, &s.hidden, s.recur[l])
	}
	for b, st := range states {
		s.row = row{z: z[b*M:][:M], u: u[b*M:][:M], h: st.h[l], hPrev: st.h[l], c: st.c[l], cPrev: st.c[l], tc: s.tc}
		e.kind.forward(&s.row)
	}
}

// pool writes what the classifier sees of a sequence to s.share.
func (s *Stepper) pool(st *State) {
	top := st.h[len(st.h)-1]
	if s.r.m.cfg.Pooling == PoolLast {
		copy(s.share, top)
		return
	}
	kernel.Axpy(st.pooled, 1, top)
	kernel.Affine(s.share, st.pooled, 1/float32(st.steps), 0)
}

// hiddenRows gives the hidden states of a layer, one a sequence, as rows.
type hiddenRows struct {
	states []*State
	layer  int
}

func (v *hiddenRows) Load(dst []float32, b int) { copy(dst, v.states[b].h[v.layer]) }
