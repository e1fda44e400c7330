package quant

import (
	"math"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
)

// even scales the slices of neighbouring factors, so that for each index of the axis between them the largest elements of both slices are equal. The matrix
// stays the same, and what one scale for a whole factor loses on its small slices gets less.
func even(f *model.File, values []value) {
	at := 0
	cfg := f.Net.Config()
	for l := range cfg.Layers {
		for _, w := range []*factor.Linear{f.Net.Matrix(l, 0), f.Net.RecurrentMatrix(l, 0)} {
			if w == nil {
				continue
			}
			n := w.Factors()
			evenMatrix(w.Spec(), values[at:at+n])
			at += n
		}
		for at < len(values) && values[at].bias() {
			at++
		}
	}
}

// bond is an axis that two factors share.
type bond struct{ a, axisA, b, axisB int }

func evenMatrix(s factor.Spec, values []value) {
	bonds := bondsOf(s)
	const rounds = 20
	for range rounds {
		for _, b := range bonds {
			evenBond(&values[b.a], b.axisA, &values[b.b], b.axisB)
		}
	}
}

func evenBond(a *value, axisA int, b *value, axisB int) {
	for i := range a.shape[axisA] {
		x, y := sliceMax(a, axisA, i), sliceMax(b, axisB, i)
		if x == 0 || y == 0 {
			continue
		}
		c := math.Sqrt(y / x)
		scaleSlice(a, axisA, i, c)
		scaleSlice(b, axisB, i, 1/c)
	}
}

// each calls f with the places of a slice.
func (v *value) each(axis, index int, f func(at int)) {
	inner := 1
	for _, n := range v.shape[axis+1:] {
		inner *= n
	}
	n := v.shape[axis]
	for o := range len(v.v) / (n * inner) {
		for i := range inner {
			f((o*n+index)*inner + i)
		}
	}
}

func sliceMax(v *value, axis, index int) (most float64) {
	v.each(axis, index, func(at int) { most = max(most, math.Abs(v.v[at])) })
	return most
}

func scaleSlice(v *value, axis, index int, c float64) {
	v.each(axis, index, func(at int) { v.v[at] *= c })
}

// bondsOf lists the axes that two factors share, factors as Linear.Params lists them. A ring of one core has none, as its bond is within it.
func bondsOf(s factor.Spec) (out []bond) {
	d := len(s.In)
	switch s.Kind {
	case factor.HT:
		tree := s.Tree // spelled out in the Spec of a Linear
		place := map[factor.Range]int{}
		for k := range d {
			place[factor.Leaf(k)] = k
		}
		inner, children := tree.Inner()
		for i, n := range inner {
			place[n] = d + i
			for axis, c := range children[i] {
				to := 2
				if c.Hi-c.Lo > 1 {
					to = 2 // transfer [r_s, r_u, r_t]
				}
				out = append(out, bond{place[c], to, d + i, axis})
			}
		}
	case factor.TT, factor.TR:
		for k := range d {
			if next := (k + 1) % d; next != k && (s.Kind == factor.TR || next > 0) {
				out = append(out, bond{k, 3, next, 0})
			}
		}
	case factor.BT:
		for p := range s.Blocks {
			core := p*(d+1) + d
			for k := range d {
				out = append(out, bond{p*(d+1) + k, 2, core, k})
			}
		}
	}
	return out
}
