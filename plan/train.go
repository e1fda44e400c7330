package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// trainKind is tensor trains or rings of d cores.
type trainKind struct {
	kind     factor.Kind // TT or TR
	d        int
	nodes    []factor.Range // balancedNodes
	carrying []int          // what carried answers
}

// newTrainKind: the data of a train brings one rank along between its first core and its last, that of a ring another one, which its
// last core closes.
func newTrainKind(kind factor.Kind, d int) *trainKind {
	middle := 2
	if kind == factor.TR {
		middle = 3
	}
	t := &trainKind{kind, d, balancedNodes(d), slices.Repeat([]int{middle}, d)}
	t.carrying[0], t.carrying[d-1] = middle-1, middle-1
	return t
}

// train is the ranks of one: bond k lies before core k, and bond d is bond 0.
type train struct {
	*trainKind
	want
	size []float64 // m_k n_k
	cut  []int     // the largest rank of a bond that can make a difference
	rank []int     // of bonds 0..d-1; bond 0 of a train is 1
}

func (t *trainKind) grow(in, out []int, w want) ranks {
	f := &train{trainKind: t, want: w, size: modeSizes(in, out), rank: make([]int, t.d)}
	for k := range t.d {
		most := 1.0
		if !t.ring() {
			most = segmentCut(f.size, 0, k) // of an empty segment 1
		} else {
			// Bonds k and b together carry the rank of the modes between them: with the root of what that can be at most, all of it.
			for b := range t.d {
				most = max(most, math.Ceil(math.Sqrt(segmentCut(f.size, min(k, b), max(k, b)))))
			}
		}
		f.cut = append(f.cut, int(min(most, math.MaxInt32)))
	}
	return f
}

// arrangedOn leaves out reversals, and of a ring rotations.
func (t *trainKind) arrangedOn(limit int) [][]int {
	var out [][]int
	for a := range arrangements(firstNumbers(t.d)) {
		if len(out) == limit {
			break
		}
		if first := a[0]; t.ring() && (first != 0 || t.d > 2 && a[1] > a[t.d-1]) || !t.ring() && first > a[t.d-1] {
			continue
		}
		out = append(out, slices.Clone(a))
	}
	return out
}

func (t *trainKind) carried() []int { return t.carrying }

func (t *trainKind) ring() bool { return t.kind == factor.TR }

func (f *train) at(k int) float64 { return float64(f.rank[k%len(f.rank)]) }

// fixedRank is the rank that is set for bond k, or 0.
func (f *train) fixedRank(k int) int {
	if k == 0 && !f.ring() {
		return 1
	}
	return f.leaf
}

// beside is the most that the cores on both sides of bond k let through.
func (f *train) beside(k int) float64 {
	before := (k + len(f.rank) - 1) % len(f.rank)
	return min(f.at(before)*f.size[before], f.size[k]*f.at(k+1))
}

// allowed is the largest rank of bond k that factor.Spec permits.
func (f *train) allowed(k int) int {
	if f.ring() {
		return int(min(f.beside(k), math.MaxInt32))
	}
	return f.cut[k]
}

// useful is the largest rank of bond k that makes a difference.
func (f *train) useful(k int) int { return int(min(float64(f.cut[k]), f.beside(k))) }

func (f *train) uniform(r int) { together(f.rank, f.cut, r, f.fixedRank, f.useful) }

func (f *train) refused() *refusal {
	for k := range f.rank {
		if most := f.allowed(k); f.rank[k] > most {
			return &refusal{where: fmt.Sprintf("bond %d", k), rank: f.rank[k], bound: most}
		}
	}
	return nil
}

func (f *train) mostRank() int { return f.largest(f.cut) }

// weights is sum_k r_{k-1} m_k n_k r_k.
func (f *train) weights() float64 {
	total := 0.0
	for k, s := range f.size {
		total += f.at(k) * s * f.at(k+1)
	}
	return total
}

func (f *train) fill() *refusal { return fillUp(f, f.budget) }

func (f *train) raise() {
	if f.spend && !f.fixed() {
		raiseEach(f.rank, f.budget, f.weights, f.fixedRank, f.useful)
	}
}

// meanRank: modes lo..hi-1 are joined to the others by the bonds at their ends.
func (f *train) meanRank() float64 {
	return nodeRanks(f.nodes, f.size, func(lo, hi int) float64 { return f.at(lo) * f.at(hi) })
}

// load is the geometric mean of the bonds, in a train of those between its cores.
func (f *train) load() (rank float64, passes int) {
	bonds := f.rank
	if !f.ring() {
		bonds = bonds[1:]
	}
	sum := 0.0
	for _, r := range bonds {
		sum += math.Log2(float64(r))
	}
	return math.Exp2(sum / float64(max(len(bonds), 1))), 1
}

// width is the least product that goes across a cut of the network with the columns on one side and the rows on the other, see
// filling.width: a walk along the cores, each on side 0 or 1, over the bonds where the side changes.
func (f *train) width(in, out []int) float64 {
	least := math.Inf(1)
	for first := range 2 {
		through := [2]float64{math.Inf(1), math.Inf(1)} // by the side of the core before
		through[first] = 1
		for k := range f.size {
			next := [2]float64{}
			for s, side := range [2]int{in[k], out[k]} {
				if k == 0 {
					next[s] = through[s] * float64(side)
					continue
				}
				next[s] = float64(side) * min(through[s], through[1-s]*f.at(k))
			}
			through = next
		}
		least = min(least, through[first], through[1-first]*f.at(0)) // the ends meet: in a train at a bond of 1
	}
	return least
}

func (f *train) limits() []Limit {
	var out []Limit
	for k, r := range f.rank {
		if k > 0 || f.ring() {
			out = append(out, Limit{fmt.Sprintf("bond %d", k), r, f.allowed(k)})
		}
	}
	return out
}

func (f *train) spec(in, out []int) factor.Spec {
	return factor.Spec{Kind: f.kind, Scope: factor.Full, In: in, Out: out, Bonds: append(slices.Clone(f.rank), f.rank[0])}
}
