package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// How many lists of modes are kept of each source, and how much padding is looked at, as a share of I + H.
const (
	maxOutLists  = 24
	maxInLists   = 16
	maxAligned   = 48
	maxPadding   = 0.125
	alignPadding = 0.25
)

// outModes lists the output modes for d modes, or says why there are none.
func (p *problem) outModes(d int) (modeLists, string) {
	if p.Out != nil {
		return modeLists{lists: [][]int{p.Out}, fixed: true}, ""
	}
	least := 2
	if have := primeFactors(p.rows); have < d {
		if d > 2 && p.Modes == 0 && p.In == nil && p.Tree.IsZero() {
			return modeLists{}, fmt.Sprintf("%d x %d = %d rows are a product of %d primes only, and rows are never padded", p.gates, p.Hidden, p.rows, have)
		}
		least = 1
	}
	lists := factorings(p.rows, d, least)
	return modeLists{lists: lists[:min(len(lists), maxOutLists)]}, ""
}

// inModes lists the input modes for d modes from every source there is, or says why there are none. outs are what they are to
// be paired with.
func (p *problem) inModes(d int, outs modeLists) (sources []modeLists, why string) {
	if p.In != nil {
		return []modeLists{{lists: [][]int{p.In}, fixed: true, aligned: alignment(p.Frame, p.In, p.extra()) != ""}}, ""
	}
	least := 2
	if math.Pow(2, float64(d)) > 2*float64(p.cols) {
		if p.Modes == 0 && p.Out == nil && p.Tree.IsZero() {
			return nil, fmt.Sprintf("%s are too few columns for %d modes", p.columns(), d)
		}
		least = 1
	}
	if d == 1 {
		return []modeLists{{lists: [][]int{{p.cols}}, fixed: true}}, ""
	}
	if !p.Frame.IsZero() {
		lists := p.lean(alignedModes(p.Frame, p.extra(), d), outs, alignPadding, maxAligned)
		if len(lists) > 0 {
			sources = append(sources, modeLists{lists: lists, fixed: true, aligned: true})
		}
	}
	lists := p.lean(factorings(p.cols, d, least), outs, 0, maxInLists)
	for _, v := range p.lean(paddings(p.cols, d, least), outs, maxPadding, maxInLists) {
		if !slices.ContainsFunc(lists, func(w []int) bool { return slices.Equal(v, w) }) {
			lists = append(lists, v)
		}
	}
	return append(sources, modeLists{lists: lists}), ""
}

// lean keeps at most most of the lists, those that take few weights and multiply-adds beside the best of outs: the smallest
// N x sum_k m_k n_k, largest n_k beside smallest m_k. Lists with more than the given share of padding are dropped, unless none has less.
func (p *problem) lean(lists [][]int, outs modeLists, padding float64, most int) [][]int {
	type scored struct {
		modes []int
		n     int
		cost  float64
	}
	var falling [][]int // output modes, largest first
	for _, out := range outs.lists {
		v := slices.Clone(out)
		slices.Sort(v)
		slices.Reverse(v)
		falling = append(falling, v)
	}
	least := math.MaxInt
	var all []scored
	rising := []int{}
	for _, v := range lists {
		n, _ := multiply(v)
		least = min(least, n)
		s := scored{v, n, math.Inf(1)}
		rising = append(rising[:0], v...)
		slices.Sort(rising)
		for _, out := range falling {
			sum := 0
			for k, m := range out {
				sum += m * rising[k]
			}
			s.cost = min(s.cost, float64(sum)*float64(n))
		}
		all = append(all, s)
	}
	widest := max(float64(p.cols)*(1+padding), float64(least))
	all = slices.DeleteFunc(all, func(s scored) bool { return float64(s.n) > widest })
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), slices.Compare(a.modes, b.modes))
	})
	var out [][]int
	for _, s := range all[:min(len(all), most)] {
		out = append(out, s.modes)
	}
	return out
}
