package plan

import (
	"math"

	"github.com/fdht/fdht/factor"
)

// width bounds the rank of W from the structure alone, for ranks r and input modes in: data on its way from N columns to M rows passes
// through every cut of the network, and no cut lets more through than the product of the sizes it goes across. Contracting
// a set A of modes first leaves prod_{k in A} m_k prod_{k not in A} n_k times the ranks between the two sides; the least of
// that over all sets and over the sides that the inner nodes may be on is found from the leaves to the root.
func (f *filling) width(in, out []int) float64 {
	// through[i][s] is the least product below node i when i is on side s: 0 not yet contracted, 1 contracted.
	through := make([][2]float64, len(f.nodes))
	for i, n := range f.nodes {
		if f.left[i] < 0 {
			through[i] = [2]float64{float64(in[n.Lo]), float64(out[n.Lo])}
			continue
		}
		for s := range 2 {
			through[i][s] = 1
			for _, c := range [2]int{f.left[i], f.right[i]} {
				through[i][s] *= min(through[c][s], through[c][1-s]*float64(f.rank[c]))
			}
		}
	}
	root := through[f.root()]
	return min(root[0], root[1])
}

// narrowness says how far a structure is from letting W and its hidden half have full rank.
type narrowness struct {
	whole, hidden float64 // bounds on the ranks of W [M, N] and of W's columns I..I+H-1
	loss          float64 // log2 of what is missing in both, 0 or more
}

func (p *problem) narrow(f ranks, in, out []int) narrowness {
	if p.Scope == factor.Partial { // the hidden half is dense
		n := narrowness{whole: f.width(in, out), hidden: math.Inf(1)}
		n.loss = max(0, math.Log2(float64(min(p.rows, p.cols))/n.whole))
		return n
	}
	n := narrowness{whole: f.width(in, out), hidden: f.width(windowModes(in, p.Input, p.cols), out)}
	n.loss = max(0, math.Log2(float64(min(p.rows, p.cols))/n.whole)) + max(0, math.Log2(float64(p.Hidden)/n.hidden))
	return n
}

// windowModes is the sizes of the modes within the smallest box of mode indices that is a run of adjacent columns
// around lo..hi-1: leading modes fixed, one restricted, the rest whole. Package factor applies a window of W as that box.
func windowModes(in []int, lo, hi int) []int {
	width, base := 1, 0
	for _, n := range in {
		width *= n
	}
	box := make([]int, len(in))
	copy(box, in)
	for k, n := range in {
		width /= n
		a, b := (lo-base)/width, (hi-1-base)/width+1
		box[k] = b - a
		base += a * width
		if b-a > 1 {
			break
		}
	}
	return box
}
