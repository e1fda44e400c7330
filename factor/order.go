package factor

import (
	"fmt"
	"math/bits"
)

// purpose is what a contraction order is searched for.
type purpose int

const (
	forward  purpose = iota // y = W x
	gradient                // the gradients of all factors from x and dL/dy, by reverse mode over one order
)

// contraction is one pairwise step of an order. Operands are sets: bit 0 is the data (x), bit 1+f is factor f.
type contraction struct{ a, b uint32 }

// order is a sequence of pairwise contractions that ends with all operands in one, and what it costs.
type order struct {
	steps []contraction // children before parents; where one side holds the data, it is a
	mac   float64       // multiply-adds for the whole batch
	peak  float64       // elements of the largest intermediate or result
}

// searchOrder finds the pairwise order with the fewest multiply-adds by dynamic programming over sets of operands,
// exactly: every order in which each step contracts at least one label is considered. For the purpose gradient the cost of a step counts the
// forward product and the two products of its reverse, less what is not needed: the derivative of x, and the last
// forward product.
func searchOrder(net network, why purpose) order {
	operands := net.operandLegs()
	full := uint32(1)<<len(operands) - 1
	open := make([]legs, full+1)
	for s := uint32(1); s <= full; s++ {
		low := bits.TrailingZeros32(s)
		if rest := s & (s - 1); rest != 0 {
			// The batch label stands at x and at y alone, so it stays open by itself.
			open[s] = open[rest] ^ operands[low]
		} else {
			open[s] = operands[low]
		}
	}
	best := make([]float64, full+1) // multiply-adds; negative: cannot be reached
	from := make([]uint32, full+1)  // the side that is contracted with the rest
	var connected []uint32          // sets of factors alone that can be reached
	for s := uint32(1); s <= full; s++ {
		best[s] = -1
		if s&(s-1) == 0 {
			best[s] = 0
			if s != 1 {
				connected = append(connected, s)
			}
			continue
		}
		for _, b := range connected {
			a := s &^ b
			if b&^s != 0 || a == 0 || best[a] < 0 || open[a]&open[b] == 0 {
				continue
			}
			total := best[a] + best[b] + net.size(open[a]|open[b])*weight(why, a, s, full)
			if best[s] < 0 || total < best[s] {
				best[s], from[s] = total, b
			}
		}
		if best[s] >= 0 && s&1 == 0 {
			connected = append(connected, s)
		}
	}
	if best[full] < 0 {
		panic(fmt.Sprintf("factor: network %+v is not connected", net))
	}
	o := order{mac: best[full]}
	var emit func(s uint32)
	emit = func(s uint32) {
		if s&(s-1) == 0 {
			return
		}
		b := from[s]
		a := s &^ b
		emit(a)
		emit(b)
		o.steps = append(o.steps, contraction{a, b})
		o.peak = max(o.peak, net.size(open[s]))
	}
	emit(full)
	return o
}

// weight is how many products of a step's size are done: a, one side of the step, holds the data if any does; s is its result.
func weight(why purpose, a, s, full uint32) float64 {
	if why == forward {
		return 1
	}
	w := 3.0
	if a == 1 {
		w-- // x itself wants no derivative here
	}
	if s == full {
		w-- // y is not needed again
	}
	return w
}

// Cost is what one application of a matrix costs.
type Cost struct {
	MAC  int64 // multiply-adds for the whole batch, in the best order
	Peak int64 // elements of the largest intermediate or result
}

// Cost counts the multiply-adds and the largest intermediate of y = W x for a batch of rows, in the order that the
// planner chooses. A dense matrix costs batch M N.
func (s Spec) Cost(batch int) (Cost, error) {
	return s.cost(0, s.Cols(), batch, forward)
}

// WindowCost is Cost for the columns lo..hi-1 alone, which are applied as the smallest box of mode indices around them.
func (s Spec) WindowCost(lo, hi, batch int) (Cost, error) {
	if lo < 0 || hi > s.Cols() || lo >= hi {
		return Cost{}, fmt.Errorf("columns %d..%d: a window of a matrix of %d columns is not empty and lies within it", lo, hi, s.Cols())
	}
	return s.cost(lo, hi, batch, forward)
}

// GradientCost counts the multiply-adds of the gradients of all factors, given x and dL/dy, intermediates recomputed.
func (s Spec) GradientCost(batch int) (Cost, error) {
	return s.cost(0, s.Cols(), batch, gradient)
}

func (s Spec) cost(lo, hi, batch int, why purpose) (Cost, error) {
	if err := s.Validate(); err != nil {
		return Cost{}, err
	}
	if batch < 1 {
		return Cost{}, fmt.Errorf("batch %d: the least is 1", batch)
	}
	box, _, _ := boxOf(s.In, lo, hi)
	nets := networks(s, box, batch)
	o := searchOrder(nets[0], why)
	mac := o.mac * float64(len(nets)) // they all have the same shape
	if mac > 1<<62 {
		return Cost{}, fmt.Errorf("%v x %v at batch %d needs %.3g multiply-adds, more than can be counted", s.Out, s.In, batch, mac)
	}
	return Cost{int64(mac), int64(o.peak)}, nil
}
