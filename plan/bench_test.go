package plan

import "testing"

func BenchmarkPropose(b *testing.B) {
	for b.Loop() {
		propose(b, Request{Input: 57600, Hidden: 256, Budget: 8808})
	}
}

func BenchmarkProposeFrame(b *testing.B) {
	for b.Loop() {
		propose(b, Request{Input: 57600, Hidden: 256, Budget: 8808, Frame: Frame{120, 160, 3}})
	}
}
