package experiment

import (
	"math"
	"testing"
)

func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		points []Tried
		want   int
	}{
		"the highest mean":                {[]Tried{{Mean: 0.5, Loss: 0.1}, {Mean: 0.7, Loss: 9}, {Mean: 0.6, Loss: 0.1}}, 1},
		"of equal ones the lower loss":    {[]Tried{{Mean: 0.7, Loss: 2}, {Mean: 0.7, Loss: 1}, {Mean: 0.6, Loss: 0.1}}, 1},
		"of equal ones the earlier":       {[]Tried{{Mean: 0.6, Loss: 1}, {Mean: 0.7, Loss: 1}, {Mean: 0.7, Loss: 1}}, 1},
		"a point that diverged gives way": {[]Tried{{Mean: 0.7, Loss: 0.1, Diverged: 1}, {Mean: 0.7, Loss: 2}}, 1},
		"nor when it comes later":         {[]Tried{{Mean: 0.7, Loss: 2}, {Mean: 0.7, Loss: 0.1, Diverged: 1}}, 0},
		"all diverged":                    {[]Tried{{Diverged: 2}, {Diverged: 2}}, 0},
	} {
		if got := choose(c.points); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		for i, p := range c.points {
			if p.Chosen != (i == c.want) {
				t.Errorf("%s: point %d: chosen %v", name, i, p.Chosen)
			}
		}
	}
}

// TestTried: a run without a network counts as an accuracy of 0, and has no loss to count.
func TestTried(t *testing.T) {
	got := tried(Point{}, []Result{{Held: &Score{Top1: 0.9, Loss: 1}}, {Diverged: "it grew"}, {Held: &Score{Top1: 0.6, Loss: 2}}})
	if math.Abs(got.Mean-0.5) > 1e-12 || math.Abs(got.Deviation-math.Sqrt(0.21)) > 1e-12 || got.Loss != 1.5 || got.Diverged != 1 || got.Runs != 3 {
		t.Errorf("%+v", got)
	}
	if one := tried(Point{}, []Result{{Held: &Score{Top1: 0.9}}}); one.Deviation != 0 || one.Mean != 0.9 {
		t.Errorf("%+v", one)
	}
}
