package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fdht/fdht/factor"
)

// Candidate is a structure and what it costs. A streamed frame takes InputMAC + HiddenMAC multiply-adds, because the input half and
// the hidden half of W are applied apart, each over the smallest box of mode indices around its columns.
//
// With scope partial Spec is the input half alone; all numbers are of both halves.
type Candidate struct {
	Spec            factor.Spec `json:"spec"`
	Weights         int64       `json:"weights"`          // recurrent weights
	Biases          int64       `json:"biases"`           // 4H, 6H or H: lstm, gru, rnn
	DenseWeights    int64       `json:"dense_weights"`    // M (I + H), of the dense cell
	Ratio           float64     `json:"ratio"`            // DenseWeights / Weights
	MAC             int64       `json:"mac"`              // multiply-adds of y = W v for a batch of rows of N columns
	Peak            int64       `json:"peak"`             // elements of the largest intermediate of that
	InputMAC        int64       `json:"input_mac"`        // multiply-adds of columns 0..I-1 alone, one row
	HiddenMAC       int64       `json:"hidden_mac"`       // multiply-adds of columns I..I+H-1 alone, one row
	PredictedMillis float64     `json:"predicted_millis"` // one streamed frame on one core, by a simple model
	Padding         int         `json:"padding"`          // surplus columns
	Aligned         bool        `json:"aligned"`          // the input modes line up with the frame
	Front           bool        `json:"front"`            // no other candidate has fewer weights and fewer multiply-adds, or as many of one
	Limits          []Limit     `json:"limits"`           // every rank beside the largest possible in its place
	Why             string      `json:"why"`              // remarks, joined by "; "
}

// Plan is what Propose answers.
type Plan struct {
	Candidates []Candidate `json:"candidates"` // the best first
	Omitted    []Omitted   `json:"omitted"`
}

// Propose looks for structures. It returns an error, and no plan, for a request that contradicts itself or that nothing satisfies.
func Propose(r Request) (Plan, error) {
	found, err := r.find()
	if err != nil {
		return Plan{}, err
	}
	return found.plan()
}

// found is what the search for one kind ends with, the best first.
type found struct {
	problem
	options []*option
	omitted []Omitted
}

func (r Request) find() (found, error) {
	p, err := r.check()
	if err != nil {
		return found{}, err
	}
	if p.Kind == factor.Dense {
		o, err := p.dense()
		return found{p, []*option{o}, nil}, err
	}
	w := p.want()
	options, log := p.searchAll(w)
	if len(options) == 0 && w.budget > 0 && p.Budget == 0 {
		// The budget is only the default: better a large structure than none.
		w.budget = 0
		options, log = p.searchAll(w)
		log.list = append(log.list, Omitted{fmt.Sprintf("structures of at most %d weights", defaultBudget), "there are none; no budget was set, so larger ones are shown"})
	}
	if len(options) == 0 {
		return found{}, log.failure(&p)
	}
	return found{p, options, log.list}, nil
}

// plan completes the options.
func (f found) plan() (Plan, error) {
	plan := Plan{Omitted: append([]Omitted{}, f.omitted...)} // a list in JSON, never null
	for _, o := range f.options {
		c, err := f.candidate(o)
		if err != nil {
			return Plan{}, err
		}
		plan.Candidates = append(plan.Candidates, c)
	}
	markFront(plan.Candidates)
	return plan, nil
}

