package model

import (
	"context"
	"fmt"
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
