package rnn

import "github.com/fdht/fdht/internal/kernel"

// The kinds of cells.
const (
	LSTM = "lstm" // Hochreiter and Schmidhuber 1997 with a forget gate; gate blocks i, f, g, o as in PyTorch
	GRU  = "gru"  // Cho et al. 2014 in PyTorch's form with two biases; gate blocks r, z, n
	RNN  = "rnn"  // h = tanh(W [x ; h] + b), Elman 1990
)

// kind is what sets a cell apart from others: the size of its rows, and one step of one clip forward and back. All that
// runs over clips, steps and layers is common.
type kind struct {
	name     string // for people, with its article
	gates    int    // G, blocks of H rows in W
	memory   bool   // there is a cell state c beside h
	apart    bool   // W_h h has a bias of its own and is not added to W_x x outside of forward
	forward  func(*row)
	backward func(*row)
}

func kindOf(cell string) (k kind, ok bool) {
	switch cell {
	case LSTM:
		return kind{"an LSTM", 4, true, false, lstmForward, lstmBackward}, true
	case GRU:
		return kind{"a GRU", 3, false, true, gruForward, gruBackward}, true
	case RNN:
		return kind{"an RNN", 1, false, false, rnnForward, rnnBackward}, true
	}
	return kind{}, false
}

// row is one clip at one step: what forward reads and writes, and backward after it. What a kind does not have is nil.
type row struct {
	z            []float32 // [M] pre-activations W_x x + b (not apart: + W_h h); then activated gates
	u            []float32 // apart: [M] W_h h + its bias
	h, hPrev     []float32 // [H]; hPrev may be h where there is no way back
	c, tc, cPrev []float32 // memory: [H] cell state, its tanh, the cell state before, which may be c

	dz, du     []float32 // derivatives of z and u, written by backward
	dh, dhPrev []float32 // of h, whole; of hPrev, to which backward adds what passes the weights by; nil: not wanted
	dc         []float32 // memory: of c, whole from the steps after; backward makes it that of cPrev
}

func lstmForward(r *row)  { kernel.LSTM(r.z, r.c, r.tc, r.h, r.cPrev) }
func lstmBackward(r *row) { kernel.LSTMBackward(r.dz, r.dc, r.dh, r.z, r.tc, r.cPrev) }

func gruForward(r *row)  { kernel.GRU(r.h, r.z, r.u, r.hPrev) }
func gruBackward(r *row) { kernel.GRUBackward(r.dz, r.du, r.dhPrev, r.dh, r.z, r.u, r.hPrev) }

func rnnForward(r *row)  { kernel.Tanh(r.h, r.z) }
func rnnBackward(r *row) { kernel.TanhBackward(r.dz, r.dh, r.h) }
