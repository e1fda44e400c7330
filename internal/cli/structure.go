package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/factor"
)

// layer are the flags of one matrix.
type layer struct {
	kind              string
	cell              string       // "": lstm
	scope             factor.Scope // "": full
	modesIn, modesOut []int
	tree              factor.Tree
	ranks             ranksFlag
	prefix            string // of the flags' names: "", "upper-" or "recurrent-", which is a hidden half alone
}

// columns is the least number of columns of the matrix, and what they are.
func (l layer) columns(input, hidden int) (int, string) {
	switch {
	case l.prefix == "recurrent-":
		return hidden, fmt.Sprintf("%d hidden units", hidden)
	case l.scope == factor.Partial || l.scope == factor.Split:
		return input, fmt.Sprintf("%d inputs", input)
	}
	return input + hidden, fmt.Sprintf("%d inputs + %d hidden units = %d", input, hidden, input+hidden)
}

// rows is the number of rows of the matrix, and why.
func (l layer) rows(hidden int) (int, string) {
	cell, article := l.cell, "an"
	switch l.cell {
	case "":
		cell = "lstm"
	case "gru":
		article = "a"
	}
	g := gates(cell)
	return g * hidden, fmt.Sprintf("%s %s of %d hidden units needs %d x %d = %d", article, cell, hidden, g, hidden, g*hidden)
}

// bare is the structure without ranks.
func (l layer) bare() factor.Spec {
	return spelled(factor.Spec{Kind: factor.Kind(l.kind), Scope: l.scope, In: l.modesIn, Out: l.modesOut, Tree: l.tree})
}

// checkTree refuses a tree where there is none.
func (l layer) checkTree() error {
	if l.kind != string(factor.HT) && !l.tree.IsZero() {
		return usage("leave it away", "--%stree %v: kind %s has no tree, only ht has", l.prefix, l.tree, l.kind)
	}
	return nil
}

// spec is the structure of one matrix.
func (f *modelFlags) spec(l layer, input int, frame frameSize, budget int64) (factor.Spec, error) {
	l.cell, l.scope = f.Cell, factor.Scope(f.Scope)
	if l.kind == string(factor.Dense) {
		return f.dense(l, input, budget)
	}
	if err := checkModes(l, input, f.Hidden); err != nil {
		return factor.Spec{}, err
	}
	if err := l.checkTree(); err != nil {
		return factor.Spec{}, err
	}
	if f.spelledOut(l) {
		return f.explicit(l)
	}
	if !l.ranks.isZero() {
		return factor.Spec{}, usage("", "--%sranks needs --%smodes-in and --%smodes-out", l.prefix, l.prefix, l.prefix)
	}
	return f.search(l, input, frame, budget)
}

// spelledOut reports whether the flags leave nothing of the matrix to choose.
func (f *modelFlags) spelledOut(l layer) bool {
	return l.kind != string(factor.Dense) && len(l.modesIn) > 0 && len(l.modesOut) > 0 && (!l.ranks.isZero() || f.Rank > 0)
}

// dense is a matrix without structure.
func (f *modelFlags) dense(l layer, input int, budget int64) (factor.Spec, error) {
	rows, _ := l.rows(f.Hidden)
	cols, _ := l.columns(input, f.Hidden)
	if len(l.modesIn) > 0 && !slices.Equal(l.modesIn, []int{cols}) || len(l.modesOut) > 0 && !slices.Equal(l.modesOut, []int{rows}) ||
		!l.ranks.isZero() || !l.tree.IsZero() {
		return factor.Spec{}, usage(fmt.Sprintf("leave away --%smodes-in, --%smodes-out, --%stree and --%sranks", l.prefix, l.prefix, l.prefix, l.prefix),
			"kind dense: a matrix of %d x %d has neither modes nor ranks", rows, cols)
	}
	if n := int64(rows) * int64(cols); budget > 0 && n > budget {
		return factor.Spec{}, usage("raise --budget, or choose another --kind", "kind dense: a matrix of %d x %d has %d weights, the budget leaves %d", rows, cols, n, budget)
	}
	return factor.DenseSpec(rows, cols).WithScope(l.scope), nil
}

