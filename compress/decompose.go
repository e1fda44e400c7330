package compress

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// Target says how far to truncate. The zero Target keeps the ranks of the Spec, as the most that a node may have; with one of
// the two set the Spec's ranks mean nothing.
type Target struct {
	Tol    float64 // relative Frobenius error, above 0 and below 1: each node discards its share, Tol / sqrt(2d-3) for HT
	Budget int64   // most weights: ranks grow where the singular values are largest for the weights they take
}

func (t Target) validate() error {
	switch {
	case t.Tol != 0 && t.Budget != 0:
		return request("tolerance %v and budget %d: give one of them", t.Tol, t.Budget)
	case !(t.Tol >= 0 && t.Tol < 1):
		return request("tolerance %v: want above 0 and below 1", t.Tol)
	case t.Budget < 0:
		return request("budget %d: want at least 1", t.Budget)
	}
	return nil
}

// RequestError says that what is asked for cannot be had: a structure that does not fit the matrix, a budget that is too small. Errors of
// another type are about the matrix itself.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return e.Err.Error() }

// Unwrap gives what is wrong.
func (e *RequestError) Unwrap() error { return e.Err }

// request makes a RequestError.
func request(format string, args ...any) error { return &RequestError{fmt.Errorf(format, args...)} }

// Node is what a node of the structure kept and discarded.
type Node struct {
	Name           string    `json:"name"` // as the factor it belongs to: 0, 0-2; bond 1
	Rank           int       `json:"rank"`
	SingularValues []float64 `json:"singular_values"`    // of the node's unfolding as the steps before left it, largest first
	Sketched       bool      `json:"sketched,omitempty"` // SingularValues are only the first ones, as a sketch saw them
	Discarded      float64   `json:"discarded"`          // root of the sum of the squares of those left out
}

// Report says what a decomposition kept.
type Report struct {
	Nodes   []Node  `json:"nodes"`
	Norm    float64 `json:"norm"`           // Frobenius norm of W
	Error   float64 `json:"error"`          // Frobenius norm of the difference, computed from the factors
	Bound   float64 `json:"bound"`          // root of the sum of the squares of all that was discarded; Error is at most that
	RelErr  float64 `json:"relative_error"` // Error / Norm, 0 for W = 0
	RelBnd  float64 `json:"relative_bound"`
	Weights int64   `json:"weights"`
	Dense   int64   `json:"dense_weights"` // rows x columns of W without padding
	Ratio   float64 `json:"ratio"`         // Dense / Weights
}

// finish fills in what follows from the rest.
func (r *Report) finish() {
	sum := 0.0
	for _, n := range r.Nodes {
		sum = math.Hypot(sum, n.Discarded)
	}
	r.Bound = sum
	if r.Norm > 0 {
		r.RelErr, r.RelBnd = r.Error/r.Norm, r.Bound/r.Norm
	}
	r.Ratio = float64(r.Dense) / float64(r.Weights)
}

// Result is a decomposition.
type Result struct {
	*Factors
	Report Report
}

// Decompose approximates src [M, n], n <= N, by a matrix of the kind, modes and tree of s, columns n..N-1 zero. A rank that
// the matrix or the ranks around it cannot use is kept smaller than asked for; Result.Spec has what was kept. It takes 8 bytes
// an entry of W [M, N] and, while a node is truncated, as many again for what it keeps. When ctx ends it stops at the next node. What
// is wrong with s or target is a *RequestError.
func Decompose(ctx context.Context, src Source, s factor.Spec, target Target) (*Result, error) {
	return run{ctx, wide}.decompose(src, s, target)
}

// run is what all steps of a decomposition have in common.
type run struct {
	ctx  context.Context
	wide int // longest side of an unfolding that is decomposed as a whole in any case
}

func (r run) decompose(src Source, s factor.Spec, target Target) (*Result, error) {
	if err := target.validate(); err != nil {
		return nil, err
	}
	if target.Tol != 0 || target.Budget != 0 {
		var err error
		if s, err = smallest(s); err != nil {
			return nil, err
		}
	}
	if err := s.Validate(); err != nil {
		return nil, &RequestError{err}
	}
	if err := checkSize(src, s); err != nil {
		return nil, err
	}
	if least, _ := s.Params(); target.Budget != 0 && least > target.Budget {
		return nil, request("budget of %d weights: ranks of 1 alone take %d; raise it, or choose other modes", target.Budget, least)
	}
	t, err := gather(src, s)
	if err != nil {
		return nil, err
	}
	norm := frobenius(t.data)
	if target.Budget != 0 {
		chosen, err := r.spend(t, s, target.Budget)
		if err != nil {
			return nil, err
		}
		s, target = chosen, Target{}
	}
	w := &worker{run: r, spec: s, target: target, norm: norm}
	f, err := w.decompose(t)
	if err != nil {
		return nil, err
	}
	rows, cols := src.Size()
	res := &Result{Factors: f, Report: Report{Nodes: w.nodes, Norm: norm, Weights: f.Weights(), Dense: int64(rows) * int64(cols)}}
	res.Report.Error = residual(src, f)
	res.Report.finish()
	return res, nil
}

// decompose truncates t, which it uses up.
func (w *worker) decompose(t *tensor) (*Factors, error) {
	switch w.spec.Kind {
	case factor.HT:
		return w.hierarchical(t)
	case factor.TT, factor.TR:
		return w.train(t)
	case factor.BT:
		return w.tucker(t)
	}
	return nil, unknown(w.spec)
}

func unknown(s factor.Spec) error {
	return request("kind %q: a matrix is decomposed to ht, tt, tr or bt", s.Kind)
}

// Least is the number of weights that the kind, modes and tree of s take at ranks of 1, below which no budget can go.
func Least(s factor.Spec) (int64, error) {
	one, err := smallest(s)
	if err != nil {
		return 0, err
	}
	if err := one.Validate(); err != nil {
		return 0, &RequestError{err}
	}
	return one.Params()
}

// smallest is s with all ranks 1.
func smallest(s factor.Spec) (factor.Spec, error) {
	one := factor.Spec{Kind: s.Kind, Scope: s.Scope, In: s.In, Out: s.Out, Tree: s.Tree}
	switch s.Kind {
	case factor.HT:
		if t := s.DimensionTree(); t.Order() != len(s.In) {
			return s, request("tree %v has %d leaves for %d modes: give each mode one leaf", t, t.Order(), len(s.In))
		}
		return one.WithRanks(1, 1), nil
	case factor.TT, factor.TR:
		one.Bonds = slices.Repeat([]int{1}, len(s.In)+1)
		return one, nil
	case factor.BT:
		one.Blocks, one.BlockRank = 1, 1
		return one, nil
	}
	return s, unknown(s)
}

// worker decomposes one matrix.
type worker struct {
	run
	spec   factor.Spec
	target Target
	norm   float64
	nodes  []Node
}

// discarded is the sum of the squares of all that the nodes discarded.
func (w *worker) discarded() float64 {
	sum := 0.0
	for _, n := range w.nodes {
		sum += n.Discarded * n.Discarded
	}
	return sum
}
