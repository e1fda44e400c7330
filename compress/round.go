package compress

import (
	"fmt"
	"math"
	"slices"

	"github.com/fdht/fdht/factor"
)

// Add is the sum of two matrices of one kind, HT or TT, with the same modes and tree. Its ranks are the sums of theirs, which may be more
// than a Spec allows: Round brings them back.
func Add(a, b *Factors) (*Factors, error) {
	if a.Spec.Kind != b.Spec.Kind || !slices.Equal(a.Spec.In, b.Spec.In) || !slices.Equal(a.Spec.Out, b.Spec.Out) || a.Spec.DimensionTree().String() != b.Spec.DimensionTree().String() {
		return nil, fmt.Errorf("%s %v x %v, tree %v, and %s %v x %v, tree %v: only matrices of one structure can be added",
			a.Spec.Kind, a.Spec.Out, a.Spec.In, a.Spec.DimensionTree(), b.Spec.Kind, b.Spec.Out, b.Spec.In, b.Spec.DimensionTree())
	}
	switch a.Spec.Kind {
	case factor.HT:
		return sumHT(a, b).factors(a), nil
	case factor.TT:
		return addTrain(a, b), nil
	}
	return nil, fmt.Errorf("kind %q: only HT and TT matrices are added", a.Spec.Kind)
}

// Round orthogonalises an HT or TT matrix and truncates it, without forming it: to a tolerance or, when target is zero, to the ranks of
// caps as the most that a node keeps. The nodes of an HT matrix are projected onto singular vectors of the matrix as it was (Grasedyck
// 2010, from the root to the leaves), so its error is at most the Report's bound; that of a TT matrix is the bound. The bound is at most
// sqrt(2d-3) or sqrt(d-1) times the best possible error. The frames of the result are orthonormal.
func Round(f *Factors, caps factor.Spec, target Target) (*Result, error) {
	if err := target.validate(); err != nil {
		return nil, err
	}
	if target.Budget != 0 {
		return nil, request("budget %d: rounding takes ranks or a tolerance", target.Budget)
	}
	w := &worker{spec: caps, target: target}
	out, err := w.round(f)
	if err != nil {
		return nil, err
	}
	dense := int64(f.Spec.Rows()) * int64(f.Spec.Cols())
	res := &Result{Factors: out, Report: Report{Nodes: w.nodes, Norm: w.norm, Weights: out.Weights(), Dense: dense}}
	res.Report.Error = distance(f, out)
	res.Report.finish()
	return res, nil
}

// round truncates f, an HT or TT matrix, to the target.
func (w *worker) round(f *Factors) (*Factors, error) {
	switch f.Spec.Kind {
	case factor.HT:
		return w.roundHT(f)
	case factor.TT:
		if bonds := w.spec.Bonds; w.target.Tol == 0 {
			if len(bonds) != len(f.Spec.Bonds) {
				return nil, request("%d ranks %v for %d bonds: give each a rank", len(bonds), bonds, len(f.Spec.Bonds))
			}
			if slices.Min(bonds) < 1 {
				return nil, request("ranks %v of bonds: the least is 1", bonds)
			}
		}
		return w.roundTrain(f), nil
	}
	return nil, request("kind %q: only HT and TT matrices are rounded", f.Spec.Kind)
}

// roundHT truncates f to the target.
func (w *worker) roundHT(f *Factors) (*Factors, error) {
	h := htOf(f)
	h.orthogonalise()
	w.norm = frobenius(h.frames[h.root()].Data)
	vectors, sigma := h.spectra()
	ranks := make([]int, h.root())
	if w.target.Tol != 0 {
		for n := range ranks {
			ranks[n] = enough(sigma[n], w.target.Tol*w.norm/math.Sqrt(float64(max(2*len(f.Spec.In)-3, 1))))
		}
	} else {
		for n := range ranks {
			if ranks[n] = min(w.spec.Rank(h.nodes[n]), len(sigma[n])); ranks[n] < 1 {
				return nil, request("node %v has no rank: give every node but the root a rank", h.nodes[n])
			}
		}
	}
	for n, r := range ranks {
		node := Node{Name: h.nodes[n].String(), Rank: r, SingularValues: sigma[n], Discarded: frobenius(sigma[n][r:])}
		if h.parent[n] == h.root() && n == h.right[h.root()] { // the same unfolding as the left child's
			node.Discarded = frobenius(sigma[n][min(r, ranks[h.left[h.root()]]):ranks[h.left[h.root()]]])
		}
		w.nodes = append(w.nodes, node)
	}
	h.keep(vectors, ranks)
	h.orthogonalise()
	return h.factors(f), nil
}

// distance is the Frobenius norm of a - b, from the factors of the difference: unlike ||a||^2 - 2 <a, b> + ||b||^2 it loses no digits.
func distance(a, b *Factors) float64 {
	minus := &Factors{Spec: b.Spec, Data: slices.Clone(b.Data)}
	last := slices.Clone(b.Data[len(b.Data)-1])
	for i := range last {
		last[i] = -last[i]
	}
	minus.Data[len(minus.Data)-1] = last
	if a.Spec.Kind == factor.TT {
		cores, _ := orthogonaliseTrain(addTrain(a, minus))
		return frobenius(cores[0].Data)
	}
	h := sumHT(a, minus)
	h.orthogonalise()
	return frobenius(h.frames[h.root()].Data)
}