// markFront marks the candidates that none of the others is as good as in both weights and multiply-adds and better in one.
func markFront(all []Candidate) {
	for i := range all {
		c := &all[i]
		c.Front = !slices.ContainsFunc(all, func(o Candidate) bool {
			return o.Weights <= c.Weights && o.MAC <= c.MAC && (o.Weights < c.Weights || o.MAC < c.MAC)
		})
	}
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
	w := want{leaf: p.Leaf, inner: p.Inner, blocks: p.Blocks, budget: p.Budget}
	if w.budget > 0 {
		w.budget -= p.apart
	}
	switch p.Kind {
	case factor.TT, factor.TR:
		w.inner = w.leaf
	case factor.BT:
		w.inner = 0
		if w.blocks > 0 {
			w.inner = w.leaf
		}
	}
	switch {
	case w.fixed():
	case w.budget > 0:
		w.spend = true
	case w.leaf > 0 || w.inner > 0:
		w.target = max(w.leaf, w.inner)
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
	_, biases, _, err := p.cell().Count()
	if err != nil {
		return Candidate{}, err
	}
	c := Candidate{
		Spec: o.spec.Clone().WithScope(p.Scope), Weights: o.weights + p.apart, Biases: biases, DenseWeights: int64(p.rows) * int64(p.Input+p.Hidden),
		MAC: o.cost.MAC + int64(p.Batch)*p.apart, Peak: o.cost.Peak, Padding: o.padding, Aligned: o.aligned, Limits: append([]Limit{}, o.limits...),
	}
	c.Ratio = float64(c.DenseWeights) / float64(c.Weights)
	input, err := c.Spec.WindowCost(0, p.Input, 1)
	if err != nil {
		return Candidate{}, err
	}
	c.InputMAC, c.HiddenMAC = input.MAC, p.apart
	if p.apart == 0 {
		hidden, err := c.Spec.WindowCost(p.Input, p.cols, 1)
		if err != nil {
			return Candidate{}, err
		}
		c.HiddenMAC = hidden.MAC
	}
	c.PredictedMillis = p.predictMillis(c.InputMAC+c.HiddenMAC, c.Weights)
	var why []string
	if o.aligned {
		why = append(why, "aligned with the frame: "+alignment(p.Frame, o.in, p.extra()))
	}
	if o.padding > 0 {
		why = append(why, fmt.Sprintf("padded by %d columns (%.1f %%)", o.padding, 100*float64(o.padding)/float64(p.cols)))
	} else {
		why = append(why, "no padding")
	}
	if n := min(p.rows, p.cols); o.whole < float64(n) {
		why = append(why, fmt.Sprintf("%s has rank %.0f at most, of %d", p.matrix(), o.whole, n))
	}
	if o.hidden < float64(p.Hidden) {
		why = append(why, fmt.Sprintf("its hidden half has rank %.0f at most, of %d", o.hidden, p.Hidden))
	}
	if !o.gates {
		why = append(why, "output modes cut across the gate blocks")
	}
	if p.apart > 0 {
		why = append(why, fmt.Sprintf("%d of the weights are the dense hidden half", p.apart))
	}
	if full := atLimit(o.limits); len(full) > 0 {
		why = append(why, "as large as it can be: "+strings.Join(full, ", "))
	}
	c.Why = strings.Join(why, "; ")
	return c, nil
}

// atLimit names the ranks that cannot be raised.
func atLimit(limits []Limit) []string {
	var out []string
	for _, l := range limits {
		if l.Rank == l.Most {
			out = append(out, fmt.Sprintf("rank %d at %s", l.Rank, l.Where))
		}
	}
	return out
}

// matrix is the name of what the structure describes.
func (p *problem) matrix() string {
	if p.Scope == factor.Partial {
		return "the input half"
	}
	return "W"
}

// dense is the unstructured matrix: there is one.
func (p *problem) dense() (*option, error) {
	n := p.cols
	if p.In != nil {
		n = p.In[0]
	}
	s := factor.DenseSpec(p.rows, n)
	cost, err := s.Cost(p.Batch)
	if err != nil {
		return nil, err
	}
	weights, err := s.Params()
	if err != nil {
		return nil, err
	}
	if all := weights + p.apart; p.Budget > 0 && all > p.Budget {
		return nil, fmt.Errorf("no structure fits a budget of %d weights: a dense matrix of %d x %d has %d; raise the budget or choose kind ht",
			p.Budget, p.rows, n+int(p.apart)/p.rows, all)
	}
	return &option{pairing: pairing{in: s.In, out: s.Out}, spec: s, cost: cost, weights: weights, padding: n - p.cols, gates: true,
		narrowness: narrowness{math.Inf(1), math.Inf(1), 0}}, nil
}
