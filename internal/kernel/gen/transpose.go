package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose4 writes the kernel for strips of four rows, in registers of 16 bytes.
func transpose4() {
	TEXT("transpose4", NOSPLIT, "func(dst *float32, src *float32, dstRow int, srcRow int, blocks int)")
	Pragma("noescape")
	Doc("transpose4 sets row k of dst to column k of four rows of src, k < 4*blocks. Rows are dstRow and srcRow bytes apart.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	drow, srow := Load(Param("dstRow"), GP64()), Load(Param("srcRow"), GP64())
	srow3 := GP64()
	LEAQ(Mem{Base: srow, Index: srow, Scale: 2}, srow3)
	k := Load(Param("blocks"), GP64())

	Label("loop")
	r := []VecVirtual{XMM(), XMM(), XMM(), XMM()}
	VMOVUPS(Mem{Base: src}, r[0])
	VMOVUPS(Mem{Base: src, Index: srow, Scale: 1}, r[1])
	VMOVUPS(Mem{Base: src, Index: srow, Scale: 2}, r[2])
	VMOVUPS(Mem{Base: src, Index: srow3, Scale: 1}, r[3])
	for _, v := range turn4(r, func() VecVirtual { return XMM() }) {
		VMOVUPS(v, Mem{Base: dst})
		ADDQ(drow, dst)
	}
	ADDQ(Imm(16), src)
	DECQ(k)
	JNZ(LabelRef("loop"))
	RET()
}

// turn4 transposes 4 x 4 elements in every 16 bytes of four vectors.
func turn4(v []VecVirtual, vec func() VecVirtual) []VecVirtual {
	lo01, hi01, lo23, hi23 := vec(), vec(), vec(), vec()
	VUNPCKLPS(v[1], v[0], lo01)
	VUNPCKHPS(v[1], v[0], hi01)
	VUNPCKLPS(v[3], v[2], lo23)
	VUNPCKHPS(v[3], v[2], hi23)
	VUNPCKLPD(lo23, lo01, v[0])
	VUNPCKHPD(lo23, lo01, v[1])
	VUNPCKLPD(hi23, hi01, v[2])
	VUNPCKHPD(hi23, hi01, v[3])
	return v
}

// transpose writes the kernel for strips of as many rows as a vector has lanes.
//
// Part l (16 bytes) of vector i gets four elements of row 4l+i; a 4 x 4 transposition within every part then leaves one column of
// the strip in each of the four vectors.
func transpose(t isa) {
	name := "transpose" + t.name
	TEXT(name, NOSPLIT, "func(dst *float32, src *float32, dstRow int, srcRow int, blocks int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets row k of dst to column k of %d rows of src, k < 4*blocks. Rows are dstRow and srcRow bytes apart.", name, t.lanes()))
	dst, drow := Load(Param("dst"), GP64()), Load(Param("dstRow"), GP64())
	row := Load(Param("srcRow"), GP64())
	base := make([]GPVirtual, t.lanes()/4)
	base[0] = GP64()
	Load(Param("src"), base[0])
	step := GP64()
	MOVQ(row, step)
	SHLQ(Imm(2), step)
	for l := 1; l < len(base); l++ {
		base[l] = GP64()
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
	turn4(v, t.vec)
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
