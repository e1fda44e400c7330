package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// What a request that names neither ranks nor a budget gets: ranks of 8, and no more weights than the largest network of
// the paper, where that is possible.
const (
	defaultRank   = 8
	defaultBudget = 8808
	defaultLimit  = 10
)

// Frame is the geometry of an input row: Height x Width x Channels numbers, channels fastest. The zero Frame means none.
type Frame struct{ Height, Width, Channels int }

// IsZero reports whether there is no frame.
func (f Frame) IsZero() bool { return f == Frame{} }

// String is "120x160x3".
func (f Frame) String() string { return fmt.Sprintf("%dx%dx%d", f.Height, f.Width, f.Channels) }

// Request says what is wanted. What is set is kept; what is zero is chosen.
type Request struct {
	Cell   string      // lstm, gru or rnn; "" means lstm
	Input  int         // I, numbers in one step
	Hidden int         // H, hidden units
	Kind   factor.Kind // ht, tt, tr, bt or dense; "" means ht

	// Scope is full or partial; "" means full. Partial: the structure is that of the input half, N >= I, and the hidden half is a
	// dense matrix [M, H], which is counted with it.
	Scope factor.Scope

	Budget int64       // the most recurrent weights; 0: no bound
	In     []int       // n_k, or nil
	Out    []int       // m_k, or nil
	Tree   factor.Tree // zero: balanced
	Leaf   int         // rank of every leaf of a tree, every bond of a train or ring, every block; 0: chosen
	Inner  int         // rank of every inner node below the root; 0: chosen. HT alone has such
	Blocks int         // BT: number of blocks; 0: chosen
	Frame  Frame       // of the input; zero: none
	Batch  int         // rows that MAC and Peak are counted for; 0: 1
	Modes  int         // d; 0: the length of In, Out or Tree, or else 2 to 5
	Limit  int         // the most candidates; 0: 10
}

// problem is a checked Request with its defaults filled in.
type problem struct {
	Request
	gates      int   // blocks of H rows
	rows, cols int   // M, and the columns needed: I + H, or I with scope partial
	apart      int64 // weights of the dense hidden half of scope partial
	orders     []int // the numbers of modes d to try
}

// check reports what is wrong with r.
func (r Request) check() (problem, error) {
	if r.Cell == "" {
		r.Cell = "lstm"
	}
	if r.Kind == "" {
		r.Kind = factor.HT
	}
	if r.Scope == "" {
		r.Scope = factor.Full
	}
	gates := rnn.Config{Cell: r.Cell}.Gates()
	switch {
	case gates == 0:
		return problem{}, fmt.Errorf("unknown cell %q: choose lstm, gru or rnn", r.Cell)
	case !slices.Contains(factor.Kinds, r.Kind):
		return problem{}, fmt.Errorf("unknown kind %q: choose ht, tt, tr, bt or dense", r.Kind)
	case r.Scope != factor.Full && r.Scope != factor.Partial:
		return problem{}, fmt.Errorf("unknown scope %q: choose full or partial", r.Scope)
	case r.Input < 1 || r.Hidden < 1:
		return problem{}, fmt.Errorf("input %d, hidden %d: each is at least 1", r.Input, r.Hidden)
	case r.Hidden > math.MaxInt32/8 || r.Input > math.MaxInt32-r.Hidden:
		return problem{}, fmt.Errorf("input %d, hidden %d: %d x hidden and input + hidden are at most %d", r.Input, r.Hidden, gates, math.MaxInt32)
	case r.Budget < 0 || r.Leaf < 0 || r.Inner < 0 || r.Blocks < 0 || r.Batch < 0 || r.Modes < 0 || r.Limit < 0:
		return problem{}, fmt.Errorf("budget %d, leaf rank %d, inner rank %d, blocks %d, batch %d, modes %d, limit %d: none is negative, leave out what is to be chosen",
			r.Budget, r.Leaf, r.Inner, r.Blocks, r.Batch, r.Modes, r.Limit)
	case r.Kind != factor.BT && r.Blocks > 0:
		return problem{}, fmt.Errorf("%d blocks with kind %s: only bt has blocks", r.Blocks, r.Kind)
	case r.Blocks > factor.MaxBlocks:
		return problem{}, fmt.Errorf("%d blocks: the most is %d", r.Blocks, factor.MaxBlocks)
	case r.Kind != factor.HT && r.Inner > 0:
		return problem{}, fmt.Errorf("inner rank %d with kind %s: only ht has inner nodes", r.Inner, r.Kind)
	case r.Kind != factor.HT && !r.Tree.IsZero():
		return problem{}, fmt.Errorf("tree %v with kind %s: only ht has a tree", r.Tree, r.Kind)
	}
	if r.Batch == 0 {
		r.Batch = 1
	}
	if r.Limit == 0 {
		r.Limit = defaultLimit
	}
	p := problem{Request: r, gates: gates, rows: gates * r.Hidden, cols: r.Input + r.Hidden}
	if r.Scope == factor.Partial {
		p.cols, p.apart = r.Input, int64(p.rows)*int64(r.Hidden)
		if p.Budget > 0 && p.Budget <= p.apart {
			return problem{}, fmt.Errorf("a budget of %d weights cannot hold the dense hidden half of scope partial: %d x %d has %d; raise the budget or choose scope full",
				p.Budget, p.rows, r.Hidden, p.apart)
		}
	}
	if err := p.checkFrame(); err != nil {
		return problem{}, err
	}
	if err := p.checkModes(); err != nil {
		return problem{}, err
	}
	return p, p.chooseOrders()
}

