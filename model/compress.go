package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// Compression says what a model's recurrent matrices become.
type Compression struct {
	// Structures to try, of one scope, with the meaning that they have in Config: kind, modes and tree, and the ranks when Target
	// is zero. The one with the smallest error is taken, for a tolerance the one with the fewest weights. Upper empty: Structure serves
	// every layer.
	Structure, Upper, Recurrent []factor.Spec
	// Target.Budget is for all recurrent matrices of the model, dense hidden halves included; each structured one gets an equal share.
	Target compress.Target
}

// Compressed is what became of one matrix.
type Compressed struct {
	Name   string          `json:"name"` // as its parameters begin: cell.0, cell.0.reverse, cell.1.recurrent
	Rows   int             `json:"rows"`
	Cols   int             `json:"cols"`
	Spec   factor.Spec     `json:"structure"`
	Report compress.Report `json:"report"`
}

// piece is a matrix to be compressed.
type piece struct {
	name   string
	src    compress.Source
	layer  int
	dir    int
	hidden bool // the hidden half
}

// Compress makes a model of f with compressed recurrent matrices; biases, classifier and all else stay as they are. Matrices that share
// a structure in the configuration get the same ranks: the largest that one of them needs for a tolerance, and for a budget those
// that leave the smallest error over all of them.
func Compress(ctx context.Context, f *File, how Compression) (*File, []Compressed, error) {
	cfg := f.Config
	if len(how.Structure) == 0 {
		return nil, nil, errors.New("no structure to compress to")
	}
	pieces, fixed := split(f, how.Structure[0].Scope)
	groups := [3][]piece{}
	for _, p := range pieces {
		switch {
		case p.hidden:
			groups[2] = append(groups[2], p)
		case p.layer > 0 && len(how.Upper) > 0:
			groups[1] = append(groups[1], p)
		default:
			groups[0] = append(groups[0], p)
		}
	}
	if len(groups[2]) > 0 && len(how.Recurrent) == 0 {
		return nil, nil, errors.New("scope split, and no structure of the hidden half: give one")
	}
	target := how.Target
	if target.Budget != 0 {
		if target.Budget -= fixed; target.Budget < int64(len(pieces)) {
			return nil, nil, fmt.Errorf("budget of %d weights: the dense hidden halves alone have %d; raise it, or choose scope full or split", how.Target.Budget, fixed)
		}
		target.Budget /= int64(len(pieces))
	}
	tried := [3][]factor.Spec{how.Structure, how.Upper, how.Recurrent}
	var specs [3]*factor.Spec
	var done []*compress.Result
	var report []Compressed
	for g, group := range groups {
		if len(group) == 0 {
			continue
		}
		results, err := bestOf(ctx, group, tried[g], target)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", group[0].name, err)
		}
		specs[g] = &results[0].Spec
		for i, r := range results {
			rows, cols := group[i].src.Size()
			report = append(report, Compressed{group[i].name, rows, cols, r.Spec, r.Report})
		}
		done = append(done, results...)
	}
	cfg.Structure, cfg.Upper, cfg.Recurrent = *specs[0], specs[1], specs[2]
	out := &File{Config: cfg}
	var err error
	if out.Net, err = rnn.Zero(cfg.RNN()); err != nil {
		return nil, nil, err
	}
	if err := transfer(out.Net, f, slices.Concat(groups[0], groups[1], groups[2]), done); err != nil {
		return nil, nil, err
	}
	return out, report, nil
}

// split lists the matrices that are to be compressed under the scope, and counts the weights of those that stay dense.
func split(f *File, scope factor.Scope) (pieces []piece, fixed int64) {
	cfg := f.Config.RNN()
	for l := range cfg.Layers {
		for d := range cfg.Directions() {
			name := fmt.Sprintf("cell.%d", l)
			if d == 1 {
				name += ".reverse"
			}
			wx, wh := sources(f.Net, l, d)
			if scope == factor.Full {
				pieces = append(pieces, piece{name, compress.Joined{wx, wh}, l, d, false})
				continue
			}
			pieces = append(pieces, piece{name, wx, l, d, false})
			if scope == factor.Split {
				pieces = append(pieces, piece{name + ".recurrent", wh, l, d, true})
				continue
			}
			fixed += int64(cfg.Gates()) * int64(cfg.Hidden) * int64(cfg.Hidden)
		}
	}
	return pieces, fixed
}

// window is a run of columns of a matrix as a compress.Source.
type window struct {
	w         rnn.Param // [rows, .]
	lo, width int
}

