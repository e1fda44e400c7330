package model

import (
	"math"
	"slices"
	"testing"
)

// rows is a sequence in memory.
type rows [][]float32

func (r rows) Len() int                  { return len(r) }
func (r rows) Load(dst []float32, t int) { copy(dst, r[t]) }

func TestScaler(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *Standardise
		want []float32
	}{
		{"none", nil, []float32{1, 2, 3}},
		{"one", &Standardise{[]float64{1}, []float64{0.5}}, []float32{0, 2, 4}},
		{"each", &Standardise{[]float64{1, 2, 4}, []float64{0.5, 1, 2}}, []float32{0, 0, -0.5}},
		{"mean each, one std", &Standardise{[]float64{1, 2, 4}, []float64{0.5}}, []float32{0, 0, -2}},
	} {
		by, err := NewScaler(c.s, 3)
		if err != nil {
			t.Fatal(err)
		}
		s := &Scaled{Seq: rows{{0, 0, 0}, {1, 2, 3}}, By: by}
		got := make([]float32, 3)
		if n := testing.AllocsPerRun(10, func() { s.Load(got, 1) }); n != 0 {
			t.Errorf("%s: Load allocates %v times", c.name, n)
		}
		if !slices.Equal(got, c.want) || s.Len() != 2 {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if _, err := NewScaler(&Standardise{[]float64{1, 2}, []float64{1}}, 3); err == nil {
		t.Error("2 entries for 3 features were taken")
	}
	if _, err := NewScaler(&Standardise{[]float64{math.NaN()}, []float64{1}}, 3); err == nil {
		t.Error("NaN was taken")
	}
}
