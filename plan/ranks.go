package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// dimTree is a dimension tree in arrays. Nodes are numbered children before parents; the root is last.
type dimTree struct {
	tree        factor.Tree
	nodes       []factor.Range
	left, right []int // children; -1 in a leaf
	up, beside  []int // parent and sibling; -1 at the root
}

func newDimTree(t factor.Tree) *dimTree {
	d := &dimTree{tree: t, nodes: t.Nodes()}
	at := map[factor.Range]int{}
	for i, n := range d.nodes {
		at[n] = i
		d.left, d.right = append(d.left, -1), append(d.right, -1)
		d.up, d.beside = append(d.up, -1), append(d.beside, -1)
	}
	inner, children := t.Inner()
	for i, n := range inner {
		p, l, r := at[n], at[children[i][0]], at[children[i][1]]
		d.left[p], d.right[p] = l, r
		d.up[l], d.up[r] = p, p
		d.beside[l], d.beside[r] = r, l
	}
	return d
}

func (d *dimTree) grow(in, out []int, w want) ranks { return d.newFilling(in, out, w) }

// carried: the data brings one rank along after its first mode.
func (d *dimTree) carried() []int {
	c := slices.Repeat([]int{2}, d.tree.Order())
	c[0] = 1
	return c
}

func (d *dimTree) root() int { return len(d.nodes) - 1 }

// filling gives ranks to the nodes of a tree over modes of given sizes m_k n_k.
type filling struct {
	*dimTree
	want
	size []float64 // m_k n_k
	cut  []int     // the smaller of the products of sizes on either side of a node
	rank []int     // of each node; 1 at the root
}

func (d *dimTree) newFilling(in, out []int, w want) *filling {
	f := &filling{dimTree: d, want: w, size: modeSizes(in, out), cut: make([]int, len(d.nodes)), rank: make([]int, len(d.nodes))}
	for i, n := range d.nodes {
		f.cut[i] = int(min(segmentCut(f.size, n.Lo, n.Hi), math.MaxInt32))
	}
	return f
}

// fixedRank is the rank that the request sets for node i, or 0.
func (f *filling) fixedRank(i int) int {
	switch {
	case i == f.root():
		return 1
	case f.left[i] < 0:
		return f.leaf
	default:
		return f.inner
	}
}

// allowed is the largest rank of node i that factor.Spec permits.
func (f *filling) allowed(i int) int {
	if l, r := f.left[i], f.right[i]; l >= 0 {
		return atMost(f.cut[i], f.rank[l], f.rank[r])
	}
	return f.cut[i]
}

// useful is the largest rank of node i that makes a difference: what is allowed, and the product of the two ranks that
// it meets in its parent.
func (f *filling) useful(i int) int {
	return atMost(f.allowed(i), f.rank[f.beside[i]], f.rank[f.up[i]])
}

// atMost is min(most, a b) for any positive a and b.
func atMost(most, a, b int) int {
	return int(min(float64(most), float64(a)*float64(b)))
}

// uniform gives every free node rank r, or the most that is useful there.
func (f *filling) uniform(r int) { together(f.rank, f.cut, r, f.fixedRank, f.useful) }

// weights is sum_k m_k n_k r_k + sum_t r_s r_u r_t.
func (f *filling) weights() float64 {
	total := 0.0
	for i, n := range f.nodes {
		if l, r := f.left[i], f.right[i]; l >= 0 {
			total += float64(f.rank[l]) * float64(f.rank[r]) * float64(f.rank[i])
		} else {
			total += f.size[n.Lo] * float64(f.rank[i])
		}
	}
	return total
}

// mostRank is the largest uniform rank worth trying.
func (f *filling) mostRank() int { return f.largest(f.cut[:f.root()]) }

// refused is the first node whose fixed rank is more than allowed, or nil.
func (f *filling) refused() *refusal {
	for i, n := range f.nodes[:f.root()] {
		if most := f.allowed(i); f.rank[i] > most {
			return &refusal{where: fmt.Sprintf("node %v", n), rank: f.rank[i], bound: most}
		}
	}
	return nil
}

// fill chooses the largest ranks that the budget and the target permit: the same everywhere first.
func (f *filling) fill() *refusal { return fillUp(f, f.budget) }

// raise spends what is left of the budget on single free nodes.
func (f *filling) raise() {
	if f.spend && !f.fixed() {
		raiseEach(f.rank, f.budget, f.weights, f.fixedRank, f.useful)
	}
}

// meanRank is the geometric mean of the ranks of all nodes but the root, as a logarithm to base 2.
func (f *filling) meanRank() float64 {
	sum := 0.0
	for _, r := range f.rank[:f.root()] {
		sum += math.Log2(float64(r))
	}
	return sum / float64(max(f.root(), 1))
}

// load: the ranks of the nodes are those that the data carries.
func (f *filling) load() (rank float64, passes int) { return math.Exp2(f.meanRank()), 1 }

// limits are the largest ranks of the nodes, given those of the others.
func (f *filling) limits() []Limit {
	var out []Limit
	for i, n := range f.nodes[:f.root()] {
		out = append(out, Limit{fmt.Sprintf("node %v", n), f.rank[i], f.allowed(i)})
	}
	return out
}

// spec is the structure with the ranks found.
func (f *filling) spec(in, out []int) factor.Spec {
	s := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: in, Out: out, Tree: f.tree, Ranks: map[factor.Range]int{}}
	for i, n := range f.nodes[:f.root()] {
		s.Ranks[n] = f.rank[i]
	}
	return s
}
