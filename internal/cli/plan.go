package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/plan"
	"github.com/jedib0t/go-pretty/v6/table"
)

// planCmd is fdht plan.
type planCmd struct {
	Input     int       `placeholder:"N" group:"model" help:"Numbers in a row: of a frame height x width x channels, or features. Left out: the product of --frame."`
	Hidden    int       `default:"256" placeholder:"H" group:"model" help:"Hidden units (${default})."`
	Cell      string    `default:"lstm" placeholder:"KIND" group:"model" help:"Kind of the cell: lstm, gru or rnn (${default})."`
	Kind      string    `default:"ht" placeholder:"KIND" group:"model" help:"Structure: ht, tt, tr, bt, dense, or all side by side (${default})."`
	Scope     string    `default:"full" placeholder:"SCOPE" group:"model" help:"What the structure holds: full, input and hidden half in one matrix, or partial, the input half, the hidden half dense (${default})."`
	Budget    int64     `placeholder:"W" group:"model" help:"Most recurrent weights."`
	ModesIn   []int     `placeholder:"N" group:"model" help:"Input modes, kept as they are; they multiply to at least inputs + hidden units, with --scope partial to at least inputs."`
	ModesOut  []int     `placeholder:"M" group:"model" help:"Output modes, kept as they are; they multiply to 4 x hidden units (gru 3 x, rnn 1 x)."`
	Modes     int       `placeholder:"D" group:"model" help:"Number of modes (2 to 5 are tried)."`
	Tree      treeFlag  `placeholder:"TREE" group:"model" help:"Dimension tree of ht, such as [[0,1],[2,3]]; left out: balanced."`
	Rank      int       `placeholder:"R" group:"model" help:"Rank of all leaves, and of all inner nodes without --inner-rank; of all bonds of tt and tr, of all blocks of bt."`
	InnerRank int       `placeholder:"R" group:"model" help:"Rank of all inner nodes of ht."`
	Blocks    int       `placeholder:"P" group:"model" help:"Number of blocks of bt."`
	Frame     frameSize `placeholder:"HxWxC" group:"model" help:"Prefer modes that line up with rows, columns and channels of such frames."`
	Batch     int       `default:"1" placeholder:"B" group:"model" help:"Rows that multiply-adds and the largest intermediate are counted for (${default})."`
	Limit     int       `default:"10" placeholder:"N" group:"common" help:"Most candidates (${default})."`
	jsonFlag
	common
}

// Help is the long help.
func (*planCmd) Help() string {
	return `Examples:

  fdht plan --input 57600 --hidden 256 --budget 5000
  fdht plan --frame 120x160x3 --budget 8808
  fdht plan --input 57600 --modes-in 8,8,8,113 --modes-out 16,4,4,4 --rank 4
  fdht plan --input 57600 --hidden 256 --kind all --budget 8808
  fdht plan --input 57600 --kind tt --scope partial --modes-in 8,20,20,18 --modes-out 16,4,4,4 --rank 4
  fdht plan --input 2048 --hidden 2048 --cell gru --kind all --budget 4000 --json

The best candidate comes first. Ranks are, for ht, those of the leaves; those of the inner nodes; for tt and tr those of the
bonds; for bt blocks x rank. Ratio is dense weights / weights, MAC multiply-adds for --batch rows, peak the numbers in the largest
intermediate, time that of a streamed frame. With --kind all a * marks candidates that none of the others beats in weights and
multiply-adds at once. -v shows what each rank could be at most and what was left out, and why. fdht train takes the same flags.`
}

// allKinds is the --kind that puts every kind side by side.
const allKinds = "all"

// planned is what plan --json prints.
type planned struct {
	Candidates []candidate    `json:"candidates"`
	Omitted    []plan.Omitted `json:"omitted,omitempty"`
}

type candidate struct {
	Kind         factor.Kind  `json:"kind"`
	Scope        factor.Scope `json:"scope"`
	In           []int        `json:"in"`
	Out          []int        `json:"out"`
	Tree         *factor.Tree `json:"tree"` // null where the kind has none
	Ranks        any          `json:"ranks"`
	Weights      int64        `json:"weights"`
	Biases       int64        `json:"biases"`
	DenseWeights int64        `json:"dense_weights"`
	Ratio        float64      `json:"ratio"`
	MAC          int64        `json:"mac"`
	Peak         int64        `json:"peak"`
	InputMAC     int64        `json:"input_mac"`
	HiddenMAC    int64        `json:"hidden_mac"`
	Millis       float64      `json:"predicted_millis"`
	Padding      int          `json:"padding"`
	Aligned      bool         `json:"aligned"`
	Front        bool         `json:"front"`
	Limits       []plan.Limit `json:"limits"`
	Why          string       `json:"why,omitempty"`

	spec factor.Spec
}

