package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Omitted says what a plan leaves out, and why.
type Omitted struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// omissions gathers what is left out, and what an error needs to name when nothing remains.
type omissions struct {
	list     []Omitted
	smallest *option // of those over the budget, the one with the fewest weights
	widest   *option // of those with too large a rank, the one that allows most at its node
	err      error   // the first structure that could not be counted
}

func (l *omissions) add(d int, source, why string) {
	l.list = append(l.list, Omitted{fmt.Sprintf("%d modes%s", d, source), why})
}

func (l *omissions) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// refusals notes the refused ones of all and returns the others.
func (l *omissions) refusals(d int, source string, all []*option) []*option {
	var fit []*option
	var over, wide *option
	overs, wides := 0, 0
	for _, o := range all {
		switch {
		case o.refused == nil:
			fit = append(fit, o)
		case o.refused.bound > 0:
			if wides++; wide == nil || o.refused.bound > wide.refused.bound {
				wide = o
			}
		default:
			if overs++; over == nil || o.refused.least < over.refused.least {
				over = o
			}
		}
	}
	if overs > 0 {
		l.add(d, source, fmt.Sprintf("%d of %d pairings are over the budget of %d weights: the smallest of them needs %.0f",
			overs, len(all), over.refused.limit, over.refused.least))
		if l.smallest == nil || over.refused.least < l.smallest.refused.least {
			l.smallest = over
		}
	}
	if wides > 0 {
		l.add(d, source, fmt.Sprintf("in %d of %d pairings a rank is too large, such as %v", wides, len(all), wide.tooLarge()))
		if l.widest == nil || wide.refused.bound > l.widest.refused.bound {
			l.widest = wide
		}
	}
	return fit
}

// heavy drops the options with more than twice the weights of the lightest, and notes that.
func (l *omissions) heavy(d int, source string, all []*option) []*option {
	fit := light(all)
	if n := len(all) - len(fit); n > 0 {
		l.add(d, source, fmt.Sprintf("%d of %d pairings have more than twice the weights of the lightest", n, len(all)))
	}
	return fit
}

// light is the options with at most twice the weights of the lightest.
func light(all []*option) []*option {
	if len(all) == 0 {
		return nil
	}
	least := all[0].weights
	for _, o := range all {
		least = min(least, o.weights)
	}
	return slices.DeleteFunc(slices.Clone(all), func(o *option) bool { return o.weights > 2*least })
}

// failure is the error when nothing remains.
func (l *omissions) failure(p *problem) error {
	switch {
	case l.smallest != nil:
		advice := []string{"raise the budget"}
		if p.Leaf > 0 || p.Inner > 0 {
			advice = append(advice, "lower the ranks")
		}
		if p.apart > 0 {
			advice = append(advice, "choose scope full")
		}
		last := len(advice) - 1
		what := advice[last]
		if last > 0 {
			what = strings.Join(advice[:last], ", ") + " or " + what
		}
		has := fmt.Sprintf("has %.0f", l.smallest.refused.least)
		if p.apart > 0 {
			has = fmt.Sprintf("has %.0f beside the %d of the dense hidden half", l.smallest.refused.least, p.apart)
		}
		return fmt.Errorf("no structure fits a budget of %d weights: the smallest possible, %s, %s; %s", p.Budget, l.smallest.name(), has, what)
	case l.widest != nil:
		return l.widest.tooLarge()
	case l.err != nil:
		return l.err
	}
	return fmt.Errorf("no input modes for %s: give them, or other numbers of modes", p.columns())
}

func (p pairing) name() string {
	return fmt.Sprintf("input modes %v with output modes %v", p.in, p.out)
}

// tooLarge says which rank is refused, and what is allowed.
func (o *option) tooLarge() error {
	r := o.refused
	return fmt.Errorf("rank %d at %s is too large for %s: the largest allowed there is %d", r.rank, r.where, o.name(), r.bound)
}
