package plan_test

import (
	"fmt"

	"github.com/fdht/fdht/plan"
)

// A video of 120x160 grey frames, 256 hidden units, modes chosen by hand: what do ranks of 4 cost?
func ExamplePropose() {
	p, err := plan.Propose(plan.Request{
		Input: 120 * 160, Hidden: 256, Frame: plan.Frame{Height: 120, Width: 160, Channels: 1},
		In: []int{9, 15, 10, 16}, Out: []int{4, 8, 8, 4}, Leaf: 4, Inner: 4,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c := p.Candidates[0]
	fmt.Printf("%d weights, dense %d, ratio %.0f\n", c.Weights, c.DenseWeights, c.Ratio)
	fmt.Println(c.Why)
	// Output:
	// 1344 weights, dense 19922944, ratio 14824
	// aligned with the frame: rows 8 x 15, columns 10 x 16, hidden units in rows of their own; padded by 2144 columns (11.0 %)
}

// The best structure for the paper's network under its largest budget.
func ExampleDefault() {
	s, err := plan.Default(57600, 256, plan.Frame{}, 8808)
	if err != nil {
		fmt.Println(err)
		return
	}
	weights, _ := s.Params()
	fmt.Println(s.Rows(), "rows,", s.Cols(), "columns, within the budget:", weights <= 8808)
	// Output:
	// 1024 rows, 57856 columns, within the budget: true
}
