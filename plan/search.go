package plan

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fdht/fdht/factor"
)

// option is one structure on its way through the search: a pairing, with ranks and, later, a price.
type option struct {
	pairing
	rank    float64 // mean rank, as a logarithm to base 2
	weights int64
	narrowness
	guess   float64 // estimated multiply-adds
	refused *refusal
	spec    factor.Spec
	cost    factor.Cost
	gates   bool
	padding int
	limits  []Limit
}

// effort is how many structures of d modes are priced exactly, and how many of the best of those are then tried with their modes
// in other orders: Cost takes 3^(2d) steps. Where the order of the modes is fixed, the estimate, which looks for the best order, is a worse
// guide, and more are priced.
func effort(d int, fixed bool) (priced, reordered int) {
	switch {
	case d == 1:
		priced = 1
	case d <= 4:
		priced, reordered = 200, 20
	case d == 5:
		priced, reordered = 100, 6
	case d == 6:
		priced, reordered = 30, 1
	case d == 7:
		priced = 8
	default:
		priced = 3
	}
	if fixed && d <= 6 {
		return 3 * priced, 0
	}
	return priced, reordered
}

// maxOrders bounds the other orders.
const maxOrders = 30

// search finds structures of d modes.
func (p *problem) search(d int, w want, log *omissions) []*option {
	outs, why := p.outModes(d)
	var ins []modeLists
	if why == "" {
		ins, why = p.inModes(d, outs)
	}
	if why != "" {
		log.add(d, "", why)
		return nil
	}
	kind := p.grower(d)
	var found []*option
	for _, source := range ins {
		priced, reordered := effort(d, source.fixed || outs.fixed)
		name := ""
		if source.aligned {
			name = ", aligned with the frame"
		}
		all := p.rough(kind, pairings(source, outs), w)
		fit := log.refusals(d, name, all)
		if w.fixed() {
			fit = log.heavy(d, name, fit)
		}
		slices.SortFunc(fit, likelier)
		if len(fit) > priced {
			log.add(d, name, fmt.Sprintf("%d pairings look worse than the %d that were priced exactly", len(fit)-priced, priced))
			fit = fit[:priced]
		}
		fit = p.price(kind, fit, w, log)
		slices.SortFunc(fit, better)
		more := p.price(kind, reorderings(kind, fit[:min(len(fit), reordered)]), w, log)
		found = append(found, append(fit, more...)...)
	}
	return found
}

// grower is what grows the ranks of the request's kind over d modes.
func (p *problem) grower(d int) grower {
	switch p.Kind {
	case factor.TT, factor.TR:
		return newTrainKind(p.Kind, d)
	case factor.BT:
		return newBlockKind(d)
	}
	if p.Tree.IsZero() {
		return newDimTree(factor.Balanced(d))
	}
	return newDimTree(p.Tree)
}

// rough gives every pairing its ranks and an estimate.
func (p *problem) rough(kind grower, pairs []pairing, w want) []*option {
	all := make([]*option, len(pairs))
	carried := kind.carried()
	parallel(len(pairs), func(i int) {
		o := &option{pairing: pairs[i]}
		f := kind.grow(o.in, o.out, w)
		if o.refused = f.fill(); o.refused == nil {
			f.raise()
			o.rank, o.weights = f.meanRank(), int64(f.weights())
			data := newContraction(o.pairing)
			o.guess = data.guess(f, carried)
			if o.free {
				o.pairing = o.reorder(data.order())
			}
			o.narrowness = p.narrow(f, o.in, o.out)
		}
		all[i] = o
	})
	return all
}

// price gives options their final ranks and exact costs. It drops those that are refused or too large to count.
func (p *problem) price(kind grower, options []*option, w want, log *omissions) []*option {
	errs := make([]error, len(options))
	parallel(len(options), func(i int) {
		o := options[i]
		f := kind.grow(o.in, o.out, w)
		if o.refused = f.fill(); o.refused == nil {
			f.raise()
			o.spec = f.spec(o.in, o.out)
			o.rank, o.weights = f.meanRank(), int64(f.weights())
			o.narrowness = p.narrow(f, o.in, o.out)
			o.cost, errs[i] = o.spec.Cost(p.Batch)
			o.gates = o.linesUpGates(p.gates)
			o.limits = f.limits()
			o.padding = o.spec.Cols() - p.cols
		}
	})
	var good []*option
	for i, o := range options {
		if errs[i] != nil {
			log.fail(errs[i])
		} else if o.refused == nil {
			good = append(good, o)
		}
	}
	return good
}

// reorderings lists the free options with their modes in all other orders.
func reorderings(kind grower, options []*option) []*option {
	var out []*option
	orders := kind.arrangedOn(maxOrders)
	for _, o := range options {
		if o.free {
			for _, order := range orders[1:] {
				out = append(out, &option{pairing: o.reorder(order)})
			}
		}
	}
	return out
}

// score is what the search maximises, rounded so that no machine's last bit decides.
func (o *option) score(mac float64) float64 {
	return math.Round((o.rank-o.loss-math.Log2(mac)/2)*1e6) / 1e6
}

// better orders options, the best first.
func better(a, b *option) int {
	return cmp.Or(
		trueFirst(a.aligned, b.aligned),
		cmp.Compare(b.score(float64(b.cost.MAC)), a.score(float64(a.cost.MAC))),
		trueFirst(a.gates, b.gates),
		cmp.Compare(a.padding, b.padding),
		cmp.Compare(a.weights, b.weights),
		cmp.Compare(a.cost.Peak, b.cost.Peak),
		slices.Compare(a.in, b.in),
		slices.Compare(a.out, b.out))
}

// likelier orders options as better does, by their estimates.
func likelier(a, b *option) int {
	return cmp.Or(
		cmp.Compare(b.score(b.guess), a.score(a.guess)),
		cmp.Compare(a.weights, b.weights),
		slices.Compare(a.in, b.in),
		slices.Compare(a.out, b.out))
}

// trueFirst orders true before false.
func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// parallel runs f(0) .. f(n-1) on all cores. Calls must not depend on each other.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
