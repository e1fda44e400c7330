package c

import (
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
)

// TestMemory: the fewest bytes that can be asked for give the least memory.
func TestMemory(t *testing.T) {
	f := testmodels.Random(t, testmodels.Frames("rgb"), 1)
	floats := func(memory int) int {
		b, err := FloatBuild(f, memory)
		if err != nil {
			t.Fatal(err)
		}
		return b.Layout.Data
	}
	integers := func(memory int) int {
		m, err := quant.Quantise(f, []rnn.Sequence{testmodels.Rows(f.Config, 2, 1)}, quant.Options{Bits: 8, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		b, err := IntBuild(m)
		if err != nil {
			t.Fatal(err)
		}
		return b.Layout.Data
	}
	for name, data := range map[string]func(memory int) int{"floats": floats, "integers": integers} {
		fast, least := data(0), data(4)
		if least >= fast {
			t.Errorf("%s: %d elements of data with 4 bytes, %d with as many as are fastest", name, least, fast)
		}
		for memory := 1; memory < 4; memory++ {
			if got := data(memory); got != least {
				t.Errorf("%s: %d elements of data with %d bytes, %d with 4", name, got, memory, least)
			}
		}
	}
}

// TestOverflows: on hosts with words of 32 bits too.
func TestOverflows(t *testing.T) {
	for _, c := range []struct {
		sum, shift int
		want       bool
	}{
		{1, 0, false}, {511, 0, false}, {511, 21, false}, {511, 22, true}, {512, 0, true}, {600, 3, true}, {1024, 0, true}, {1536, 10, true}, {1 << 20, 0, true},
		{1, 30, false}, {1, 31, true}, {256, 30, true},
	} {
		if got := overflows(c.sum, c.shift); got != c.want {
			t.Errorf("%d products, shift %d: %v", c.sum, c.shift, got)
		}
	}
}
