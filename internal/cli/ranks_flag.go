package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/factor"
)

// ranksFlag is the ranks of one matrix, in the form that its kind has.
type ranksFlag struct {
	nodes        map[factor.Range]int // ht: 0:8,1:8,0-2:6, nodes of the tree with their ranks
	bonds        []int                // tt, tr: 1,4,4,1, the ranks r_0..r_d
	blocks, rank int                  // bt: 2x4, blocks x rank
}

// ranksOf are the ranks of a structure.
func ranksOf(s factor.Spec) ranksFlag { return ranksFlag{s.Ranks, s.Bonds, s.Blocks, s.BlockRank} }

func (r ranksFlag) isZero() bool { return len(r.nodes) == 0 && len(r.bonds) == 0 && r.blocks == 0 }

// UnmarshalText reads one of the three forms.
func (r *ranksFlag) UnmarshalText(b []byte) (err error) {
	out := ranksFlag{}
	text := string(b)
	switch {
	case strings.Contains(text, ":"):
		out.nodes, err = parseNodes(text)
	case strings.Contains(text, "x"):
		blocks, rank, _ := strings.Cut(text, "x")
		p, err1 := parsePositive(blocks)
		q, err2 := parsePositive(rank)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%q: want BLOCKSxRANK, such as 2x4", text)
		}
		out.blocks, out.rank = p, q
	default:
		for part := range strings.SplitSeq(text, ",") {
			v, err := parsePositive(part)
			if err != nil {
				return fmt.Errorf("%q: want nodes of a tree with their ranks, such as 0:8,1:8, the ranks of a train, such as 1,8,8,1, or BLOCKSxRANK, such as 2x4", text)
			}
			out.bonds = append(out.bonds, v)
		}
	}
	if err == nil {
		*r = out
	}
	return err
}

func parsePositive(text string) (int, error) {
	v, err := strconv.Atoi(strings.TrimSpace(text))
	if err == nil && v < 1 {
		err = strconv.ErrRange
	}
	return v, err
}

// parseNodes reads 0:8,1:8,0-2:6.
func parseNodes(text string) (map[factor.Range]int, error) {
	out := map[factor.Range]int{}
	for part := range strings.SplitSeq(text, ",") {
		node, rank, ok := strings.Cut(strings.TrimSpace(part), ":")
		var n factor.Range
		err := n.UnmarshalText([]byte(node))
		v, rankErr := strconv.Atoi(rank)
		if !ok || err != nil || rankErr != nil {
			return nil, fmt.Errorf("%q: want NODE:RANK, such as 0:8 for the leaf of mode 0 and 0-2:6 for the node over modes 0 and 1", part)
		}
		if _, twice := out[n]; twice {
			return nil, fmt.Errorf("node %v is there twice", n)
		}
		out[n] = v
	}
	return out, nil
}

// MarshalText writes what UnmarshalText reads, nodes in order.
func (r ranksFlag) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String is the text on a command line.
func (r ranksFlag) String() string {
	switch {
	case len(r.bonds) > 0:
		return joinInts(r.bonds)
	case r.blocks > 0:
		return fmt.Sprintf("%dx%d", r.blocks, r.rank)
	}
	var parts []string
	for _, n := range slices.SortedFunc(maps.Keys(r.nodes), compareNodes) {
		parts = append(parts, fmt.Sprintf("%v:%d", n, r.nodes[n]))
	}
	return strings.Join(parts, ",")
}

// compareNodes puts leaves before inner nodes.
func compareNodes(a, b factor.Range) int {
	if (a.Len() == 1) != (b.Len() == 1) {
		return a.Len() - b.Len()
	}
	if a.Lo != b.Lo {
		return a.Lo - b.Lo
	}
	return a.Hi - b.Hi
}

// give puts the ranks into s, whose kind must have ranks of this form.
func (r ranksFlag) give(s *factor.Spec, flag string) error {
	want, ok := "", false
	switch s.Kind {
	case factor.HT:
		want, ok = "a rank for each node of the tree, such as 0:8,1:8", len(r.nodes) > 0
	case factor.TT, factor.TR:
		want, ok = "a list of ranks r_0..r_d, such as 1,8,8,1", len(r.bonds) > 0
		if s.Kind == factor.TR {
			want = "a list of ranks r_0..r_d with equal ends, such as 4,8,8,4"
		}
	case factor.BT:
		want, ok = "BLOCKSxRANK, such as 2x4", r.blocks > 0
	}
	if !ok {
		return usage("", "--%s %v: kind %s takes %s", flag, r, s.Kind, want)
	}
	s.Ranks, s.Bonds, s.Blocks, s.BlockRank = r.nodes, r.bonds, r.blocks, r.rank
	return nil
}

// treeFlag is a dimension tree, such as [[0,1],[2,3]].
type treeFlag struct{ factor.Tree }

// UnmarshalText reads nested pairs of mode numbers.
func (t *treeFlag) UnmarshalText(b []byte) (err error) {
	t.Tree, err = factor.ParseTree(string(b))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (t treeFlag) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
