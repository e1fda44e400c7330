package cli

import (
	"fmt"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/plan"
	"github.com/jedib0t/go-pretty/v6/table"
)

// planCmd is fdht plan.
type planCmd struct {
	Input     int       `placeholder:"N" group:"model" help:"Numbers in a row: of a frame height x width x channels, or features. Left out: the product of --frame."`
	Hidden    int       `default:"256" placeholder:"H" group:"model" help:"Hidden units (${default})."`
	Cell      string    `default:"lstm" placeholder:"KIND" group:"model" help:"Kind of the cell: lstm."`
	Kind      string    `default:"ht" placeholder:"KIND" group:"model" help:"Structure: ht, dense, or all side by side (${default})."`
	Budget    int64     `placeholder:"W" group:"model" help:"Most recurrent weights."`
	ModesIn   []int     `placeholder:"N" group:"model" help:"Input modes, kept as they are; they multiply to at least inputs + hidden units."`
	ModesOut  []int     `placeholder:"M" group:"model" help:"Output modes, kept as they are; they multiply to 4 x hidden units."`
	Modes     int       `placeholder:"D" group:"model" help:"Number of modes (2 to 5 are tried)."`
	Tree      treeFlag  `placeholder:"TREE" group:"model" help:"Dimension tree, such as [[0,1],[2,3]]; left out: balanced."`
	Rank      int       `placeholder:"R" group:"model" help:"Rank of all leaves, and of all inner nodes without --inner-rank."`
	InnerRank int       `placeholder:"R" group:"model" help:"Rank of all inner nodes."`
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
  fdht plan --input 2048 --hidden 2048 --kind all --budget 4000 --json

The best candidate comes first; ranks are those of the leaves; those of the inner nodes. Ratio is dense weights / weights, MAC
multiply-adds for --batch rows, peak the numbers in the largest intermediate, time that of a streamed frame. fdht train takes the
same flags.`
}

// planned is what plan --json prints.
type planned struct {
	Candidates []candidate    `json:"candidates"`
	Omitted    []plan.Omitted `json:"omitted,omitempty"`
}

type candidate struct {
	Kind         factor.Kind    `json:"kind"`
	Scope        factor.Scope   `json:"scope"`
	In           []int          `json:"in"`
	Out          []int          `json:"out"`
	Tree         factor.Tree    `json:"tree"`
	Ranks        map[string]int `json:"ranks"`
	Weights      int64          `json:"weights"`
	Biases       int64          `json:"biases"`
	DenseWeights int64          `json:"dense_weights"`
	Ratio        float64        `json:"ratio"`
	MAC          int64          `json:"mac"`
	Peak         int64          `json:"peak"`
	InputMAC     int64          `json:"input_mac"`
	HiddenMAC    int64          `json:"hidden_mac"`
	Millis       float64        `json:"predicted_millis"`
	Padding      int            `json:"padding"`
	Aligned      bool           `json:"aligned"`
	Why          string         `json:"why,omitempty"`
}

func newCandidate(c plan.Candidate) candidate {
	s := c.Spec
	tree := s.Tree
	if tree.IsZero() {
		tree = factor.Balanced(len(s.In))
	}
	ranks := map[string]int{}
	for n, r := range s.Ranks {
		ranks[n.String()] = r
	}
	return candidate{s.Kind, s.Scope, s.In, s.Out, tree, ranks, c.Weights, c.Biases, c.DenseWeights, c.Ratio, c.MAC, c.Peak,
		c.InputMAC, c.HiddenMAC, c.PredictedMillis, c.Padding, c.Aligned, c.Why}
}

// Run plans.
func (c *planCmd) Run(u *ui) error {
	r, err := c.request()
	if err != nil {
		return err
	}
	kinds := []factor.Kind{r.Kind}
	if c.Kind == "all" {
		kinds = []factor.Kind{factor.HT, factor.Dense}
	}
	out := planned{Candidates: []candidate{}}
	var found []plan.Candidate
	for _, k := range kinds {
		q := r
		if q.Kind = k; k == factor.Dense && c.Kind == "all" {
			q.In, q.Out, q.Tree, q.Leaf, q.Inner, q.Modes, q.Budget = nil, nil, factor.Tree{}, 0, 0, 0, 0
		}
		p, err := plan.Propose(q)
		if err != nil {
			return &usageError{err: err}
		}
		found = append(found, p.Candidates...)
		out.Omitted = append(out.Omitted, p.Omitted...)
	}
	for _, f := range found {
		out.Candidates = append(out.Candidates, newCandidate(f))
	}
	if c.JSON {
		return u.json(out)
	}
	for _, o := range out.Omitted {
		u.detail("left out: %s: %s", o.What, o.Why)
	}
	return u.print("%s", c.text(out.Candidates, u.verbose))
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
	case c.Kind != "ht" && c.Kind != "dense" && c.Kind != "all":
		return plan.Request{}, usage("", "--kind %s: want ht, dense or all", c.Kind)
	case len(c.ModesIn) > 0 && len(c.ModesOut) > 0 && len(c.ModesIn) != len(c.ModesOut):
		return plan.Request{}, usage("", "--modes-in %s and --modes-out %s: give as many of one as of the other", joinInts(c.ModesIn), joinInts(c.ModesOut))
	}
	if err := checkModes(layer{modesIn: c.ModesIn, modesOut: c.ModesOut}, c.Input, c.Hidden); err != nil && c.Kind != "dense" {
		return plan.Request{}, err
	}
	r := plan.Request{
		Cell: c.Cell, Input: c.Input, Hidden: c.Hidden, Kind: factor.Kind(c.Kind), Budget: c.Budget, In: c.ModesIn, Out: c.ModesOut,
		Tree: c.Tree.Tree, Leaf: c.Rank, Inner: c.InnerRank, Batch: c.Batch, Modes: c.Modes, Limit: c.Limit,
		Frame: plan.Frame{Height: f.H, Width: f.W, Channels: f.C},
	}
	if r.Inner == 0 {
		r.Inner = c.Rank
	}
	return r, nil
}

// text is the table for people.
func (c *planCmd) text(found []candidate, verbose bool) string {
	var b strings.Builder
	first := found[0]
	fmt.Fprintf(&b, "%s of %s inputs and %s hidden units: dense it has %s recurrent weights, and %s biases in any case\n\n", c.Cell,
		thousands(int64(c.Input)), thousands(int64(c.Hidden)), thousands(first.DenseWeights), thousands(first.Biases))
	t := newTable()
	t.AppendHeader(table.Row{"", "kind", "modes in", "modes out", "ranks", "weights", "ratio", "MAC", "peak", "time"})
	for i, k := range found {
		ranks := rankText(k)
		t.AppendRow(table.Row{i + 1, k.Kind, joinInts(k.In), joinInts(k.Out), ranks, thousands(k.Weights), thousands(int64(k.Ratio)),
			millions(k.MAC), thousands(k.Peak), duration(k.Millis)})
	}
	rightAlign(t, 1, 6, 7, 8, 9, 10)
	b.WriteString(render(t))
	for i, k := range found {
		if k.Why != "" && (i == 0 || verbose) {
			fmt.Fprintf(&b, "\n%d: %s", i+1, k.Why)
		}
	}
	if first.Why != "" {
		b.WriteString("\n")
	}
	return b.String()
}

// rankText writes equal ranks as one number each for leaves and inner nodes, others node by node.
func rankText(c candidate) string {
	if c.Kind == factor.Dense {
		return ""
	}
	var leaves, inner []int
	same := true
	for _, n := range c.Tree.Nodes() {
		if n.Len() == len(c.In) {
			continue
		}
		list := &inner
		if n.Len() == 1 {
			list = &leaves
		}
		*list = append(*list, c.Ranks[n.String()])
		same = same && (*list)[0] == c.Ranks[n.String()]
	}
	if !same {
		return joinInts(leaves) + "; " + joinInts(inner)
	}
	text := fmt.Sprint(leaves[0])
	if len(inner) > 0 {
		text += fmt.Sprintf("; %d", inner[0])
	}
	return text
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
