package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose writes the kernel that turns a strip of rows into columns.
//
// Part l (16 bytes) of vector i gets four elements of row 4l+i; a 4 x 4 transposition within every part then leaves one column of
// the strip in each of the four vectors.
func transpose(t isa) {
	name := "transpose" + t.name
	groups := t.lanes() / 4
	TEXT(name, NOSPLIT, "func(dst *float32, src *float32, dstRow int, srcRow int, groups int, blocks int)")
	Pragma("noescape")
	Doc(
		fmt.Sprintf("%s sets row k of dst to column k of src, k < 4*blocks, for a strip of 4*groups rows of src, 1 <= groups <= %d.", name, groups),
		fmt.Sprintf("It writes %d elements to every row of dst, those beyond 4*groups without meaning. Rows are dstRow and srcRow bytes apart.", t.lanes()),
	)
	dst, drow := Load(Param("dst"), GP64()), Load(Param("dstRow"), GP64())
	row, left := Load(Param("srcRow"), GP64()), Load(Param("groups"), GP64())
	base := make([]GPVirtual, groups)
	base[0] = GP64()
	Load(Param("src"), base[0])
	step, zero := GP64(), GP64()
	XORQ(zero, zero)
	for l := 1; l < groups; l++ { // a group that is not there is the last one again
		base[l] = GP64()
		MOVQ(row, step)
		SHLQ(Imm(2), step)
		CMPQ(left, Imm(uint64(l)))
		CMOVQLE(zero, step)
		MOVQ(base[l-1], base[l])
		ADDQ(step, base[l])
	}
	row3 := GP64()
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)
	k := Load(Param("blocks"), GP64())

	Label("loop")
	v := t.vecs(4)
	for i := range v {
		for l, p := range base {
			m := Mem{Base: p}
			switch i {
			case 1, 2:
				m.Index, m.Scale = row, uint8(i)
			case 3:
				m.Index, m.Scale = row3, 1
			}
			switch {
			case l == 0:
				VMOVUPS(m, v[i].AsX())
			case t.wide:
				VINSERTF32X4(Imm(uint64(l)), m, v[i], v[i])
			default:
				VINSERTF128(Imm(uint64(l)), m, v[i], v[i])
			}
		}
	}
	lo01, hi01, lo23, hi23 := t.vec(), t.vec(), t.vec(), t.vec()
	VUNPCKLPS(v[1], v[0], lo01)
	VUNPCKHPS(v[1], v[0], hi01)
	VUNPCKLPS(v[3], v[2], lo23)
	VUNPCKHPS(v[3], v[2], hi23)
	VUNPCKLPD(lo23, lo01, v[0])
	VUNPCKHPD(lo23, lo01, v[1])
	VUNPCKLPD(hi23, hi01, v[2])
	VUNPCKHPD(hi23, hi01, v[3])
	for i := range v {
		VMOVUPS(v[i], Mem{Base: dst})
		ADDQ(drow, dst)
	}
	for _, p := range base {
		ADDQ(Imm(16), p)
	}
	DECQ(k)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
