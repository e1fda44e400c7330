package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fdht/fdht/factor"
)

// Candidate is a structure and what it costs. A streamed frame takes InputMAC + HiddenMAC multiply-adds, because the input half and
// the hidden half of W are applied apart, each over the smallest box of mode indices around its columns. Both numbers are exact
// unless a box leaves a leaf fewer entries than its rank; then they are upper bounds.
type Candidate struct {
	Spec            factor.Spec `json:"spec"`
	Weights         int64       `json:"weights"`          // recurrent weights
	Biases          int64       `json:"biases"`           // 4H
	DenseWeights    int64       `json:"dense_weights"`    // 4H (I + H), of the dense cell
	Ratio           float64     `json:"ratio"`            // DenseWeights / Weights
	MAC             int64       `json:"mac"`              // multiply-adds of y = W v for a batch of rows of N columns
	Peak            int64       `json:"peak"`             // elements of the largest intermediate of that
	InputMAC        int64       `json:"input_mac"`        // multiply-adds of columns 0..I-1 alone, one row
	HiddenMAC       int64       `json:"hidden_mac"`       // multiply-adds of columns I..I+H-1 alone, one row
	PredictedMillis float64     `json:"predicted_millis"` // one streamed frame on one core, by a simple model
	Padding         int         `json:"padding"`          // N - I - H, surplus columns
	Aligned         bool        `json:"aligned"`          // the input modes line up with the frame
	Why             string      `json:"why"`              // remarks, joined by "; "
}

// Plan is what Propose answers.
type Plan struct {
	Candidates []Candidate `json:"candidates"` // the best first
	Omitted    []Omitted   `json:"omitted"`
}

// Propose looks for structures. It returns an error, and no plan, for a request that contradicts itself or that nothing satisfies.
func Propose(r Request) (Plan, error) {
	p, err := r.check()
	if err != nil {
		return Plan{}, err
	}
	if p.Kind == factor.Dense {
		return p.dense()
	}
	// Another kind of structure takes its place here: the modes and pairings are the same for all.
	w := p.want()
	found, log := p.searchAll(w)
	if len(found) == 0 && w.budget > 0 && p.Budget == 0 {
		// The budget is only the default: better a large structure than none.
		w.budget = 0
		found, log = p.searchAll(w)
		log.list = append(log.list, Omitted{fmt.Sprintf("structures of at most %d weights", defaultBudget), "there are none; no budget was set, so larger ones are shown"})
	}
	if len(found) == 0 {
		return Plan{}, log.failure(&p)
	}
	plan := Plan{Omitted: log.list}
	for _, o := range found {
		c, err := p.candidate(o)
		if err != nil {
			return Plan{}, err
		}
		plan.Candidates = append(plan.Candidates, c)
	}
	return plan, nil
}

// Default is the structure for a request that names no modes: the best that Propose finds with an HT matrix, the frame
// (zero: none) and the budget (0: ranks of 8 and at most 8,808 weights, where possible).
func Default(input, hidden int, frame Frame, budget int64) (factor.Spec, error) {
	plan, err := Propose(Request{Input: input, Hidden: hidden, Frame: frame, Budget: budget, Limit: 1})
	if err != nil {
		return factor.Spec{}, err
	}
	return plan.Candidates[0].Spec, nil
}

// want is what ranks the request asks for.
func (p *problem) want() want {
	w := want{leaf: p.Leaf, inner: p.Inner, budget: p.Budget}
	switch {
	case w.fixed():
	case w.budget > 0:
		w.spend = true
	case p.Leaf > 0 || p.Inner > 0:
		w.target = max(p.Leaf, p.Inner)
	default:
		w.target, w.budget = defaultRank, defaultBudget
	}
	return w
}

