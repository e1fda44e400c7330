package cli

import "github.com/fdht/fdht/factor"

// budgets are the weights that each matrix may have; 0: no bound.
type budgets struct{ first, upper, recurrent int64 }

// share divides --budget among the matrices of the network. The layers above the first have far fewer columns: half of it is
// theirs together. A hidden half with a structure of its own gets a quarter of its layer.
func (f *modelFlags) share() (budgets, error) {
	if f.Budget == 0 {
		return budgets{}, nil
	}
	cells := int64(f.Layers)
	left := f.Budget
	if f.Bidirectional {
		cells *= 2
		left /= 2
	}
	if f.Scope == string(factor.Partial) {
		fixed := int64(gates(f.Cell)) * int64(f.Hidden) * int64(f.Hidden)
		if left -= int64(f.Layers) * fixed; left < 1 {
			return budgets{}, usage("raise --budget, lower --hidden, or choose --scope full or split",
				"--budget %d: the dense hidden halves that --scope partial leaves have %d weights alone", f.Budget, cells*fixed)
		}
	}
	b := budgets{first: left}
	if f.Layers > 1 {
		b.first = left / 2
		b.upper = b.first / int64(f.Layers-1)
	}
	if f.Scope == string(factor.Split) {
		b.recurrent = b.first / 4
		if f.Layers > 1 {
			b.recurrent = min(b.first, b.upper) / 4
			b.upper -= b.recurrent
		}
		b.first -= b.recurrent
	}
	return b, nil
}
