package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// peak writes a loop of 12 independent FMAs on registers only.
func peak(t isa) {
	name := "peak" + t.name
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(fmt.Sprintf("%s runs n times 12 multiply-adds of %d lanes on registers only.", name, t.lanes()))
	n := Load(Param("n"), GP64())
	v := t.vecs(14)
	for _, r := range v {
		t.zero(r)
	}
	Label("loop")
	for i := range 12 {
		VFMADD231PS(v[12], v[13], v[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
