package model

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

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
	// Target.Budget is for all recurrent matrices of the model, dense hidden halves included. The structured ones share the rest in
	// proportion to the weights that ranks of 1 take, so that all can have about the same ranks; what one leaves over goes to the next.
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
	name       string
	rows, cols int
	form       func() (compress.Source, error)
	factors    *compress.Factors // of a structured matrix without columns beyond cols; nil: form alone gives it
	layer      int
	dir        int
	hidden     bool // the hidden half
}

// decompose compresses the matrix. One that has the kind, modes and tree already is rounded as it is, without forming it, unless
// it has a budget.
func (p piece) decompose(ctx context.Context, s factor.Spec, target compress.Target) (*compress.Result, error) {
	if f := p.factors; f != nil && target.Budget == 0 && sameTensor(f.Spec, s) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.Validate(); target.Tol == 0 && err != nil {
			return nil, &compress.RequestError{Err: err}
		}
		r, err := compress.Round(f, s, target)
		if err == nil {
			r.Spec.Scope = s.Scope
		}
		return r, err
	}
	src, err := p.form()
	if err != nil {
		return nil, err
	}
	return compress.Decompose(ctx, src, s, target)
}

// sameTensor reports whether two structures of kind ht or tt differ in their ranks alone.
func sameTensor(a, b factor.Spec) bool {
	if a.Kind != b.Kind || !slices.Equal(a.In, b.In) || !slices.Equal(a.Out, b.Out) {
		return false
	}
	return a.Kind == factor.TT || a.Kind == factor.HT && a.DimensionTree().String() == b.DimensionTree().String()
}

// Compress makes a model of f with compressed recurrent matrices; biases, classifier and all else stay as they are. Matrices that share
// a structure in the configuration get the same ranks: the largest that one of them needs for a tolerance, and for a budget those
// that leave the smallest error over all of them.
func Compress(ctx context.Context, f *File, how Compression) (*File, []Compressed, error) {
	cfg := f.Config
	if len(how.Structure) == 0 {
		return nil, nil, requestf("no structure to compress to")
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
		return nil, nil, requestf("scope split, and no structure of the hidden half: give one")
	}
	tried := [3][]factor.Spec{how.Structure, how.Upper, how.Recurrent}
	least, err := how.least(groups, tried, fixed)
	if err != nil {
		return nil, nil, err
	}
	left, rest := how.Target.Budget-fixed, int64(0)
	for g, group := range groups {
		rest += int64(len(group)) * least[g]
	}
	var specs [3]*factor.Spec
	var done []*compress.Result
	var report []Compressed
	for g, group := range groups {
		if len(group) == 0 {
			continue
		}
		target := how.Target
		if target.Budget != 0 {
			target.Budget = int64(float64(left) / float64(rest) * float64(least[g]))
		}
		results, err := bestOf(ctx, group, tried[g], target)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", group[0].name, err)
		}
		specs[g] = &results[0].Spec
		for i, r := range results {
			left -= r.Weights()
			rest -= least[g]
			report = append(report, Compressed{group[i].name, group[i].rows, group[i].cols, r.Spec, r.Report})
		}
		done = append(done, results...)
	}
	cfg.Structure, cfg.Upper, cfg.Recurrent = *specs[0], specs[1], specs[2]
	out := &File{Config: cfg}
	if out.Net, err = rnn.Zero(cfg.RNN()); err != nil {
		return nil, nil, err
	}
	if err := transfer(out.Net, f, slices.Concat(groups[0], groups[1], groups[2]), done); err != nil {
		return nil, nil, err
	}
	return out, report, nil
}

// least is the number of weights that a matrix of each group takes at ranks of 1 in the smallest of its structures, by which the budget
// is shared; without a budget all are 0.
func (how Compression) least(groups [3][]piece, tried [3][]factor.Spec, fixed int64) (least [3]int64, err error) {
	if how.Target.Budget == 0 {
		return least, nil
	}
	total := fixed
	for g, group := range groups {
		if len(group) == 0 {
			continue
		}
		for _, s := range tried[g] {
			n, e := compress.Least(s)
			if e != nil {
				err = fmt.Errorf("%s: %w", group[0].name, e)
			} else if least[g] == 0 || n < least[g] {
				least[g] = n
			}
		}
		if least[g] == 0 {
			return least, err
		}
		total += int64(len(group)) * least[g]
	}
	switch {
	case total <= how.Target.Budget:
		return least, nil
	case fixed > 0:
		return least, requestf("budget of %d weights: the dense hidden halves have %d, and ranks of 1 take %d more; raise it, or choose scope full or split",
			how.Target.Budget, fixed, total-fixed)
	}
	return least, requestf("budget of %d weights: ranks of 1 alone take %d; raise it, or choose other modes", how.Target.Budget, total)
}