// searchAll searches all numbers of modes and keeps the best, in order.
func (p *problem) searchAll(w want) ([]*option, *omissions) {
	log := &omissions{}
	var found []*option
	for _, d := range p.orders {
		found = append(found, p.search(d, w, log)...)
	}
	if w.fixed() {
		var kept []*option
		for _, aligned := range []bool{true, false} {
			tier := slices.DeleteFunc(slices.Clone(found), func(o *option) bool { return o.aligned != aligned })
			kept = append(kept, light(tier)...)
		}
		if n := len(found) - len(kept); n > 0 {
			log.list = append(log.list, Omitted{fmt.Sprintf("%d structures", n), "they have more than twice the weights of the lightest"})
		}
		found = kept
	}
	slices.SortFunc(found, better)
	kept := unbeaten(found, w)
	if n := len(found) - len(kept); n > 0 {
		log.list = append(log.list, Omitted{fmt.Sprintf("%d structures", n), "others with as many modes are as good or better in every respect"})
	}
	if n := len(kept) - p.Limit; n > 0 {
		log.list = append(log.list, Omitted{fmt.Sprintf("%d structures", n), fmt.Sprintf("more than %d were not asked for", p.Limit)})
		kept = kept[:p.Limit]
	}
	return kept, log
}

// unbeaten keeps, of options in order of preference, those that none before it with the same number of modes and the same alignment
// matches in everything that the score is made of (multiply-adds, rank, narrowness) and, where ranks are fixed, in weights.
func unbeaten(options []*option, w want) []*option {
	var kept []*option
	for _, o := range options {
		beaten := slices.ContainsFunc(kept, func(k *option) bool {
			return len(k.in) == len(o.in) && k.aligned == o.aligned && k.cost.MAC <= o.cost.MAC && k.loss <= o.loss && k.rank >= o.rank &&
				(!w.fixed() || k.weights <= o.weights)
		})
		if !beaten {
			kept = append(kept, o)
		}
	}
	return kept
}

// candidate completes an option.
func (p *problem) candidate(o *option) (Candidate, error) {
	c := Candidate{
		Spec: o.spec.Clone(), Weights: o.weights, Biases: int64(p.rows), DenseWeights: int64(p.rows) * int64(p.cols),
		MAC: o.cost.MAC, Peak: o.cost.Peak, Padding: o.padding, Aligned: o.aligned,
	}
	c.Ratio = float64(c.DenseWeights) / float64(c.Weights)
	var err error
	if c.InputMAC, err = windowCost(c.Spec, 0, p.Input); err != nil {
		return Candidate{}, err
	}
	if c.HiddenMAC, err = windowCost(c.Spec, p.Input, p.cols); err != nil {
		return Candidate{}, err
	}
	c.PredictedMillis = p.predictMillis(c.InputMAC+c.HiddenMAC, c.Weights)
	var why []string
	if o.aligned {
		why = append(why, "aligned with the frame: "+alignment(p.Frame, o.in))
	}
	if o.padding > 0 {
		why = append(why, fmt.Sprintf("padded by %d columns (%.1f %%)", o.padding, 100*float64(o.padding)/float64(p.cols)))
	} else {
		why = append(why, "no padding")
	}
	if n := min(p.rows, p.cols); o.whole < float64(n) {
		why = append(why, fmt.Sprintf("W has rank %.0f at most, of %d", o.whole, n))
	}
	if o.hidden < float64(p.Hidden) {
		why = append(why, fmt.Sprintf("its hidden half has rank %.0f at most, of %d", o.hidden, p.Hidden))
	}
	if !o.gates {
		why = append(why, "output modes cut across the gate blocks")
	}
	c.Why = strings.Join(why, "; ")
	return c, nil
}

// dense is the plan for an unstructured matrix: there is one.
func (p *problem) dense() (Plan, error) {
	n := p.cols
	if p.In != nil {
		n = p.In[0]
	}
	s := factor.DenseSpec(p.rows, n)
	cost, err := s.Cost(p.Batch)
	if err != nil {
		return Plan{}, err
	}
	weights, err := s.Params()
	if err != nil {
		return Plan{}, err
	}
	if p.Budget > 0 && weights > p.Budget {
		return Plan{}, fmt.Errorf("no structure fits a budget of %d weights: a dense matrix of %d x %d has %d; raise the budget or choose kind ht",
			p.Budget, p.rows, n, weights)
	}
	c, err := p.candidate(&option{pairing: pairing{in: s.In, out: s.Out}, spec: s, cost: cost, weights: weights, padding: n - p.cols, gates: true,
		narrowness: narrowness{math.Inf(1), math.Inf(1), 0}})
	if err != nil {
		return Plan{}, err
	}
	return Plan{Candidates: []Candidate{c}}, nil
}
