package compress

import (
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// purse chooses ranks under a budget of weights.
//
// Node n keeps the share k_n = sum_{i <= r_n} sigma_i^2 / sum_i sigma_i^2 of the squared norm, and all nodes together are taken to keep
// prod k_n of it. Where little is discarded, that is the sum of what the nodes discard, which bounds the error; where much is,
// it does not count the same loss again at every node.
type purse struct {
	kept    [][]float64 // logarithm of the share that a node keeps at rank 1, 2, ..; nil: the node is counted elsewhere
	most    []int       // largest rank of each node
	budget  int64
	loss    func(ranks []int) (float64, error) // squared error, but for what is lost anyway
	weights func(ranks []int) int64
	valid   func(ranks []int) bool // no rank is larger than those around it can use
	// moves are the sets of nodes whose ranks may grow by one together. A single node can grow only where the ranks around it
	// leave it room; a path through the tree always can.
	moves [][]int
}

// shares are the logarithms of the shares that a node with such singular values keeps.
func shares(sigma []float64) []float64 {
	out := make([]float64, len(sigma))
	scale := max(sigma[0], math.SmallestNonzeroFloat64)
	sum := 0.0
	for i, s := range sigma {
		s /= scale
		sum += s * s
		out[i] = sum
	}
	for i := range out {
		out[i] = math.Log(max(out[i], math.SmallestNonzeroFloat64) / max(sum, math.SmallestNonzeroFloat64))
	}
	return out
}

// gain is how much what is kept grows with a move, as a logarithm.
func (p *purse) gain(ranks, move []int) float64 {
	g := 0.0
	for _, n := range move {
		if k := p.kept[n]; k != nil {
			g += k[ranks[n]] - k[ranks[n]-1]
		}
	}
	return g
}

// grow makes the move that gains most for the weights it takes, among those that fit, until none does.
func (p *purse) grow(ranks []int) {
	trial := make([]int, len(ranks))
	for {
		have := p.weights(ranks)
		var best []int
		rate := 0.0
		for _, move := range p.moves {
			copy(trial, ranks)
			if !p.step(trial, move, 1) {
				continue
			}
			if r := p.gain(ranks, move) / float64(max(p.weights(trial)-have, 1)); r > rate {
				best, rate = move, r
			}
		}
		if best == nil {
			return
		}
		p.step(ranks, best, 1)
	}
}

// spend chooses the ranks: the better of two beginnings, one that grows by the singular values and one that keeps the ranks even,
// refined by the error that truncation really makes.
func (p *purse) spend(trials int) ([]int, error) {
	greedy, even := slices.Repeat([]int{1}, len(p.most)), slices.Repeat([]int{1}, len(p.most))
	p.grow(greedy)
	q := *p
	q.kept = make([][]float64, len(p.most))
	for n, most := range p.most {
		for r := range most {
			q.kept[n] = append(q.kept[n], math.Log(float64(r+1)))
		}
	}
	q.grow(even)
	p.grow(even)
	best, err := p.loss(greedy)
	if err != nil {
		return nil, err
	}
	other, err := p.loss(even)
	if err != nil {
		return nil, err
	}
	if other < best {
		greedy, best = even, other
	}
	return p.refine(greedy, best, trials)
}

// spend is the structure with the ranks that a budget is best spent on. It leaves t as it was.
func (r run) spend(t *tensor, s factor.Spec, budget int64) (factor.Spec, error) {
	copied := *t // steps put new slices in place of the old
	t = &copied
	switch s.Kind {
	case factor.HT:
		return r.spendHT(t, s, budget)
	case factor.TT:
		return r.spendTT(t, s, budget)
	case factor.TR: // an open ring: closing it would multiply what each core after the first costs
		train := s
		train.Kind = factor.TT
		train, err := r.spendTT(t, train, budget)
		s.Bonds = train.Bonds
		return s, err
	case factor.BT:
		return spendBT(s, budget), nil
	}
	return s, unknown(s)
}

// trialsFor is how often a truncation of n numbers may be tried.
func trialsFor(n int) int { return min(400, 3_000_000/max(n, 1)) }

// spendHT truncates to what single nodes could take of the budget, which makes t small where it is much larger than that, and
// chooses among the singular values seen then.
func (r run) spendHT(t *tensor, s factor.Spec, budget int64) (factor.Spec, error) {
	run := newHTRun(&worker{run: r, spec: s, target: Target{Budget: budget}}, t)
	if err := run.leaves(); err != nil {
		return s, err
	}
	core := *t
	if err := run.inner(); err != nil {
		return s, err
	}
	tr, top, joint := run.htTree, run.root(), joint(s)
	if top == 0 {
		return s, nil
	}
	all := func(ranks []int) []int { return append(slices.Clone(ranks), 1) }
	p := &purse{budget: budget}
	for n := range top {
		p.most = append(p.most, len(run.sigma[n]))
		p.kept = append(p.kept, shares(run.sigma[n]))
	}
	p.kept[tr.right[top]] = nil // that of its sibling
	p.weights = func(ranks []int) int64 {
		r := all(ranks)
		total := int64(0)
		for n := range r {
			total += int64(tr.size(n, joint, r)) * int64(r[n])
		}
		return total
	}
	p.valid = func(ranks []int) bool { return tr.usable(all(ranks)) }
	for a := range top {
		for b := a; b < top; b++ {
			p.moves = append(p.moves, tr.path(a, b))
		}
	}
	p.loss = func(ranks []int) (float64, error) {
		t := core
		w := &worker{run: r, spec: tr.setRanks(s, all(ranks))}
		_, err := w.hierarchical(&t)
		return w.discarded(), err
	}
	ranks, err := p.spend(trialsFor(len(core.data)))
	if err != nil {
		return s, err
	}
	return tr.setRanks(s, all(ranks)), nil
}

// spendTT does the same for a train.
func (r run) spendTT(t *tensor, s factor.Spec, budget int64) (factor.Spec, error) {
	w := &worker{run: r, spec: s, target: Target{Budget: budget}}
	f, err := w.train(t)
	bonds, joint := len(s.In)-1, joint(s)
	if bonds == 0 || err != nil {
		return s, err
	}
	all := func(ranks []int) []int { return append(append([]int{1}, ranks...), 1) }
	p := &purse{budget: budget}
	for _, n := range w.nodes {
		p.most = append(p.most, n.Rank)
		p.kept = append(p.kept, shares(n.SingularValues))
	}
	p.weights = func(ranks []int) int64 {
		r := all(ranks)
		total := int64(0)
		for k, n := range joint {
			total += int64(r[k]) * int64(n) * int64(r[k+1])
		}
		return total
	}
	p.valid = func(ranks []int) bool { return bondsUsable(joint, all(ranks)) }
	for a := range bonds {
		for b := a; b < bonds; b++ {
			var run []int
			for k := a; k <= b; k++ {
				run = append(run, k)
			}
			p.moves = append(p.moves, run)
		}
	}
	p.loss = func(ranks []int) (float64, error) {
		s := s
		s.Bonds = all(ranks)
		w := &worker{run: r, spec: s}
		w.roundTrain(f)
		return w.discarded(), r.ctx.Err()
	}
	ranks, err := p.spend(trialsFor(int(f.Weights()) * max(1, slices.Max(f.Spec.Bonds))))
	if err != nil {
		return s, err
	}
	s.Bonds = all(ranks)
	return s, nil
}

// spendBT has but one number to choose.
func spendBT(s factor.Spec, budget int64) factor.Spec {
	for r := s.BlockRank + 1; ; r++ {
		next := s
		next.BlockRank = r
		if n, err := next.Params(); err != nil || n > budget || next.Validate() != nil {
			return s
		}
		s = next
	}
}

// path lists the nodes from a to b through the tree, without the node where it turns when that is above both. The children
// of the root have one rank: a path that ends at one of them takes the other along.
func (h htTree) path(a, b int) []int {
	up := func(n int) (chain []int) {
		for ; n != h.root(); n = h.parent[n] {
			chain = append(chain, n)
		}
		return chain
	}
	left, right := up(a), up(b)
	for len(left) > 0 && len(right) > 0 && left[len(left)-1] == right[len(right)-1] {
		left, right = left[:len(left)-1], right[:len(right)-1]
	}
	if len(left) == 0 || len(right) == 0 { // one lies above the other, or they are one
		right = append(right, max(a, b)) // parents have larger numbers
	}
	path := append(slices.Clone(left), right...)
	for _, pair := range [][2]int{{h.left[h.root()], h.right[h.root()]}, {h.right[h.root()], h.left[h.root()]}} {
		if slices.Contains(path, pair[0]) && !slices.Contains(path, pair[1]) {
			path = append(path, pair[1])
		}
	}
	return path
}
