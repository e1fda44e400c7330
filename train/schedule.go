package train

import (
	"fmt"
	"math"
)

// The kinds of schedule.
const (
	Cosine   = "cosine"   // linear warm-up, then half a cosine down to the floor (Loshchilov & Hutter, ICLR 2017, one cycle)
	OneCycle = "onecycle" // cosine up from peak/25, cosine down to peak/250000 (Smith & Topin 2018, as PyTorch's OneCycleLR)
	Constant = "constant" // linear warm-up, then the peak
)

// Schedule gives the learning rate of every step of a run.
type Schedule struct {
	Kind        string
	Peak, Floor float64 // Floor: where Cosine ends
	Warmup      int     // steps up to the peak; OneCycle: 0 is three tenths of the run
	Total       int     // steps of the run
}

// LR is the learning rate of a step, counted from 0. It depends on nothing else.
func (s Schedule) LR(step int) float64 {
	if s.Kind == OneCycle {
		return s.oneCycle(step)
	}
	if step < s.Warmup {
		return s.Peak * float64(step+1) / float64(s.Warmup)
	}
	if s.Kind == Constant {
		return s.Peak
	}
	return anneal(s.Peak, s.Floor, float64(step-s.Warmup), float64(s.Total-s.Warmup))
}

func (s Schedule) oneCycle(step int) float64 {
	start := s.Peak / 25
	up := 0.3*float64(s.Total) - 1
	if s.Warmup > 0 {
		up = float64(s.Warmup)
	}
	if x := float64(step); x <= up {
		return anneal(start, s.Peak, x, up)
	}
	return anneal(s.Peak, start/1e4, float64(step)-up, float64(s.Total-1)-up)
}

// anneal goes from a at 0 to b at n along half a cosine, and stays at b.
func anneal(a, b, x, n float64) float64 {
	if x >= n {
		return b
	}
	return b + (a-b)*(1+math.Cos(math.Pi*x/n))/2
}

func checkSchedule(kind string) error {
	switch kind {
	case Cosine, OneCycle, Constant:
		return nil
	}
	return fmt.Errorf("--schedule %q: choose %s, %s or %s", kind, Cosine, OneCycle, Constant)
}