func newCandidate(c plan.Candidate) candidate {
	s := c.Spec
	out := candidate{s.Kind, s.Scope, s.In, s.Out, nil, map[string]int{}, c.Weights, c.Biases, c.DenseWeights, c.Ratio, c.MAC, c.Peak,
		c.InputMAC, c.HiddenMAC, c.PredictedMillis, c.Padding, c.Aligned, c.Front, c.Limits, c.Why, s}
	switch s.Kind {
	case factor.HT:
		out.Tree, out.Ranks = &s.Tree, s.Ranks
	case factor.TT, factor.TR:
		out.Ranks = s.Bonds
	case factor.BT:
		out.Ranks = map[string]int{"blocks": s.Blocks, "rank": s.BlockRank}
	}
	return out
}

// Run plans.
func (c *planCmd) Run(u *ui) error {
	r, err := c.request()
	if err != nil {
		return err
	}
	propose := plan.Propose
	if c.Kind == allKinds {
		propose = plan.Compare
	}
	found, err := propose(r)
	if err != nil {
		return &usageError{err: err}
	}
	out := planned{Candidates: []candidate{}, Omitted: found.Omitted}
	for _, f := range found.Candidates {
		out.Candidates = append(out.Candidates, newCandidate(f))
	}
	if c.JSON {
		return u.json(out)
	}
	for _, o := range out.Omitted {
		u.detail("left out: %s: %s", o.What, o.Why)
	}
	return u.print("%s", c.text(out, u.verbose))
}

// request checks the flags by their names.
func (c *planCmd) request() (plan.Request, error) {
	f := c.Frame
	if f.H > 0 && f.C == 0 {
		f.C = 3
		if c.Input > 0 && c.Input%(f.H*f.W) == 0 {
			f.C = c.Input / (f.H * f.W)
		}
	}
	if c.Input == 0 {
		c.Input = f.H * f.W * f.C
	}
	switch {
	case c.Input == 0:
		return plan.Request{}, usage("such as --input 57600, or --frame 120x160x3", "--input is missing: say how many numbers a row has")
	case c.Input < 1:
		return plan.Request{}, usage("", "--input %d: want at least 1", c.Input)
	case c.Hidden < 1:
		return plan.Request{}, usage("", "--hidden %d: want at least 1", c.Hidden)
	case c.Batch < 1:
		return plan.Request{}, usage("", "--batch %d: want at least 1", c.Batch)
	case c.Limit < 1:
		return plan.Request{}, usage("", "--limit %d: want at least 1", c.Limit)
	case f.H > 0 && f.H*f.W*f.C != c.Input:
		return plan.Request{}, usage("leave --input away", "--frame %v has %d numbers, --input is %d", f, f.H*f.W*f.C, c.Input)
	case c.Kind != allKinds && !slices.Contains(factor.Kinds, factor.Kind(c.Kind)):
		return plan.Request{}, usage("", "--kind %s: want ht, tt, tr, bt, dense or all", c.Kind)
	case gates(c.Cell) == 0:
		return plan.Request{}, usage("", "--cell %s: want lstm, gru or rnn", c.Cell)
	case c.Scope != string(factor.Full) && c.Scope != string(factor.Partial):
		return plan.Request{}, usage("for --scope split plan the two matrices apart", "--scope %s: want full or partial", c.Scope)
	case c.Rank < 0 || c.InnerRank < 0 || c.Blocks < 0 || c.Budget < 0 || c.Modes < 0:
		return plan.Request{}, usage("leave out what is to be chosen", "--rank %d, --inner-rank %d, --blocks %d, --budget %d, --modes %d: none is negative", c.Rank, c.InnerRank, c.Blocks, c.Budget, c.Modes)
	case c.InnerRank > 0 && c.Kind != string(factor.HT) && c.Kind != allKinds:
		return plan.Request{}, usage("--rank is for every kind", "--inner-rank %d: kind %s has no inner nodes, only ht has", c.InnerRank, c.Kind)
	case c.Blocks > 0 && c.Kind != string(factor.BT) && c.Kind != allKinds:
		return plan.Request{}, usage("", "--blocks %d: kind %s has no blocks, only bt has", c.Blocks, c.Kind)
	case !c.Tree.IsZero() && c.Kind != string(factor.HT) && c.Kind != allKinds:
		return plan.Request{}, usage("leave it away", "--tree %v: kind %s has no tree, only ht has", c.Tree, c.Kind)
	case len(c.ModesIn) > 0 && len(c.ModesOut) > 0 && len(c.ModesIn) != len(c.ModesOut):
		return plan.Request{}, usage("", "--modes-in %s and --modes-out %s: give as many of one as of the other", joinInts(c.ModesIn), joinInts(c.ModesOut))
	}
	shape := layer{cell: c.Cell, scope: factor.Scope(c.Scope), modesIn: c.ModesIn, modesOut: c.ModesOut}
	if err := checkModes(shape, c.Input, c.Hidden); err != nil && c.Kind != "dense" {
		return plan.Request{}, err
	}
	r := plan.Request{
		Cell: c.Cell, Input: c.Input, Hidden: c.Hidden, Kind: factor.Kind(c.Kind), Scope: shape.scope, Budget: c.Budget, In: c.ModesIn, Out: c.ModesOut,
		Tree: c.Tree.Tree, Leaf: c.Rank, Inner: c.InnerRank, Blocks: c.Blocks, Batch: c.Batch, Modes: c.Modes, Limit: c.Limit,
		Frame: plan.Frame{Height: f.H, Width: f.W, Channels: f.C},
	}
	if r.Inner == 0 && (r.Kind == factor.HT || c.Kind == allKinds) {
		r.Inner = c.Rank
	}
	return r, nil
}

