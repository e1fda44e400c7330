package factor

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Validate reports what is wrong with s, naming the mode, the node or the bond and what is allowed there.
func (s Spec) Validate() error {
	if !slices.Contains(Kinds, s.Kind) {
		return fmt.Errorf("unknown kind %q: choose dense, ht, tt, tr or bt", s.Kind)
	}
	if s.Scope != Full && s.Scope != Partial && s.Scope != Split {
		return fmt.Errorf("unknown scope %q: choose full, partial or split", s.Scope)
	}
	if err := s.validateModes(); err != nil {
		return err
	}
	if err := s.validateForeign(); err != nil {
		return err
	}
	var err error
	switch s.Kind {
	case Dense:
		if len(s.In) != 1 {
			err = fmt.Errorf("kind dense with modes %v x %v: dense takes one input mode and one output mode", s.Out, s.In)
		}
	case HT:
		err = s.validateHT()
	case TT, TR:
		err = s.validateTrain()
	case BT:
		err = s.validateBlocks()
	}
	if err != nil {
		return err
	}
	_, err = s.Params()
	return err
}

func (s Spec) validateModes() error {
	d := len(s.In)
	if d == 0 || len(s.Out) != d {
		return fmt.Errorf("%d input modes %v and %d output modes %v: give as many of one as of the other, at least 1", d, s.In, len(s.Out), s.Out)
	}
	if d > MaxModes {
		return fmt.Errorf("%d modes: the most is %d", d, MaxModes)
	}
	for _, modes := range [][]int{s.In, s.Out} {
		total := 1.0
		for _, n := range modes {
			if n < 1 {
				return fmt.Errorf("mode %d in %v: every mode is at least 1", n, modes)
			}
			total *= float64(n)
		}
		if total > math.MaxInt32 {
			return fmt.Errorf("modes %v multiply to %.3g: the most is %d", modes, total, math.MaxInt32)
		}
	}
	return nil
}

// validateForeign reports ranks of another kind than s has.
func (s Spec) validateForeign() error {
	var found []string
	if s.Kind != HT {
		if !s.Tree.IsZero() {
			found = append(found, fmt.Sprintf("tree %v", s.Tree))
		}
		if len(s.Ranks) > 0 {
			found = append(found, fmt.Sprintf("ranks %v of tree nodes", s.Ranks))
		}
	}
	if s.Kind != TT && s.Kind != TR && len(s.Bonds) > 0 {
		found = append(found, fmt.Sprintf("ranks %v of bonds", s.Bonds))
	}
	if s.Kind != BT && (s.Blocks != 0 || s.BlockRank != 0) {
		found = append(found, fmt.Sprintf("%d blocks of rank %d", s.Blocks, s.BlockRank))
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("kind %s with %s: %s takes %s", s.Kind, strings.Join(found, " and "), s.Kind, s.Kind.takes())
}

// takes says what ranks the kind wants.
func (k Kind) takes() string {
	switch k {
	case HT:
		return "a rank for every tree node but the root"
	case TT, TR:
		return "a list of ranks r_0..r_d"
	case BT:
		return "a number of blocks and their rank"
	}
	return "no ranks"
}

func (s Spec) validateHT() error {
	d := len(s.In)
	tree := s.tree()
	if tree.Order() != d {
		return fmt.Errorf("tree %v has %d leaves for %d modes: give each mode one leaf", tree, tree.Order(), d)
	}
	nodes := tree.Nodes()
	for _, n := range nodes[:len(nodes)-1] {
		r, ok := s.Ranks[n]
		if !ok {
			return fmt.Errorf("node %v has no rank: give every node but the root a rank", n)
		}
		if most := s.MaxRank(n); r < 1 || r > most {
			return fmt.Errorf("rank %d at node %v: the least is 1, the largest allowed here is %d", r, n, most)
		}
	}
	for n := range s.Ranks {
		if !slices.Contains(nodes[:len(nodes)-1], n) {
			return fmt.Errorf("rank for node %v, which tree %v does not have below its root", n, tree)
		}
	}
	return nil
}

// MaxRank is the largest rank that node n may have: the product of the mode sizes m_k n_k on either side of its cut
// and, at an inner node, the product of its children's ranks.
func (s Spec) MaxRank(n Range) int {
	most := s.cut(n)
	nodes, children := s.tree().Inner()
	if i := slices.Index(nodes, n); i >= 0 {
		most = min(most, float64(s.Rank(children[i][0]))*float64(s.Rank(children[i][1])))
	}
	return int(most)
}

// cut is the smaller of the products of the mode sizes m_k n_k inside n and outside it.
func (s Spec) cut(n Range) float64 {
	inside, outside := 1.0, 1.0
	for k := range s.In {
		if k >= n.Lo && k < n.Hi {
			inside *= s.modeSize(k)
		} else {
			outside *= s.modeSize(k)
		}
	}
	return min(inside, outside, math.MaxInt32)
}

// modeSize is m_k n_k.
func (s Spec) modeSize(k int) float64 { return float64(s.In[k]) * float64(s.Out[k]) }

func (s Spec) validateTrain() error {
	d := len(s.In)
	if len(s.Bonds) != d+1 {
		return fmt.Errorf("%d ranks %v for %d modes: kind %s takes %d, r_0..r_d", len(s.Bonds), s.Bonds, d, s.Kind, d+1)
	}
	for k, r := range s.Bonds {
		if r < 1 || r > math.MaxInt32 {
			return fmt.Errorf("rank %d at bond %d of %v: the least is 1, the most %d", r, k, s.Bonds, math.MaxInt32)
		}
	}
	if s.Kind == TR && s.Bonds[0] != s.Bonds[d] {
		return fmt.Errorf("ranks %v: r_0 is %d and r_%d is %d, a ring joins its ends: make them equal", s.Bonds, s.Bonds[0], d, s.Bonds[d])
	}
	for k, r := range s.Bonds {
		if most := s.MaxBond(k); r > most {
			return fmt.Errorf("rank %d at bond %d of %v: the largest allowed here is %d", r, k, s.Bonds, most)
		}
	}
	return nil
}

// MaxBond is the largest rank that bond k, which joins core k-1 to core k, may have; no larger one makes more matrices.
//
// TT: the product of the mode sizes m_k n_k on either side of the cut, 1 at both ends.
//
// TR: r_k <= r_{k-1} m n over the core before it, and over the core after it r_k <= m n r_{k+1}, bonds 0 and d being one: a
// larger bond could be cut down by a QR decomposition of that core. A ring has no cut of its own to bound single bonds by, so
// equal ranks of any size pass.
func (s Spec) MaxBond(k int) int {
	d := len(s.In)
	if s.Kind == TT {
		if k == 0 || k == d {
			return 1
		}
		return int(s.cut(Range{0, k}))
	}
	before, after := (k+d-1)%d, k%d // cores at the bond's sides
	return int(min(float64(s.Bonds[before])*s.modeSize(before), s.modeSize(after)*float64(s.Bonds[after+1]), math.MaxInt32))
}

func (s Spec) validateBlocks() error {
	if s.Blocks < 1 || s.Blocks > MaxBlocks {
		return fmt.Errorf("%d blocks: the least is 1, the most %d", s.Blocks, MaxBlocks)
	}
	for k := range s.In {
		if most := min(s.modeSize(k), math.MaxInt32); s.BlockRank < 1 || float64(s.BlockRank) > most {
			return fmt.Errorf("block rank %d at mode %d of %v x %v: the least is 1, the largest allowed here is %.0f", s.BlockRank, k, s.Out, s.In, most)
		}
	}
	return nil
}
