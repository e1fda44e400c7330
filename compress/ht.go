package compress

import (
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// htTree is a dimension tree with its nodes numbered as the factors of an HT matrix are: leaves 0..d-1, then the inner nodes,
// children before parents, the root last.
type htTree struct {
	nodes       []factor.Range
	left, right []int // children of each node; -1 at leaves
	parent      []int // -1 at the root
}

func newHTTree(s factor.Spec) htTree {
	var t htTree
	number := map[factor.Range]int{}
	add := func(n factor.Range, l, r int) {
		number[n] = len(t.nodes)
		if l >= 0 {
			t.parent[l], t.parent[r] = len(t.nodes), len(t.nodes)
		}
		t.nodes, t.left, t.right, t.parent = append(t.nodes, n), append(t.left, l), append(t.right, r), append(t.parent, -1)
	}
	for k := range s.In {
		add(factor.Leaf(k), -1, -1)
	}
	inner, children := s.DimensionTree().Inner()
	for i, n := range inner {
		add(n, number[children[i][0]], number[children[i][1]])
	}
	return t
}

// root is the number of the root.
func (t htTree) root() int { return len(t.nodes) - 1 }

// size is the first dimension of the frame of node n, p_k at a leaf and r_s r_u at an inner node.
func (t htTree) size(n int, joint, ranks []int) int {
	if t.left[n] < 0 {
		return joint[n]
	}
	return ranks[t.left[n]] * ranks[t.right[n]]
}

// ranks are the ranks of the nodes as s has them.
func (t htTree) ranks(s factor.Spec) []int {
	r := make([]int, len(t.nodes))
	for i, n := range t.nodes {
		r[i] = s.Rank(n)
	}
	return r
}

// setRanks writes the ranks of the nodes to a copy of s.
func (t htTree) setRanks(s factor.Spec, ranks []int) factor.Spec {
	s = s.Clone()
	s.Tree = s.DimensionTree()
	s.Ranks = map[factor.Range]int{}
	for i, n := range t.nodes[:t.root()] {
		s.Ranks[n] = ranks[i]
	}
	return s
}

// usable reports whether no rank is larger than those around it can use: r_s <= r_u r_t and so on at a node t with children s and u.
func (t htTree) usable(ranks []int) bool {
	for n := range t.nodes {
		if t.left[n] < 0 {
			continue
		}
		if a, b, c := ranks[t.left[n]], ranks[t.right[n]], ranks[n]; a > b*c || b > a*c || c > a*b {
			return false
		}
	}
	return true
}

// usable reports whether no rank of s, an HT or TT matrix, is larger than those around it can use; other kinds pass.
func usable(s factor.Spec) bool {
	switch s.Kind {
	case factor.HT:
		t := newHTTree(s)
		return t.usable(t.ranks(s))
	case factor.TT:
		return bondsUsable(joint(s), s.Bonds)
	}
	return true
}

// htRun is a hierarchical SVD under way.
type htRun struct {
	htTree
	w     *worker
	t     *tensor
	caps  []int
	axes  []int // node of each axis of t
	data  [][]float64
	ranks []int
	sigma [][]float64
	notes []Node
	top   bool // one child of the root is truncated: the other has the same unfolding and nothing more to discard
}

func newHTRun(w *worker, t *tensor) *htRun {
	r := &htRun{htTree: newHTTree(w.spec), w: w, t: t}
	n := len(r.nodes)
	r.data, r.ranks, r.sigma, r.notes = make([][]float64, n), make([]int, n), make([][]float64, n), make([]Node, n)
	r.ranks[r.root()] = 1
	for k := range t.dims {
		r.axes = append(r.axes, k)
	}
	r.caps = r.htTree.ranks(w.spec)
	for n := range r.caps {
		switch {
		case w.target.Tol != 0:
			r.caps[n] = math.MaxInt
		case w.target.Budget != 0 && r.left[n] < 0: // if all else had rank 1
			r.caps[n] = int(max(1, w.target.Budget/int64(t.dims[n])))
		case w.target.Budget != 0: // a transfer tensor [r_s, r_u, r_t] has r_s r_u >= r_t
			r.caps[n] = int(max(1, math.Sqrt(float64(w.target.Budget))))
		}
	}
	return r
}

// leaves truncates the modes, the smaller ones first so that the larger ones find less left.
func (r *htRun) leaves() error {
	order := slices.Clone(r.axes)
	sizes := slices.Clone(r.t.dims)
	slices.SortStableFunc(order, func(a, b int) int { return sizes[a] - sizes[b] })
	for _, n := range order {
		if n == r.root() {
			continue
		}
		if err := r.truncate(n, n); err != nil {
			return err
		}
	}
	return nil
}

// inner truncates the inner nodes, children before parents. What remains is the root's transfer tensor [r_s, r_u].
func (r *htRun) inner() error {
	for n := len(r.w.spec.In); n < r.root(); n++ {
		axis := slices.Index(r.axes, r.left[n])
		r.t.merge(axis)
		r.axes = slices.Replace(r.axes, axis, axis+2, n)
		if err := r.truncate(n, axis); err != nil {
			return err
		}
	}
	r.data[r.root()] = r.t.data
	r.w.nodes = r.notes[:r.root()] // in the order of the factors
	return nil
}

func (r *htRun) truncate(n, axis int) error {
	share := 1 / float64(max(2*len(r.w.spec.In)-3, 1))
	if r.parent[n] == r.root() {
		if r.top {
			share = 0
		}
		r.top = true
	}
	u, sigma, err := r.w.truncate(r.t, axis, r.nodes[n].String(), r.caps[n], share)
	if err != nil {
		return err
	}
	r.data[n], r.ranks[n], r.sigma[n], r.notes[n] = u.Data, u.Cols, sigma, r.w.nodes[len(r.w.nodes)-1]
	return nil
}

// hierarchical is the whole of it: leaves, inner nodes, and what the ranks then have too much taken away.
func (w *worker) hierarchical(t *tensor) (*Factors, error) {
	r := newHTRun(w, t)
	if err := r.leaves(); err != nil {
		return nil, err
	}
	if err := r.inner(); err != nil {
		return nil, err
	}
	return w.trim(&Factors{Spec: r.setRanks(w.spec, r.ranks), Data: r.data})
}