// requestf makes an error about what is asked for.
func requestf(format string, args ...any) error {
	return &compress.RequestError{Err: fmt.Errorf(format, args...)}
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
			half := func(hidden bool) func() (compress.Source, error) {
				return sync.OnceValues(func() (compress.Source, error) {
					wx, wh, err := sources(f.Net, l, d)
					if hidden {
						return wh, err
					}
					return wx, err
				})
			}
			p := piece{name: name, rows: cfg.Gates() * cfg.Hidden, cols: cfg.Inputs(l), form: half(false), layer: l, dir: d}
			x, h := f.Net.Matrix(l, d), f.Net.RecurrentMatrix(l, d)
			if scope == factor.Full {
				p.cols += cfg.Hidden
				p.form = sync.OnceValues(func() (compress.Source, error) {
					wx, wh, err := sources(f.Net, l, d)
					return compress.Joined{wx, wh}, err
				})
				if h != nil {
					x = nil
				}
			} else if h == nil {
				x = nil
			}
			p.factors = factorsOf(x, p.cols)
			pieces = append(pieces, p)
			switch scope {
			case factor.Full:
				continue
			case factor.Split:
				pieces = append(pieces, piece{name + ".recurrent", p.rows, cfg.Hidden, half(true), factorsOf(h, cfg.Hidden), l, d, true})
				continue
			}
			fixed += int64(cfg.Gates()) * int64(cfg.Hidden) * int64(cfg.Hidden)
		}
	}
	return pieces, fixed
}

// factorsOf are the factors of a structured matrix that has so many columns, or nil.
func factorsOf(w *factor.Linear, cols int) *compress.Factors {
	if w == nil || w.Spec().Kind == factor.Dense || w.Spec().Cols() != cols {
		return nil
	}
	return compress.FromLinear(w)
}

// window is a run of columns of a matrix as a compress.Source.
type window struct {
	w         rnn.Param // [rows, .]
	lo, width int
}

func (v window) Size() (rows, cols int)   { return v.w.Shape[0], v.width }
func (v window) Row(dst []float32, i int) { copy(dst, v.w.Data[i*v.w.Shape[1]+v.lo:][:v.width]) }

// all is the window as a matrix of its own, row-major.
func (v window) all() []float32 {
	rows, cols := v.Size()
	out := make([]float32, rows*cols)
	for i := range rows {
		v.Row(out[i*cols:(i+1)*cols], i)
	}
	return out
}

// sources are W_x and W_h of one direction of one layer; what is not dense is formed, see dense.
func sources(m *rnn.Model, l, d int) (wx, wh window, err error) {
	cfg := m.Config()
	in := cfg.Inputs(l)
	x, err := dense(m.Matrix(l, d))
	if err != nil {
		return wx, wh, err
	}
	if r := m.RecurrentMatrix(l, d); r != nil {
		h, err := dense(r)
		return window{x, 0, in}, window{h, 0, cfg.Hidden}, err
	}
	return window{x, 0, in}, window{x, in, cfg.Hidden}, nil
}

// dense is w as it is or formed, of at most MaxDense entries.
func dense(w *factor.Linear) (rnn.Param, error) {
	s := w.Spec()
	if s.Kind == factor.Dense {
		p := w.Params()[0]
		return rnn.Param{Shape: p.Shape, Data: p.Data}, nil
	}
	if n := float64(s.Rows()) * float64(s.Cols()); n > MaxDense {
		return rnn.Param{}, requestf("modes %v x %v make a dense matrix of %.3g numbers: at most %d are formed", s.Out, s.In, n, MaxDense)
	}
	t := w.Materialize()
	return rnn.Param{Shape: t.Shape, Data: t.Data}, nil
}

// bestOf compresses matrices to the best of the structures.
func bestOf(ctx context.Context, group []piece, structures []factor.Spec, target compress.Target) (best []*compress.Result, err error) {
	least := math.Inf(1)
	for _, s := range structures {
		results, e := together(ctx, group, s, target)
		if e := ctx.Err(); e != nil {
			return nil, e
		}
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
	alone := make([]*compress.Result, len(group))
	var chosen []factor.Spec
	for i, p := range group {
		var err error
		if alone[i], err = p.decompose(ctx, s, target); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(c factor.Spec) bool { return sameSpec(c, alone[i].Spec) }) {
			chosen = append(chosen, alone[i].Spec)
		}
	}
	if len(chosen) == 1 || target == (compress.Target{}) {
		return alone, nil
	}
	if target.Tol != 0 {
		chosen = []factor.Spec{largest(chosen)}
	}
	var best []*compress.Result
	for _, c := range chosen {
		results := slices.Clone(alone)
		for i, p := range group {
			if sameSpec(c, alone[i].Spec) {
				continue
			}
			var err error
			if results[i], err = p.decompose(ctx, c, compress.Target{}); err != nil {
				return nil, err
			}
		}
		if best == nil || lost(results) < lost(best) {
			best = results
		}
	}
	return best, nil
}

// sameSpec reports whether two structures of the same modes and tree have the same ranks.
func sameSpec(a, b factor.Spec) bool {
	return maps.Equal(a.Ranks, b.Ranks) && slices.Equal(a.Bonds, b.Bonds) && a.BlockRank == b.BlockRank
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
				_, wh, err := sources(f.Net, l, d)
				if err != nil {
					return err
				}
				copy(p.Data, wh.all())
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
