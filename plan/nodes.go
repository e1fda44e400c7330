package plan

import (
	"math"

	"github.com/fdht/fdht/factor"
)

// The kinds are compared by one measure: the ranks that they let W have at the nodes of the balanced tree, where an HT matrix
// has ranks by itself.

// balancedNodes are the nodes of the balanced tree over d modes but its root.
func balancedNodes(d int) []factor.Range {
	nodes := factor.Balanced(d).Nodes()
	return nodes[:len(nodes)-1]
}

// nodeRanks is the geometric mean, over the balancedNodes, of the rank that through gives modes lo..hi-1, bounded by the sizes on both
// sides of the cut; as a logarithm to base 2.
func nodeRanks(nodes []factor.Range, size []float64, through func(lo, hi int) float64) float64 {
	sum := 0.0
	for _, n := range nodes {
		sum += math.Log2(min(through(n.Lo, n.Hi), segmentCut(size, n.Lo, n.Hi)))
	}
	return sum / float64(max(len(nodes), 1))
}

// segmentCut is the smaller of the products of the sizes of modes lo..hi-1 and of the others.
func segmentCut(size []float64, lo, hi int) float64 {
	inside, outside := 1.0, 1.0
	for k, s := range size {
		if k >= lo && k < hi {
			inside *= s
		} else {
			outside *= s
		}
	}
	return min(inside, outside)
}

// modeSizes are the m_k n_k.
func modeSizes(in, out []int) []float64 {
	size := make([]float64, len(in))
	for k := range in {
		size[k] = float64(in[k]) * float64(out[k])
	}
	return size
}
