package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/factor"
)

// ranksFlag is a flag of the form 0:8,1:8,0-2:6: nodes of the tree with their ranks.
type ranksFlag map[factor.Range]int

// UnmarshalText reads 0:8,1:8,0-2:6.
func (r *ranksFlag) UnmarshalText(b []byte) error {
	out := ranksFlag{}
	for part := range strings.SplitSeq(string(b), ",") {
		node, rank, ok := strings.Cut(strings.TrimSpace(part), ":")
		var n factor.Range
		err := n.UnmarshalText([]byte(node))
		v, rankErr := strconv.Atoi(rank)
		if !ok || err != nil || rankErr != nil {
			return fmt.Errorf("%q: want NODE:RANK, such as 0:8 for the leaf of mode 0 and 0-2:6 for the node over modes 0 and 1", part)
		}
		if _, twice := out[n]; twice {
			return fmt.Errorf("node %v is there twice", n)
		}
		out[n] = v
	}
	*r = out
	return nil
}

// MarshalText writes what UnmarshalText reads, nodes in order.
func (r ranksFlag) MarshalText() ([]byte, error) {
	var parts []string
	for _, n := range slices.SortedFunc(maps.Keys(r), compareNodes) {
		parts = append(parts, fmt.Sprintf("%v:%d", n, r[n]))
	}
	return []byte(strings.Join(parts, ",")), nil
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

// treeFlag is a dimension tree, such as [[0,1],[2,3]].
type treeFlag struct{ factor.Tree }

// UnmarshalText reads nested pairs of mode numbers.
func (t *treeFlag) UnmarshalText(b []byte) (err error) {
	t.Tree, err = factor.ParseTree(string(b))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (t treeFlag) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// modelFlags say what network is made.
type modelFlags struct {
	Cell      string    `group:"model" default:"lstm" placeholder:"KIND" help:"Kind of the cell: lstm."`
	Hidden    int       `group:"model" default:"256" placeholder:"H" help:"Hidden units (${default})."`
	Layers    int       `group:"model" default:"1" placeholder:"N" help:"Layers (${default})."`
	Kind      string    `group:"model" default:"ht" placeholder:"KIND" help:"Structure of the weight matrix: ht (hierarchical Tucker) or dense (${default})."`
	Budget    int64     `group:"model" placeholder:"W" help:"Most recurrent weights; modes, tree and ranks that are left out are chosen to fit."`
	ModesIn   []int     `group:"model" placeholder:"N" help:"Input modes; they multiply to at least inputs + hidden units."`
	ModesOut  []int     `group:"model" placeholder:"M" help:"Output modes; they multiply to 4 x hidden units."`
	Tree      treeFlag  `group:"model" placeholder:"TREE" help:"Dimension tree, such as [[0,1],[2,3]]; left out: balanced."`
	Rank      int       `group:"model" placeholder:"R" help:"Rank of all leaves, and of all inner nodes without --inner-rank."`
	InnerRank int       `group:"model" placeholder:"R" help:"Rank of all inner nodes."`
	Ranks     ranksFlag `group:"model" placeholder:"NODE:R,.." help:"Rank of each node, such as 0:8,1:8,2:8,3:8,0-2:6,2-4:6."`
	Pooling   string    `group:"model" default:"mean" placeholder:"WAY" help:"What the classifier reads: last hidden state, or mean over time (${default})."`

	UpperModesIn  []int     `group:"upper" placeholder:"N" help:"As --modes-in; they multiply to at least 2 x hidden units."`
	UpperModesOut []int     `group:"upper" placeholder:"M" help:"As --modes-out."`
	UpperTree     treeFlag  `group:"upper" placeholder:"TREE" help:"As --tree."`
	UpperRanks    ranksFlag `group:"upper" placeholder:"NODE:R,.." help:"As --ranks."`
}

// layer are the flags of one layer's matrix.
type layer struct {
	modesIn, modesOut []int
	tree              factor.Tree
	ranks             map[factor.Range]int
	prefix            string // of the flags' names
}

// resolve chooses the structures of the layers and writes them back to the flags, so that these say all. upper is nil with one layer.
func (f *modelFlags) resolve(input int, frame frameSize) (first factor.Spec, upper *factor.Spec, err error) {
	if f.Hidden < 1 || f.Hidden > 1<<20 {
		return first, nil, usage("", "--hidden %d: want 1 to %d", f.Hidden, 1<<20)
	}
	if f.Layers < 1 || f.Layers > 64 {
		return first, nil, usage("", "--layers %d: want 1 to 64", f.Layers)
	}
	if f.Cell != "lstm" {
		return first, nil, usage("", "--cell %s: want lstm", f.Cell)
	}
	budget := f.Budget
	if f.Layers > 1 && budget > 0 {
		// the upper layers have far fewer columns: half of the budget is theirs together
		budget /= 2
	}
	first, err = f.spec(layer{f.ModesIn, f.ModesOut, f.Tree.Tree, f.Ranks, ""}, input, frame, budget)
	if err != nil {
		return first, nil, err
	}
	if f.Layers > 1 {
		s, err := f.spec(layer{f.UpperModesIn, f.UpperModesOut, f.UpperTree.Tree, f.UpperRanks, "upper-"}, f.Hidden, frameSize{}, budget/int64(f.Layers-1))
		if err != nil {
			return first, nil, err
		}
		upper = &s
		f.UpperModesIn, f.UpperModesOut, f.UpperTree.Tree, f.UpperRanks = s.In, s.Out, s.Tree, s.Ranks
	}
	f.ModesIn, f.ModesOut, f.Tree.Tree, f.Ranks = first.In, first.Out, first.Tree, first.Ranks
	f.Budget, f.Rank, f.InnerRank = 0, 0, 0
	return first, upper, nil
}

// spec is the structure of one layer of input + hidden columns.
func (f *modelFlags) spec(l layer, input int, frame frameSize, budget int64) (factor.Spec, error) {
	switch f.Kind {
	case "dense":
		return factor.DenseSpec(4*f.Hidden, input+f.Hidden), nil
	case "ht":
	default:
		return factor.Spec{}, usage("", "--kind %s: want ht or dense", f.Kind)
	}
	if len(l.ranks) > 0 && (f.Rank > 0 || f.InnerRank > 0) && l.prefix == "" {
		return factor.Spec{}, usage("leave one away", "--ranks and --rank do not go together")
	}
	if len(l.modesIn) > 0 && len(l.modesOut) > 0 && (len(l.ranks) > 0 || f.Rank > 0) {
		return f.explicit(l, input)
	}
	return f.search(l, input, frame, budget)
}

// explicit is the structure that the flags spell out.
func (f *modelFlags) explicit(l layer, input int) (factor.Spec, error) {
	s := factor.Spec{Kind: factor.HT, Scope: factor.Full, In: l.modesIn, Out: l.modesOut, Tree: l.tree}
	if err := checkModes(l, input, f.Hidden); err != nil {
		return s, err
	}
	if len(l.ranks) > 0 {
		s.Ranks = l.ranks
	} else {
		inner := f.InnerRank
		if inner == 0 {
			inner = f.Rank
		}
		s = s.WithRanks(f.Rank, inner)
	}
	if s.Tree.IsZero() {
		s.Tree = factor.Balanced(len(s.In))
	}
	if err := s.Validate(); err != nil {
		return s, usage("", "--%smodes-in %s --%smodes-out %s: %w", l.prefix, joinInts(l.modesIn), l.prefix, joinInts(l.modesOut), err)
	}
	return s, nil
}

// checkModes says when modes do not multiply up, by the names of the flags.
func checkModes(l layer, input, hidden int) error {
	if len(l.modesOut) > 0 {
		if p := productOf(l.modesOut); p != 4*hidden {
			return usage(fmt.Sprintf("such as --%smodes-out %s", l.prefix, joinInts(factorOut(4*hidden, len(l.modesOut)))),
				"--%smodes-out %s multiply to %d, an lstm of %d hidden units needs 4 x %d = %d", l.prefix, joinInts(l.modesOut), p, hidden, hidden, 4*hidden)
		}
	}
	if len(l.modesIn) > 0 {
		if p := productOf(l.modesIn); p < input+hidden {
			return usage("raise one of them; columns that are not needed are left unused, so any product from there on will do",
				"--%smodes-in %s multiply to %d, fewer than %d inputs + %d hidden units = %d", l.prefix, joinInts(l.modesIn), p, input, hidden, input+hidden)
		}
	}
	return nil
}

// factorOut splits n into k factors as even as they come, for a proposal.
func factorOut(n, k int) []int {
	out := slices.Repeat([]int{1}, max(k, 1))
	for p := n; p > 1; {
		q := 2
		for p%q != 0 {
			q++
		}
		largest := p
		for largest%q == 0 {
			largest /= q
		}
		i := slices.Index(out, slices.Min(out))
		out[i] *= q
		p /= q
	}
	slices.Sort(out)
	return out
}

func productOf(v []int) int {
	p := 1.0
	for _, n := range v {
		p *= float64(n)
	}
	return int(min(max(p, -1<<53), 1<<53))
}

func joinInts(v []int) string {
	parts := make([]string, len(v))
	for i, n := range v {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ",")
}