// cell is the network of one dense cell, which has the biases of any structure.
func (r Request) cell() rnn.Config {
	c := rnn.Config{Cell: r.Cell, Input: r.Input, Hidden: r.Hidden, Layers: 1}
	c.Structure = factor.DenseSpec(c.Gates()*r.Hidden, r.Input+r.Hidden)
	return c
}

// extra is how many columns of W follow those of the input.
func (p *problem) extra() int { return p.cols - p.Input }

// columns says what the columns of W stand for.
func (p *problem) columns() string {
	if p.Scope == factor.Partial {
		return fmt.Sprintf("%d inputs", p.Input)
	}
	return fmt.Sprintf("%d inputs + %d hidden units", p.Input, p.Hidden)
}

func (p *problem) checkFrame() error {
	f := p.Frame
	if f.IsZero() {
		return nil
	}
	if f.Height < 1 || f.Width < 1 || f.Channels < 1 {
		return fmt.Errorf("frame %v: height, width and channels are each at least 1", f)
	}
	if n, ok := multiply([]int{f.Height, f.Width, f.Channels}); !ok || n != p.Input {
		return fmt.Errorf("frame %v holds %.0f numbers, the input has %d: make them agree",
			f, float64(f.Height)*float64(f.Width)*float64(f.Channels), p.Input)
	}
	return nil
}

// checkModes holds the fixed modes to the sizes they must have.
func (p *problem) checkModes() error {
	for _, list := range []struct {
		name  string
		modes []int
	}{{"input", p.In}, {"output", p.Out}} {
		for _, n := range list.modes {
			if n < 1 {
				return fmt.Errorf("mode %d in %s modes %v: every mode is at least 1", n, list.name, list.modes)
			}
		}
	}
	if p.Out != nil {
		if m, ok := multiply(p.Out); !ok || m != p.rows {
			return fmt.Errorf("output modes %v multiply to %s: %d hidden units with cell %s need exactly %d x %d = %d",
				p.Out, productText(p.Out), p.Hidden, p.Cell, p.gates, p.Hidden, p.rows)
		}
	}
	if p.In != nil {
		n, ok := multiply(p.In)
		if !ok {
			return fmt.Errorf("input modes %v multiply to %s: the most is %d", p.In, productText(p.In), math.MaxInt32)
		}
		if n < p.cols {
			return fmt.Errorf("input modes %v multiply to %d: %s need at least %d", p.In, n, p.columns(), p.cols)
		}
	}
	return nil
}

// chooseOrders fills in the numbers of modes to try.
func (p *problem) chooseOrders() error {
	d, by := 0, ""
	for _, given := range []struct {
		n    int
		name string
	}{{p.Modes, "modes"}, {len(p.In), "input modes"}, {len(p.Out), "output modes"}, {p.Tree.Order(), "leaves of the tree"}} {
		switch {
		case given.n == 0 || given.name == "leaves of the tree" && p.Tree.IsZero():
		case d == 0:
			d, by = given.n, given.name
		case d != given.n:
			return fmt.Errorf("%d %s and %d %s: give as many of one as of the other", d, by, given.n, given.name)
		}
	}
	if d > factor.MaxModes {
		return fmt.Errorf("%d modes: the most is %d", d, factor.MaxModes)
	}
	if p.Kind == factor.Dense {
		if d > 1 || p.Leaf > 0 {
			return fmt.Errorf("kind dense takes one input mode, one output mode and no ranks: leave out modes and ranks, or choose ht")
		}
		d = 1
	}
	if d > 0 {
		p.orders = []int{d}
	} else {
		p.orders = []int{2, 3, 4, 5}
	}
	return nil
}

// multiply is the product of v, and whether it is at most 2^31-1.
func multiply(v []int) (int, bool) {
	n := 1
	for _, f := range v {
		if f > math.MaxInt32/n {
			return 0, false
		}
		n *= f
	}
	return n, true
}

func productText(v []int) string {
	if n, ok := multiply(v); ok {
		return fmt.Sprint(n)
	}
	n := 1.0
	for _, f := range v {
		n *= float64(f)
	}
	return fmt.Sprintf("%.4g", n)
}