// text is the table for people.
func (c *planCmd) text(out planned, verbose bool) string {
	var b strings.Builder
	found := out.Candidates
	first := found[0]
	fmt.Fprintf(&b, "%s of %s inputs and %s hidden units: dense it has %s recurrent weights, and %s biases in any case\n", c.Cell,
		thousands(int64(c.Input)), thousands(int64(c.Hidden)), thousands(first.DenseWeights), thousands(first.Biases))
	if c.Scope == string(factor.Partial) {
		fmt.Fprintf(&b, "scope partial: the structure is that of the input half; weights and MAC have the dense hidden half in them\n")
	}
	b.WriteString("\n")
	t := newTable()
	t.AppendHeader(table.Row{"", "kind", "modes in", "modes out", "ranks", "weights", "ratio", "MAC", "peak", "time"})
	for i, k := range found {
		number := fmt.Sprint(i + 1)
		if c.Kind == allKinds && k.Front {
			number = "* " + number
		}
		t.AppendRow(table.Row{number, k.Kind, joinInts(k.In), joinInts(k.Out), rankText(k), thousands(k.Weights), thousands(int64(k.Ratio)),
			millions(k.MAC), thousands(k.Peak), duration(k.Millis)})
	}
	rightAlign(t, 1, 6, 7, 8, 9, 10)
	b.WriteString(render(t))
	if c.Kind == allKinds {
		b.WriteString("\n* none of the others has both fewer weights and fewer multiply-adds\n")
		for _, o := range out.Omitted {
			if slices.Contains(factor.Kinds, factor.Kind(o.What)) {
				fmt.Fprintf(&b, "left out: %s: %s\n", o.What, o.Why)
			}
		}
	}
	b.WriteString(remarks(found, verbose))
	return b.String()
}

// remarks are what there is to say of the first candidate, or with verbose of all.
func remarks(found []candidate, verbose bool) string {
	var b strings.Builder
	for i, k := range found {
		if i > 0 && !verbose {
			break
		}
		if k.Why != "" {
			fmt.Fprintf(&b, "\n%d: %s", i+1, k.Why)
		}
		if verbose && len(k.Limits) > 0 {
			var most []string
			for _, l := range k.Limits {
				most = append(most, fmt.Sprintf("%s %d of %s", l.Where, l.Rank, thousands(int64(l.Most))))
			}
			fmt.Fprintf(&b, "\n   ranks, of the largest possible: %s", strings.Join(most, ", "))
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// rankText writes ranks: for ht equal ones as one number each for leaves and inner nodes, others node by node.
func rankText(c candidate) string {
	switch c.spec.Kind {
	case factor.Dense:
		return ""
	case factor.BT:
		return fmt.Sprintf("%d x %d", c.spec.Blocks, c.spec.BlockRank)
	case factor.TT, factor.TR:
		return joinInts(c.spec.Bonds)
	}
	var leaves, inner []int
	for _, n := range c.spec.Tree.Nodes() {
		switch r := c.spec.Rank(n); {
		case n.Len() == 1:
			leaves = append(leaves, r)
		case n.Len() < len(c.In):
			inner = append(inner, r)
		}
	}
	if slices.Max(leaves) == slices.Min(leaves) && (len(inner) == 0 || slices.Max(inner) == slices.Min(inner)) {
		leaves, inner = leaves[:1], inner[:min(len(inner), 1)]
	}
	if len(inner) == 0 {
		return joinInts(leaves)
	}
	return joinInts(leaves) + "; " + joinInts(inner)
}

// duration writes milliseconds.
func duration(ms float64) string {
	if ms < 0.1 {
		return fmt.Sprintf("%.0f µs", 1e3*ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// millions writes a number of multiply-adds.
func millions(n int64) string {
	if n < 100_000 {
		return thousands(n)
	}
	return fmt.Sprintf("%.2f M", float64(n)/1e6)
}
