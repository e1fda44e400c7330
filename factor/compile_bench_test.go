package factor_test

import (
	"testing"

	"github.com/fdht/fdht/factor"
)

// BenchmarkCompile is what a program waits for before its first frame.
func BenchmarkCompile(b *testing.B) {
	for name, s := range map[string]factor.Spec{
		"d4": factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8),
		"d5": factor.HTSpec([]int{25, 5, 10, 4, 12}, []int{2, 2, 2, 32, 4}, 8, 8),
		"d6": factor.HTSpec([]int{5, 5, 5, 8, 8, 8}, []int{4, 4, 2, 2, 4, 4}, 6, 6),
	} {
		l, err := factor.New(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Compile(0, s.Cols(), 256)
			}
		})
	}
}
