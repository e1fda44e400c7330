package compress

import "slices"

// refine moves weights from node to node as long as that lowers the error: one move is taken back and another made as often as
// fits. It looks at most trials times at the error.
func (p *purse) refine(ranks []int, best float64, trials int) ([]int, error) {
	used := 0
	for improved := true; improved; {
		improved = false
		for _, back := range p.moves {
			for _, forth := range p.moves {
				trial := slices.Clone(ranks)
				if !p.step(trial, back, -1) || !p.step(trial, forth, 1) {
					continue
				}
				for p.step(trial, forth, 1) {
				}
				if p.grow(trial); slices.Equal(trial, ranks) {
					continue
				}
				if used++; used > trials {
					return ranks, nil
				}
				e, err := p.loss(trial)
				if err != nil {
					return nil, err
				}
				if e < best*(1-1e-9) {
					ranks, best, improved = trial, e, true
				}
			}
		}
	}
	return ranks, nil
}

// step makes a move, forwards or backwards, if its end is valid and fits the budget.
func (p *purse) step(ranks, move []int, by int) bool {
	trial := slices.Clone(ranks)
	for _, n := range move {
		trial[n] += by
		if trial[n] < 1 || trial[n] > p.most[n] {
			return false
		}
	}
	if p.weights(trial) > p.budget && by > 0 || !p.valid(trial) {
		return false
	}
	copy(ranks, trial)
	return true
}