func (v window) Size() (rows, cols int)   { return v.w.Shape[0], v.width }
func (v window) Row(dst []float32, i int) { copy(dst, v.w.Data[i*v.w.Shape[1]+v.lo:][:v.width]) }

// sources are W_x and W_h of one direction of one layer; what is not dense is formed.
func sources(m *rnn.Model, l, d int) (wx, wh compress.Source) {
	cfg := m.Config()
	in := cfg.Inputs(l)
	dense := func(w *factor.Linear) rnn.Param {
		if w.Spec().Kind == factor.Dense {
			p := w.Params()[0]
			return rnn.Param{Shape: p.Shape, Data: p.Data}
		}
		t := w.Materialize()
		return rnn.Param{Shape: t.Shape, Data: t.Data}
	}
	x := dense(m.Matrix(l, d))
	if r := m.RecurrentMatrix(l, d); r != nil {
		return window{x, 0, in}, window{dense(r), 0, cfg.Hidden}
	}
	return window{x, 0, in}, window{x, in, cfg.Hidden}
}

// bestOf compresses matrices to the best of the structures.
func bestOf(ctx context.Context, group []piece, structures []factor.Spec, target compress.Target) (best []*compress.Result, err error) {
	least := math.Inf(1)
	for _, s := range structures {
		results, e := together(ctx, group, s, target)
		if e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		value := lost(results)
		if target.Tol != 0 {
			value = float64(results[0].Weights())
		}
		if value < least || best == nil {
			best, least = results, value
		}
	}
	if best == nil {
		return nil, err
	}
	return best, nil
}

// together compresses matrices to one structure with the same ranks.
func together(ctx context.Context, group []piece, s factor.Spec, target compress.Target) ([]*compress.Result, error) {
	results, err := each(ctx, group, s, target)
	if err != nil || len(group) == 1 || target == (compress.Target{}) {
		return results, err
	}
	var chosen []factor.Spec
	for _, r := range results {
		chosen = append(chosen, r.Spec)
	}
	if target.Tol != 0 {
		return each(ctx, group, largest(chosen), compress.Target{})
	}
	var best []*compress.Result
	for _, c := range chosen {
		if results, err = each(ctx, group, c, compress.Target{}); err != nil {
			return nil, err
		}
		if best == nil || lost(results) < lost(best) {
			best = results
		}
	}
	return best, nil
}

// each compresses matrices one by one.
func each(ctx context.Context, group []piece, s factor.Spec, target compress.Target) (out []*compress.Result, err error) {
	for _, p := range group {
		r, err := compress.Decompose(ctx, p.src, s, target)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// lost is the squared error over all matrices.
func lost(results []*compress.Result) (sum float64) {
	for _, r := range results {
		sum += r.Report.Error * r.Report.Error
	}
	return sum
}

// largest takes the largest rank at each node.
func largest(specs []factor.Spec) factor.Spec {
	out := specs[0].Clone()
	for _, s := range specs[1:] {
		for n, r := range s.Ranks {
			out.Ranks[n] = max(out.Ranks[n], r)
		}
		for k, r := range s.Bonds {
			out.Bonds[k] = max(out.Bonds[k], r)
		}
		out.BlockRank = max(out.BlockRank, s.BlockRank)
	}
	return out
}

// transfer fills the compressed network: the factors, and all else from f.
func transfer(net *rnn.Model, f *File, pieces []piece, results []*compress.Result) error {
	written := map[string]bool{}
	for i, p := range pieces {
		w, err := results[i].Linear()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		params := cellParams(net, p.layer, p.dir)
		prefix := ""
		if p.hidden {
			prefix = "recurrent."
		}
		for _, q := range w.Params() {
			into := params[prefix+q.Name]
			if !slices.Equal(into.Shape, q.Shape) {
				return fmt.Errorf("%s: %s has shape %s, the structure that it shares with others wants %s", p.name, q.Name, shapeText(q.Shape), shapeText(into.Shape))
			}
			copy(into.Data, q.Data)
			written[into.Name] = true
		}
	}
	from := map[string]rnn.Param{}
	for _, p := range f.Net.Params() {
		from[p.Name] = p
	}
	cfg := net.Config()
	for l := range cfg.Layers {
		for d := range cfg.Directions() {
			if p, ok := cellParams(net, l, d)["recurrent.weight"]; ok && !written[p.Name] {
				_, wh := sources(f.Net, l, d)
				for i := range p.Shape[0] {
					wh.Row(p.Data[i*p.Shape[1]:][:p.Shape[1]], i)
				}
				written[p.Name] = true
			}
		}
	}
	for _, p := range net.Params() {
		if !written[p.Name] {
			copy(p.Data, from[p.Name].Data)
		}
	}
	return nil
}
