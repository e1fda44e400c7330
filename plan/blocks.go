package plan

import (
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// maxBlocks is the most blocks that are chosen: each is a pass of its own, which takes longer than its multiply-adds say.
const maxBlocks = 4

// blockKind is sums of Tucker blocks of d modes.
type blockKind struct {
	d        int
	nodes    []factor.Range // balancedNodes
	carrying []int          // what carried answers
}

// newBlockKind: up to half of the modes the data gathers ranks, then the core takes its place among them and they go.
func newBlockKind(d int) *blockKind {
	b := &blockKind{d: d, nodes: balancedNodes(d)}
	for k := range d {
		b.carrying = append(b.carrying, min(k+1, d-k))
	}
	return b
}

// blocks is the ranks of one.
type blocks struct {
	*blockKind
	want
	pairing
	size        []float64 // m_k n_k
	most        int       // the largest rank, the smallest of them
	count, rank int       // P and r
}

func (b *blockKind) grow(in, out []int, w want) ranks {
	f := &blocks{blockKind: b, want: w, pairing: pairing{in: in, out: out}, size: modeSizes(in, out), count: 1, rank: 1}
	f.most = int(min(slices.Min(f.size), math.MaxInt32))
	return f
}

// arrangedOn: all orders of the modes cost the same.
func (b *blockKind) arrangedOn(int) [][]int { return [][]int{firstNumbers(b.d)} }

func (b *blockKind) carried() []int { return b.carrying }

// uniform gives all blocks rank r.
func (f *blocks) uniform(r int) {
	f.rank = f.leaf
	if f.rank == 0 {
		f.rank = min(r, f.most)
	}
}

func (f *blocks) refused() *refusal {
	if f.rank > f.most {
		return &refusal{where: "every block", rank: f.rank, bound: f.most}
	}
	return nil
}

func (f *blocks) mostRank() int {
	if f.leaf > 0 {
		return 1
	}
	return f.largest([]int{f.most})
}

// weights is P (r^d + sum_k m_k n_k r).
func (f *blocks) weights() float64 {
	total := math.Pow(float64(f.rank), float64(len(f.size)))
	for _, s := range f.size {
		total += s * float64(f.rank)
	}
	return float64(f.count) * total
}

// fill takes the number of blocks that is set, or one.
func (f *blocks) fill() *refusal {
	f.count = max(f.want.blocks, 1)
	if refused := fillUp(f, f.budget); refused != nil || !f.spend || f.want.blocks > 0 {
		return refused
	}
	f.spread()
	return nil
}

// spread shares the budget between the number of blocks and their rank so that the score, see option.score, is largest.
func (f *blocks) spread() {
	bestRank, bestCount, best := f.rank, f.count, math.Inf(-1)
	data := newContraction(f.pairing)
	for r := f.rank; r >= 1; r-- {
		f.rank, f.count = r, 1
		f.count = min(int(float64(f.budget)/f.weights()), maxBlocks)
		score := f.meanRank() - math.Log2(data.guess(f, f.carrying))/2
		if score > best+1e-9 {
			bestRank, bestCount, best = f.rank, f.count, score
		}
		if f.leaf > 0 {
			break
		}
	}
	f.rank, f.count = bestRank, bestCount
}

// raise has nothing left to do: all blocks have one rank.
func (f *blocks) raise() {}

// meanRank: each block joins some modes to the others by the smaller of the products of ranks on both sides.
func (f *blocks) meanRank() float64 {
	return nodeRanks(f.nodes, f.size, func(lo, hi int) float64 {
		return float64(f.count) * math.Pow(float64(f.rank), float64(min(hi-lo, len(f.size)-hi+lo)))
	})
}

// load: each block is a pass of its own.
func (f *blocks) load() (rank float64, passes int) { return float64(f.rank), f.count }

// width is P times what one block lets through, see filling.width: its core is on one side, and each factor on that side or, across
// a rank, on the other.
func (f *blocks) width(in, out []int) float64 {
	least := math.Inf(1)
	for core := range 2 {
		through := 1.0
		for k := range f.size {
			side := [2]float64{float64(in[k]), float64(out[k])}
			through *= min(side[core], side[1-core]*float64(f.rank))
		}
		least = min(least, through)
	}
	all := func(v []int) float64 {
		n := 1.0
		for _, x := range v {
			n *= float64(x)
		}
		return n
	}
	return min(float64(f.count)*least, all(in), all(out))
}

func (f *blocks) limits() []Limit { return []Limit{{"every block", f.rank, f.most}} }

func (f *blocks) spec(in, out []int) factor.Spec {
	return factor.BTSpec(in, out, f.count, f.rank)
}
