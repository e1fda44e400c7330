package plan

import (
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
)

func TestErrors(t *testing.T) {
	tree, err := factor.ParseTree("[[0,1],2]")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Cell: "cnn", Input: 1, Hidden: 1}, `unknown cell "cnn": choose lstm, gru or rnn`},
		{Request{Kind: "cp", Input: 1, Hidden: 1}, `unknown kind "cp": choose ht, tt, tr, bt or dense`},
		{Request{Scope: "split", Input: 1, Hidden: 1}, `unknown scope "split": choose full or partial`},
		{Request{Kind: factor.TT, Tree: tree, Input: 1, Hidden: 1}, `tree [[0,1],2] with kind tt: only ht has a tree`},
		{Request{Kind: factor.TT, Blocks: 2, Input: 1, Hidden: 1}, `2 blocks with kind tt: only bt has blocks`},
		{Request{Kind: factor.TR, Leaf: 2, Inner: 3, Input: 1, Hidden: 1}, `inner rank 3 with kind tr: only ht has inner nodes`},
		{Request{Kind: factor.Dense, Inner: 3, Input: 1, Hidden: 1}, `inner rank 3 with kind dense: only ht has inner nodes`},
		{Request{Scope: factor.Partial, Input: 57600, Hidden: 256, Budget: 262200, In: []int{8, 20, 20, 18}, Out: []int{16, 4, 4, 4}},
			`no structure fits a budget of 262200 weights: the smallest possible, input modes [8 20 20 18] with output modes [16 4 4 4], has 363 beside the 262144 of the dense hidden half; raise the budget or choose scope full`},
		{Request{Kind: factor.BT, Blocks: 257, Input: 1, Hidden: 1}, `257 blocks: the most is 256`},
		{Request{Cell: "gru", Input: 57600, Hidden: 256, Out: []int{8, 8, 8}},
			`output modes [8 8 8] multiply to 512: 256 hidden units with cell gru need exactly 3 x 256 = 768`},
		{Request{Scope: factor.Partial, Input: 57600, Hidden: 256, In: []int{8, 20, 20, 17}},
			`input modes [8 20 20 17] multiply to 54400: 57600 inputs need at least 57600`},
		{Request{Scope: factor.Partial, Input: 57600, Hidden: 256, Budget: 8808},
			`a budget of 8808 weights cannot hold the dense hidden half of scope partial: 1024 x 256 has 262144; raise the budget or choose scope full`},
		{Request{Scope: factor.Partial, Kind: factor.TT, Input: 57600, Hidden: 256, Budget: 263000, In: []int{8, 20, 20, 18}, Out: []int{16, 4, 4, 4}, Leaf: 4},
			`no structure fits a budget of 263000 weights: the smallest possible, input modes [8 20 20 18] with output modes [16 4 4 4], has 3360 beside the 262144 of the dense hidden half; raise the budget, lower the ranks or choose scope full`},
		{Request{Kind: factor.TT, Input: 57600, Hidden: 256, In: []int{8, 20, 20, 19}, Out: []int{16, 4, 4, 4}, Leaf: 129},
			`rank 129 at bond 1 is too large for input modes [8 20 20 19] with output modes [16 4 4 4]: the largest allowed there is 128`},
		{Request{Kind: factor.BT, Input: 57600, Hidden: 256, In: []int{8, 20, 20, 19}, Out: []int{16, 4, 4, 4}, Leaf: 77},
			`rank 77 at every block is too large for input modes [8 20 20 19] with output modes [16 4 4 4]: the largest allowed there is 76`},
		{Request{Input: 0, Hidden: 256}, `input 0, hidden 256: each is at least 1`},
		{Request{Input: 1 << 31, Hidden: 256}, `input 2147483648, hidden 256: 4 x hidden and input + hidden are at most 2147483647`},
		{Request{Input: 1, Hidden: 1, Budget: -1}, `budget -1, leaf rank 0, inner rank 0, blocks 0, batch 0, modes 0, limit 0: none is negative, leave out what is to be chosen`},
		{Request{Input: 57600, Hidden: 256, Out: []int{8, 8, 8}},
			`output modes [8 8 8] multiply to 512: 256 hidden units with cell lstm need exactly 4 x 256 = 1024`},
		{Request{Input: 57600, Hidden: 256, In: []int{8, 20, 20, 18}},
			`input modes [8 20 20 18] multiply to 57600: 57600 inputs + 256 hidden units need at least 57856`},
		{Request{Input: 57600, Hidden: 256, In: []int{1 << 20, 1 << 20}}, `input modes [1048576 1048576] multiply to 1.1e+12: the most is 2147483647`},
		{Request{Input: 57600, Hidden: 256, In: []int{8, 0}}, `mode 0 in input modes [8 0]: every mode is at least 1`},
		{Request{Input: 57600, Hidden: 256, In: []int{241, 241}, Out: []int{16, 8, 8}},
			`2 input modes and 3 output modes: give as many of one as of the other`},
		{Request{Input: 57600, Hidden: 256, Modes: 4, Tree: tree}, `4 modes and 3 leaves of the tree: give as many of one as of the other`},
		{Request{Input: 57600, Hidden: 256, Modes: 9}, `9 modes: the most is 8`},
		{Request{Input: 57600, Hidden: 256, Frame: Frame{120, 160, 1}},
			`frame 120x160x1 holds 19200 numbers, the input has 57600: make them agree`},
		{Request{Input: 57600, Hidden: 256, Frame: Frame{120, 0, 3}}, `frame 120x0x3: height, width and channels are each at least 1`},
		{Request{Input: 57600, Hidden: 256, In: []int{8, 8, 8, 113}, Out: []int{16, 4, 4, 4}, Leaf: 40, Inner: 4},
			`rank 40 at node 1 is too large for input modes [8 8 8 113] with output modes [16 4 4 4]: the largest allowed there is 32`},
		{Request{Input: 57600, Hidden: 256, In: []int{8, 8, 8, 113}, Out: []int{16, 4, 4, 4}, Leaf: 2, Inner: 5},
			`rank 5 at node 0-2 is too large for input modes [8 8 8 113] with output modes [16 4 4 4]: the largest allowed there is 4`},
		{Request{Input: 57600, Hidden: 256, Budget: 100},
			`no structure fits a budget of 100 weights: the smallest possible, input modes [4 9 9 9 20] with output modes [8 4 4 4 2], has 184; raise the budget`},
		{Request{Input: 57600, Hidden: 256, In: []int{8, 8, 8, 113}, Out: []int{16, 4, 4, 4}, Leaf: 4, Inner: 4, Budget: 2719},
			`no structure fits a budget of 2719 weights: the smallest possible, input modes [8 8 8 113] with output modes [16 4 4 4], has 2720; raise the budget or lower the ranks`},
		{Request{Input: 12, Hidden: 3, Kind: factor.Dense, Budget: 100},
			`no structure fits a budget of 100 weights: a dense matrix of 12 x 15 has 180; raise the budget or choose kind ht`},
		{Request{Input: 12, Hidden: 3, Kind: factor.Dense, Leaf: 2}, `kind dense takes one input mode, one output mode and no ranks: leave out modes and ranks, or choose ht`},
	} {
		_, err := Propose(c.r)
		if err == nil {
			t.Errorf("%+v: no error, want %q", c.r, c.want)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.r, err, c.want)
		}
		if s := err.Error(); s != strings.TrimRight(s, ".") {
			t.Errorf("%q ends in a full stop", s)
		}
	}
}

func TestOmitted(t *testing.T) {
	has := func(p Plan, what, why string) {
		t.Helper()
		for _, o := range p.Omitted {
			if o.What == what && strings.Contains(o.Why, why) {
				return
			}
		}
		t.Errorf("no %q because of %q in %+v", what, why, p.Omitted)
	}
	p := propose(t, Request{Input: 57600, Hidden: 256, Budget: 8808, Limit: 2})
	has(p, "2 modes", "over the budget of 8808 weights: the smallest of them needs 15409")
	if len(p.Candidates) != 2 {
		t.Errorf("%d candidates for a limit of 2", len(p.Candidates))
	}
	has(propose(t, Request{Input: 1, Hidden: 1}), "3 modes", "4 x 1 = 4 rows are a product of 2 primes only")
	has(propose(t, Request{Input: 57600, Hidden: 256, Leaf: 200}), "4 modes", "rank 200 at node 0 is too large for input modes")
	has(propose(t, Request{Input: 57600, Hidden: 256, In: []int{241, 241}}), "structures of at most 8808 weights", "there are none")
	has(propose(t, Request{Input: 2, Hidden: 8}), "5 modes", "too few columns")
}
