package factor

import "fmt"

// Factors lists the factors by name and shape, without data, in the order of Linear.Params. s must be valid.
func (s Spec) Factors() []Param { return s.shapes() }

// shapes lists the factors by name and shape, without data, in their stable order.
func (s Spec) shapes() []Param {
	switch s.Kind {
	case HT:
		return s.shapesHT()
	case TT, TR:
		return s.shapesTrain()
	case BT:
		return s.shapesBlocks()
	}
	return []Param{{Name: "weight", Shape: []int{s.Rows(), s.Cols()}}}
}

// shapesHT lists leaf.{k} [m_k, n_k, r_k], then transfer.{lo}-{hi} [r_s, r_u, r_t], children before parents.
func (s Spec) shapesHT() []Param {
	var out []Param
	for k := range s.In {
		out = append(out, Param{Name: fmt.Sprintf("leaf.%d", k), Shape: []int{s.Out[k], s.In[k], s.Rank(Leaf(k))}})
	}
	nodes, children := s.tree().Inner()
	for i, n := range nodes {
		out = append(out, Param{
			Name:  fmt.Sprintf("transfer.%v", n),
			Shape: []int{s.Rank(children[i][0]), s.Rank(children[i][1]), s.Rank(n)},
		})
	}
	return out
}

// shapesTrain lists core.{k} [r_{k-1}, m_k, n_k, r_k].
func (s Spec) shapesTrain() []Param {
	var out []Param
	for k := range s.In {
		out = append(out, Param{Name: fmt.Sprintf("core.%d", k), Shape: []int{s.Bonds[k], s.Out[k], s.In[k], s.Bonds[k+1]}})
	}
	return out
}

// shapesBlocks lists, block by block, block.{p}.factor.{k} [m_k, n_k, r], then block.{p}.core [r, .., r] with d axes.
func (s Spec) shapesBlocks() []Param {
	var out []Param
	for p := range s.Blocks {
		core := Param{Name: fmt.Sprintf("block.%d.core", p)}
		for k := range s.In {
			out = append(out, Param{Name: fmt.Sprintf("block.%d.factor.%d", p, k), Shape: []int{s.Out[k], s.In[k], s.BlockRank}})
			core.Shape = append(core.Shape, s.BlockRank)
		}
		out = append(out, core)
	}
	return out
}
