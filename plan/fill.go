package plan

import "github.com/fdht/fdht/factor"

// want says what ranks are wanted.
type want struct {
	leaf, inner int   // fixed, or 0; leaf is also the rank of bonds and blocks, inner equals it where a kind has no inner nodes
	blocks      int   // fixed, or 0
	target      int   // the largest uniform rank to choose; 0: no bound
	budget      int64 // the most weights; 0: no bound
	spend       bool  // raise single ranks as far as the budget goes
}

func (w want) fixed() bool { return w.leaf > 0 && w.inner > 0 }

// largest is the largest uniform rank worth trying where each rank has one of the bounds.
func (w want) largest(bounds []int) int {
	if w.fixed() {
		return 1
	}
	most := 1
	for _, b := range bounds {
		most = max(most, b)
	}
	if w.target > 0 {
		most = min(most, w.target)
	}
	return most
}

// grower is a kind of structure for one number of modes.
type grower interface {
	// grow makes ranks for modes of the given sizes; fill then chooses them.
	grow(in, out []int, w want) ranks
	// arrangedOn lists orders of the modes that differ in what the structure costs, at most limit, the given order first.
	arrangedOn(limit int) [][]int
	// carried is, for the k-th mode that the data is contracted with, how many ranks its cost is proportional to.
	carried() []int
}

// ranks are those of one structure.
type ranks interface {
	// fill chooses the largest ranks that the budget and the target permit, or says why none do.
	fill() *refusal
	// raise spends what is then left of the budget, where that is wanted.
	raise()
	weights() float64
	// meanRank is the geometric mean of the ranks of W at the nodes of a tree but its root, as a logarithm to base 2.
	meanRank() float64
	// load is the rank that the data carries while it is contracted, throughout, and how many passes it makes.
	load() (rank float64, passes int)
	// width bounds the rank of W, see filling.width.
	width(in, out []int) float64
	limits() []Limit
	spec(in, out []int) factor.Spec
}

// Limit is a rank and the largest that the modes and the other ranks allow in its place.
type Limit struct {
	Where string `json:"where"` // such as node 0-2, bond 1, every block
	Rank  int    `json:"rank"`
	Most  int    `json:"most"`
}

// refusal is why a structure is left out.
type refusal struct {
	where string // has a rank above the bound; only if bound > 0
	rank  int
	bound int
	least float64 // otherwise: the fewest weights of the structure, over the budget
	limit int64   // the budget
}

// scalable is a structure whose free ranks grow together.
type scalable interface {
	// uniform gives every free rank r, or the most that is useful there.
	uniform(r int)
	// refused is the first fixed rank that is larger than allowed, or nil.
	refused() *refusal
	mostRank() int
	weights() float64
}

// fillUp chooses the largest uniform rank within the budget (0: no bound). Weights and what is allowed both grow with it, so
// bisection finds it.
func fillUp(s scalable, budget int64) *refusal {
	least := smallest(s, func() bool { return s.refused() == nil })
	if least < 0 {
		s.uniform(s.mostRank())
		return s.refused()
	}
	s.uniform(least)
	if budget == 0 {
		s.uniform(s.mostRank())
		return nil
	}
	if w := s.weights(); w > float64(budget) {
		return &refusal{least: w, limit: budget}
	}
	over := smallest(s, func() bool { return s.weights() > float64(budget) })
	if over < 0 {
		over = s.mostRank() + 1
	}
	s.uniform(over - 1)
	return nil
}

// smallest is the smallest uniform rank for which ok holds, or -1; once ok holds it holds for all larger ranks.
func smallest(s scalable, ok func() bool) int {
	lo, hi := 1, s.mostRank()
	s.uniform(hi)
	if !ok() {
		return -1
	}
	for lo < hi {
		mid := lo + (hi-lo)/2
		s.uniform(mid)
		if ok() {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// together gives every free rank r, or the most that is useful there, given the others. cut bounds each; fixed is the rank that is set,
// or 0.
func together(rank, cut []int, r int, fixed, useful func(i int) int) {
	for i := range rank {
		if rank[i] = fixed(i); rank[i] == 0 {
			rank[i] = min(r, cut[i])
		}
	}
	for changed := true; changed; {
		changed = false
		for i := range rank {
			if fixed(i) > 0 {
				continue
			}
			if most := useful(i); rank[i] > most {
				rank[i], changed = most, true
			}
		}
	}
}

// raiseEach spends what is left of the budget on single free ranks below what is useful: the lowest rank first, then the cheapest, then
// the first.
func raiseEach(rank []int, budget int64, weights func() float64, fixed, useful func(i int) int) {
	for {
		best, bestCost := -1, 0.0
		now := weights()
		for i := range rank {
			if fixed(i) > 0 || rank[i] >= useful(i) || best >= 0 && rank[i] > rank[best] {
				continue
			}
			rank[i]++
			cost := weights() - now
			rank[i]--
			if now+cost <= float64(budget) && (best < 0 || rank[i] < rank[best] || cost < bestCost) {
				best, bestCost = i, cost
			}
		}
		if best < 0 {
			return
		}
		rank[best]++
	}
}
