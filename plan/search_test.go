package plan

import (
	"math"
	"slices"
	"testing"

	"github.com/fdht/fdht/factor"
)

// sources are the pairings of d modes for r with their estimates, source by source, without those that are refused.
func sources(t *testing.T, r Request, d int) (p problem, kind grower, all [][]*option) {
	t.Helper()
	p, err := r.check()
	if err != nil {
		t.Fatal(err)
	}
	outs, why := p.outModes(d)
	if why != "" {
		t.Fatal(why)
	}
	ins, why := p.inModes(d, outs)
	if why != "" {
		t.Fatal(why)
	}
	kind = p.grower(d)
	for _, s := range ins {
		log := &omissions{}
		fit := log.refusals(d, "", p.rough(kind, pairings(s, outs), p.want()))
		if p.want().fixed() {
			fit = log.heavy(d, "", fit)
		}
		all = append(all, fit)
	}
	return p, kind, all
}

// TestGuess holds the estimate to what factor counts. With one rank throughout that of a train or ring is all but exact; that of blocks
// leaves out the core.
func TestGuess(t *testing.T) {
	for _, c := range []struct {
		kind  factor.Kind
		most  int // modes
		least float64
	}{{factor.TT, 5, 0.999}, {factor.TR, 5, 0.999}, {factor.BT, 4, 0.85}} {
		for d := 2; d <= c.most; d++ {
			r := Request{Kind: c.kind, Input: 5000, Hidden: 96, Leaf: 2}
			if c.kind == factor.BT {
				r.Blocks = 3
			}
			p, kind, all := sources(t, r, d)
			for _, options := range all {
				for _, o := range p.price(kind, options[:min(len(options), 50)], p.want(), &omissions{}) {
					if x := o.guess / float64(o.cost.MAC); x < c.least || x > 1.02 {
						t.Fatalf("%s, %s: %.0f multiply-adds estimated, they are %d", c.kind, o.name(), o.guess, o.cost.MAC)
					}
				}
			}
		}
	}
}

// TestSearchIsNearTheBest prices every pairing in every order: the best that the search finds is the best there is, or nearly.
func TestSearchIsNearTheBest(t *testing.T) {
	for _, r := range []Request{
		{Input: 3072, Hidden: 64, Budget: 3000},
		{Input: 57600, Hidden: 256, Budget: 8808},
		{Input: 784, Hidden: 60, Leaf: 3},
	} {
		for _, kind := range []factor.Kind{factor.HT, factor.TT, factor.TR, factor.BT} {
			r.Kind, r.Inner, r.Blocks = kind, 0, 0
			switch {
			case kind == factor.HT:
				r.Inner = r.Leaf
			case kind == factor.BT && r.Leaf > 0:
				r.Blocks = 2
			}
			const d = 3
			p, g, all := sources(t, r, d)
			score := func(o *option) float64 { return o.score(float64(o.cost.MAC)) }
			best := math.Inf(-1)
			for _, options := range all {
				var orders []*option
				for _, o := range options {
					for _, order := range g.arrangedOn(maxOrders) {
						orders = append(orders, &option{pairing: o.reorder(order)})
					}
				}
				for _, o := range p.price(g, orders, p.want(), &omissions{}) {
					best = max(best, score(o))
				}
			}
			found := score(slices.MinFunc(p.search(d, p.want(), &omissions{}), better))
			if found < best-0.02 || found > best+1e-9 {
				t.Errorf("%+v: the best of all scores %.3f, that found %.3f", r, best, found)
			}
		}
	}
}
