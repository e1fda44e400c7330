package experiment

import "math"

// Tried is a point of the grid with what its cross-validation came to.
type Tried struct {
	Settings  string  `json:"settings"`
	Runs      int     `json:"runs"` // folds x seeds
	Mean      float64 `json:"mean"` // of the accuracy on what was left out
	Deviation float64 `json:"deviation"`
	Loss      float64 `json:"loss"`
	Diverged  int     `json:"diverged,omitempty"`
	Chosen    bool    `json:"chosen"`
}

// tried sums up a point's runs. One that diverged counts as an accuracy of 0.
func tried(p Point, runs []Result) Tried {
	t := Tried{Settings: p.String(), Runs: len(runs)}
	var acc, loss []float64
	for _, r := range runs {
		if r.Held == nil {
			t.Diverged++
			acc = append(acc, 0)
			continue
		}
		acc = append(acc, r.Held.Top1)
		loss = append(loss, r.Held.Loss)
	}
	t.Mean, t.Deviation = meanDeviation(acc)
	t.Loss, _ = meanDeviation(loss)
	return t
}

// choose marks the point with the highest mean accuracy, of equal ones that with the lower mean loss, of equal ones the earlier, and
// returns its number.
func choose(points []Tried) int {
	best := 0
	for i, p := range points {
		b := points[best]
		if p.Mean > b.Mean || p.Mean == b.Mean && p.Diverged == 0 && (b.Diverged > 0 || p.Loss < b.Loss) {
			best = i
		}
	}
	points[best].Chosen = true
	return best
}

// meanDeviation is the mean of some values and their standard deviation (with n-1; 0 of fewer than two).
func meanDeviation(v []float64) (mean, deviation float64) {
	if len(v) == 0 {
		return 0, 0
	}
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	if len(v) < 2 {
		return mean, 0
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)-1))
}
