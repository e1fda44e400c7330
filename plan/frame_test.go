package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAlignedModes(t *testing.T) {
	f := Frame{120, 160, 1}
	lists := alignedModes(f, 256, 4)
	for _, want := range [][]int{{9, 15, 10, 16}, {122, 5, 4, 8}, {21, 2, 3, 160}} {
		if !slices.ContainsFunc(lists, func(v []int) bool { return slices.Equal(v, want) }) {
			t.Errorf("%v is not among %d aligned lists", want, len(lists))
		}
	}
	for in, want := range map[string]string{
		"9 15 10 16": "rows 8 x 15, columns 10 x 16, hidden units in rows of their own",
		"122 160":    "rows 120, columns 160, hidden units in rows of their own",
		"8 8 8 40":   "",
		"8 15 10 16": "", // no rows for the hidden units
		"9 16 10 16": "", // 16 rows are no part of 120
	} {
		var modes []int
		for _, s := range strings.Fields(in) {
			n := 0
			for _, c := range s {
				n = 10*n + int(c-'0')
			}
			modes = append(modes, n)
		}
		if got := alignment(f, modes, 256); got != want {
			t.Errorf("%v: %q, want %q", modes, got, want)
		}
	}
}

// TestAlignmentKnowsAlignedModes holds the two views of alignment to each other.
func TestAlignmentKnowsAlignedModes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Frame{rapid.IntRange(1, 60).Draw(t, "height"), rapid.IntRange(1, 60).Draw(t, "width"), rapid.SampledFrom([]int{1, 3, 4}).Draw(t, "channels")}
		hidden := rapid.IntRange(0, 300).Draw(t, "hidden")
		for d := 1; d <= 4; d++ {
			for _, v := range alignedModes(f, hidden, d) {
				n, _ := multiply(v)
				if len(v) != d || n < f.Height*f.Width*f.Channels+hidden {
					t.Fatalf("frame %v, hidden %d: %v", f, hidden, v)
				}
				if d > 1 && v[0] == 1 {
					t.Fatalf("frame %v, hidden %d: %v begins with a mode for nothing", f, hidden, v)
				}
				if alignment(f, v, hidden) == "" {
					t.Fatalf("frame %v, hidden %d: %v is not seen to be aligned", f, hidden, v)
				}
			}
		}
	})
}

func TestChannelsAreNotCut(t *testing.T) {
	f := Frame{8, 6, 3}
	if alignment(f, []int{9, 6, 3}, 1) == "" || alignment(f, []int{9, 2, 9}, 1) == "" {
		t.Error("whole columns are said to be cut")
	}
	if got := alignment(f, []int{9, 9, 2}, 1); got != "" {
		t.Errorf("%q for columns of 3 channels in steps of 2", got)
	}
}

func TestFramePrefersAligned(t *testing.T) {
	for _, f := range []Frame{{120, 160, 3}, {28, 28, 1}, {1, 40, 2}} {
		input := f.Height * f.Width * f.Channels
		p := propose(t, Request{Input: input, Hidden: 256, Budget: 8808, Frame: f})
		for i, c := range p.Candidates {
			if i == 0 && !c.Aligned || i > 0 && c.Aligned && !p.Candidates[i-1].Aligned {
				t.Errorf("%v: candidate %d, %v x %v, aligned %v", f, i, c.Spec.In, c.Spec.Out, c.Aligned)
			}
			if c.Aligned != strings.HasPrefix(c.Why, "aligned with the frame: rows ") || c.Aligned != (alignment(f, c.Spec.In, 256) != "") {
				t.Errorf("%v: %v is aligned: %v, because %s", f, c.Spec.In, c.Aligned, c.Why)
			}
		}
	}
}

func TestDefaultTakesTheBest(t *testing.T) {
	f := Frame{28, 28, 1}
	best := propose(t, Request{Input: 784, Hidden: 32, Budget: 2000, Frame: f}).Candidates[0].Spec
	s, err := Default(784, 32, f, 2000)
	if err != nil || !reflect.DeepEqual(s, best) {
		t.Errorf("%+v, %v, want %+v", s, err, best)
	}
	if _, err := Default(784, 32, Frame{28, 27, 1}, 2000); err == nil {
		t.Error("a frame that is not the input's is taken")
	}
}
