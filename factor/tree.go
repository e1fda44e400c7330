package factor

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Range names a node of a dimension tree by the modes below it, Lo..Hi-1. A leaf has Hi = Lo+1.
type Range struct{ Lo, Hi int }

// Leaf is the range of mode k alone.
func Leaf(k int) Range { return Range{k, k + 1} }

// Len is the number of modes below the node.
func (r Range) Len() int { return r.Hi - r.Lo }

// String is "3" for the leaf of mode 3 and "0-2" for the inner node over modes 0 and 1.
func (r Range) String() string {
	if r.Len() == 1 {
		return strconv.Itoa(r.Lo)
	}
	return fmt.Sprintf("%d-%d", r.Lo, r.Hi)
}

// MarshalText writes the name that String gives.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name that String gives.
func (r *Range) UnmarshalText(b []byte) error {
	lo, hi, inner := strings.Cut(string(b), "-")
	l, err := strconv.Atoi(lo)
	h := l + 1
	if err == nil && inner {
		h, err = strconv.Atoi(hi)
	}
	n := Range{l, h}
	if err != nil || l < 0 || h <= l || n.String() != string(b) {
		return fmt.Errorf("%q is no tree node: a leaf is written as its mode, such as \"0\", an inner node as lo-hi, such as \"0-2\"", b)
	}
	*r = n
	return nil
}

// Tree is a binary dimension tree over the modes 0..d-1. Every node covers a contiguous range of modes.
// The zero Tree stands for the balanced one.
type Tree struct {
	nodes []treeNode // post-order: children before parents, the root last
}

type treeNode struct {
	Range
	left, right int // places of the children in nodes; -1 in a leaf
}

// Balanced is the tree over d modes in which the left child takes the larger half.
func Balanced(d int) Tree {
	var t Tree
	t.balance(0, d)
	return t
}

func (t *Tree) balance(lo, hi int) int {
	n := treeNode{Range{lo, hi}, -1, -1}
	if hi-lo > 1 {
		mid := lo + (hi-lo+1)/2
		n.left, n.right = t.balance(lo, mid), t.balance(mid, hi)
	}
	t.nodes = append(t.nodes, n)
	return len(t.nodes) - 1
}

// IsZero reports whether t is the zero Tree.
func (t Tree) IsZero() bool { return len(t.nodes) == 0 }

// Order is the number of modes d.
func (t Tree) Order() int { return (len(t.nodes) + 1) / 2 }

// Nodes lists the ranges of all nodes, leaves and inner nodes, children before parents; the root comes last.
func (t Tree) Nodes() []Range {
	out := make([]Range, len(t.nodes))
	for i, n := range t.nodes {
		out[i] = n.Range
	}
	return out
}

// Inner lists the inner nodes, children before parents; the root comes last. Children gives the two children of each.
func (t Tree) Inner() (nodes []Range, children [][2]Range) {
	for _, n := range t.nodes {
		if n.left >= 0 {
			nodes = append(nodes, n.Range)
			children = append(children, [2]Range{t.nodes[n.left].Range, t.nodes[n.right].Range})
		}
	}
	return nodes, children
}

// String writes the tree as nested pairs of mode numbers, such as [[0,1],[2,3]].
func (t Tree) String() string {
	b, _ := t.MarshalJSON()
	return string(b)
}

// MarshalJSON writes nested pairs of mode numbers.
func (t Tree) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	var b strings.Builder
	var write func(i int)
	write = func(i int) {
		n := t.nodes[i]
		if n.left < 0 {
			b.WriteString(strconv.Itoa(n.Lo))
			return
		}
		b.WriteByte('[')
		write(n.left)
		b.WriteByte(',')
		write(n.right)
		b.WriteByte(']')
	}
	write(len(t.nodes) - 1)
	return []byte(b.String()), nil
}

// UnmarshalJSON reads nested pairs of mode numbers, in which each node must cover a contiguous range and the modes
// stand in order from 0.
func (t *Tree) UnmarshalJSON(b []byte) error {
	var raw any
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if raw == nil {
		*t = Tree{}
		return nil
	}
	n, err := treeFrom(raw)
	if err != nil {
		return fmt.Errorf("tree %s: %w", b, err)
	}
	*t = n
	return nil
}

// ParseTree reads a tree as UnmarshalJSON does, from text such as [0,[1,[2,3]]].
func ParseTree(s string) (Tree, error) {
	var t Tree
	if err := json.Unmarshal([]byte(s), &t); err != nil {
		return Tree{}, fmt.Errorf("%q is no dimension tree: write nested pairs of mode numbers, such as [[0,1],[2,3]]: %w", s, err)
	}
	return t, nil
}

func treeFrom(raw any) (Tree, error) {
	var t Tree
	next := 0
	var build func(v any) (int, error)
	build = func(v any) (int, error) {
		switch v := v.(type) {
		case float64:
			if v != float64(next) {
				return 0, fmt.Errorf("mode %v stands where mode %d should: modes go in order from 0, so that every node covers a contiguous range", v, next)
			}
			next++
			t.nodes = append(t.nodes, treeNode{Leaf(next - 1), -1, -1})
		case []any:
			if len(v) != 2 {
				return 0, fmt.Errorf("a node has %d children, it must have 2", len(v))
			}
			l, err := build(v[0])
			if err != nil {
				return 0, err
			}
			r, err := build(v[1])
			if err != nil {
				return 0, err
			}
			t.nodes = append(t.nodes, treeNode{Range{t.nodes[l].Lo, t.nodes[r].Hi}, l, r})
		default:
			return 0, fmt.Errorf("found %v where a mode number or a pair should stand", v)
		}
		return len(t.nodes) - 1, nil
	}
	_, err := build(raw)
	return t, err
}