// explicit is the structure that the flags spell out.
func (f *modelFlags) explicit(l layer) (factor.Spec, error) {
	s := l.bare()
	if len(s.In) != len(s.Out) {
		return s, usage("", "--%smodes-in %s and --%smodes-out %s: give as many of one as of the other", l.prefix, joinInts(s.In), l.prefix, joinInts(s.Out))
	}
	if !l.ranks.isZero() {
		if err := l.ranks.give(&s, l.prefix+"ranks"); err != nil {
			return s, err
		}
	} else {
		s = f.ranked(s)
	}
	if err := s.Validate(); err != nil {
		return s, usage("", "--%smodes-in %s --%smodes-out %s: %w", l.prefix, joinInts(l.modesIn), l.prefix, joinInts(l.modesOut), err)
	}
	return s, nil
}

// ranked is s with the ranks of --rank, --inner-rank and --blocks.
func (f *modelFlags) ranked(s factor.Spec) factor.Spec {
	switch s.Kind {
	case factor.HT:
		inner := f.InnerRank
		if inner == 0 {
			inner = f.Rank
		}
		if s.Tree.Order() == len(s.In) {
			return s.WithRanks(f.Rank, inner)
		}
	case factor.TT:
		return factor.TTSpec(s.In, s.Out, f.Rank).WithScope(s.Scope)
	case factor.TR:
		return factor.TRSpec(s.In, s.Out, f.Rank).WithScope(s.Scope)
	case factor.BT:
		return factor.BTSpec(s.In, s.Out, max(f.Blocks, 1), f.Rank).WithScope(s.Scope)
	}
	return s
}

// beside completes the flags of the hidden half, whose modes follow from those of the input half unless they are given.
func (f *modelFlags) beside(l layer, first factor.Spec) layer {
	if l.ranks.isZero() && f.Rank == 0 {
		return l
	}
	if len(l.modesOut) == 0 && len(first.Out) > 1 && (len(l.modesIn) == 0 || len(l.modesIn) == len(first.Out)) {
		l.modesOut = first.Out
	}
	if len(l.modesIn) == 0 && len(l.modesOut) > 0 && l.kind != string(factor.Dense) {
		l.modesIn = factorOut(f.Hidden, len(l.modesOut))
	}
	return l
}

// checkModes says when modes do not multiply up, by the names of the flags.
func checkModes(l layer, input, hidden int) error {
	if len(l.modesOut) > 0 {
		if rows, why := l.rows(hidden); productOf(l.modesOut) != rows {
			return usage(fmt.Sprintf("such as --%smodes-out %s", l.prefix, joinInts(factorOut(rows, len(l.modesOut)))),
				"--%smodes-out %s multiply to %d, %s", l.prefix, joinInts(l.modesOut), productOf(l.modesOut), why)
		}
	}
	if len(l.modesIn) > 0 {
		if cols, what := l.columns(input, hidden); productOf(l.modesIn) < cols {
			return usage("raise one of them; columns that are not needed are left unused, so any product from there on will do",
				"--%smodes-in %s multiply to %d, fewer than %s", l.prefix, joinInts(l.modesIn), productOf(l.modesIn), what)
		}
	}
	return nil
}

// factorOut splits n into k factors as even as they come, for a proposal.
func factorOut(n, k int) []int {
	out := slices.Repeat([]int{1}, max(k, 1))
	for p := n; p > 1; {
		q := 2
		for p%q != 0 {
			q++
		}
		largest := p
		for largest%q == 0 {
			largest /= q
		}
		i := slices.Index(out, slices.Min(out))
		out[i] *= q
		p /= q
	}
	slices.Sort(out)
	return out
}

func productOf(v []int) int {
	p := 1.0
	for _, n := range v {
		p *= float64(n)
	}
	return int(min(max(p, -1<<53), 1<<53))
}

func joinInts(v []int) string {
	parts := make([]string, len(v))
	for i, n := range v {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ",")
}
