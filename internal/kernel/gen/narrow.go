package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// narrow writes the micro-kernel for up to 4 columns: a register holds 4 rows x 4 columns of C. Four k of four rows of A come in one register,
// a row in each 16 bytes; spreading one of the four over its 16 bytes gives the factor for row k of B, which is there four times.
func narrow(t isa) {
	const rows = 16
	name := "narrow" + t.name
	f := begin(name, "mulArgs")
	Doc(
		name+" does p.tiles tiles of 16 rows and p.tail columns, 1 to 4. A's elements along k are adjacent, B is packed:",
		"rows of 4, the columns beyond p.tail and the rows from p.k up to a multiple of 4 being 0. It trusts every number in p and",
		"changes p.",
	)
	cols := t.newTail(f("tail"))
	// bits of the last up to 3 k
	rest, all, ends := GP64(), GP32(), K()
	MOVQ(f("k"), rest)
	ANDQ(Imm(3), rest)
	MOVL(U32(0xffffffff), all)
	BZHIL(rest.As32(), all, all)
	KMOVW(all, ends)

	r1, r3, r5, r7 := GP64(), GP64(), GP64(), GP64()
	MOVQ(f("arow"), r1)
	LEAQ(Mem{Base: r1, Index: r1, Scale: 2}, r3)
	LEAQ(Mem{Base: r1, Index: r1, Scale: 4}, r5)
	LEAQ(Mem{Base: r3, Index: r1, Scale: 4}, r7)
	p := []GPVirtual{GP64(), GP64()}
	at := func(row int) Mem {
		m := Mem{Base: p[row/8]}
		switch row % 8 {
		case 1, 2, 4:
			m.Index, m.Scale = r1, uint8(row%8)
		case 3, 6:
			m.Index, m.Scale = r3, uint8(row%8/3)
		case 5:
			m.Index, m.Scale = r5, 1
		case 7:
			m.Index, m.Scale = r7, 1
		}
		return m
	}
	c, b, k, crow := GP64(), GP64(), GP64(), GP64()
	MOVQ(f("c"), c)
	MOVQ(f("crow"), crow)

	Label("tile")
	MOVQ(f("a"), p[0])
	LEAQ(Mem{Base: p[0], Index: r1, Scale: 8}, p[1])
	MOVQ(f("b"), b)
	sum := t.vecs(8) // sum[g] and sum[4+g] for rows 4g to 4g+3, for even and odd k
	for _, s := range sum {
		t.zero(s)
	}
	step := func(part bool) {
		y := t.vecs(4)
		for i := range y {
			VBROADCASTF32X4(Mem{Base: b, Disp: 16 * i}, y[i])
		}
		for g := range 4 {
			x := t.vec()
			for l := range 4 {
				m := at(4*g + l)
				switch {
				case part:
					v := XMM()
					VMOVUPS_Z(m, ends, v)
					if l == 0 {
						VMOVAPS(v, x.AsX())
					} else {
						VINSERTF32X4(Imm(uint64(l)), v, x, x)
					}
				case l == 0:
					VMOVUPS(m, x.AsX())
				default:
					VINSERTF32X4(Imm(uint64(l)), m, x, x)
				}
			}
			for i := range y {
				e := t.vec()
				VPERMILPS(Imm(uint64(i*0b01010101)), x, e)
				VFMADD231PS(y[i], e, sum[i%2*4+g])
			}
		}
		ADDQ(Imm(64), b)
		ADDQ(Imm(16), p[0])
		ADDQ(Imm(16), p[1])
	}
	MOVQ(f("k"), k)
	SUBQ(Imm(4), k)
	JLT(LabelRef("rest"))
	Label("loop")
	step(false)
	SUBQ(Imm(4), k)
	JGE(LabelRef("loop"))
	Label("rest")
	TESTQ(rest, rest)
	JZ(LabelRef("summed"))
	step(true)
	Label("summed")

	write := func(add bool) {
		for g := range 4 {
			for l := range 4 {
				x := XMM()
				if l == 0 {
					VMOVAPS(sum[g].AsX(), x)
				} else {
					VEXTRACTF32X4(Imm(uint64(l)), sum[g], x)
				}
				if add {
					old := XMM()
					VMOVUPS_Z(Mem{Base: c}, cols.k, old)
					VADDPS(old, x, x)
				}
				VMOVUPS(x, cols.k, Mem{Base: c})
				ADDQ(crow, c)
			}
		}
	}
	for g := range 4 {
		VADDPS(sum[4+g], sum[g], sum[g])
	}
	CMPQ(f("add"), Imm(0))
	JE(LabelRef("set"))
	write(true)
	JMP(LabelRef("written"))
	Label("set")
	// Four rows of 4 columns without gaps are one vector.
	CMPQ(crow, Imm(16))
	JNE(LabelRef("apart"))
	CMPQ(f("tail"), Imm(4))
	JNE(LabelRef("apart"))
	for g := range 4 {
		VMOVUPS(sum[g], Mem{Base: c, Disp: 64 * g})
	}
	ADDQ(U32(16*rows), c)
	JMP(LabelRef("written"))
	Label("apart")
	write(false)
	Label("written")
	MOVQ(f("tilestep"), k)
	ADDQ(k, f("a"))
	DECQ(f("tiles"))
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
