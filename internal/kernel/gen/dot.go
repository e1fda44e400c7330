package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func dot(t isa) {
	for _, s := range []struct{ rows, cols int }{{4, 4}, {2, 4}, {1, 4}, {1, 1}} {
		if !t.wide && s.rows == 4 {
			continue // 16 sums do not fit
		}
		dotKernel(t, s.rows, s.cols)
	}
}

// dotKernel writes the micro-kernel for tiles of rows x cols dot products, vectorised along k.
func dotKernel(t isa, rows, cols int) {
	name := fmt.Sprintf("dot%sR%dC%d", t.name, rows, cols)
	sets := min(4, max(1, 8/(rows*cols)))

	f := begin(name, "dotArgs")
	Doc(
		fmt.Sprintf("%s does p.batch times p.outer runs of p.inner tiles of %d x %d dot products, each a sum over p.sums times", name, rows, cols),
		fmt.Sprintf("(p.k vectors of %d and one of p.tail, which may be 0). It trusts every number in p and changes p.", t.lanes()),
	)
	end := t.newTail(f("tail"))
	tmp := GP64()
	move := func(from, to string) {
		MOVQ(f(from), tmp)
		MOVQ(tmp, f(to))
	}
	add := func(step, to string) {
		MOVQ(f(step), tmp)
		ADDQ(tmp, f(to))
	}

	a, b := newRows(f("arow"), rows), newRows(f("brow"), cols)
	k, sums := GP64(), GP64()

	Label("batch")
	move("a", "runA")
	move("b", "runB")
	move("c", "runC")
	move("outer", "outerLeft")
	Label("run")
	move("runA", "tileA")
	move("runB", "tileB")
	move("runC", "tileC")
	move("inner", "innerLeft")
	Label("tile")
	sum := make([][]VecVirtual, sets)
	for s := range sum {
		sum[s] = t.vecs(rows * cols)
		for _, v := range sum[s] {
			t.zero(v)
		}
	}
	MOVQ(f("tileA"), a.first)
	MOVQ(f("tileB"), b.first)
	MOVQ(f("sums"), sums)

	step := func(s, disp int, masked bool) {
		y := t.vecs(cols)
		for j := range cols {
			end.load(b.at(j, disp), y[j], masked)
		}
		for i := range rows {
			x := t.vec()
			end.load(a.at(i, disp), x, masked)
			for j := range cols {
				VFMADD231PS(y[j], x, sum[s][i*cols+j])
			}
		}
	}
	forth := func(vectors int) {
		ADDQ(U32(vectors*t.bytes), a.first)
		ADDQ(U32(vectors*t.bytes), b.first)
	}
	Label("sum")
	MOVQ(f("k"), k)
	if sets > 1 {
		SUBQ(Imm(uint64(sets)), k)
		JLT(LabelRef("rest"))
		Label("many")
		for s := range sets {
			step(s, s*t.bytes, false)
		}
		forth(sets)
		SUBQ(Imm(uint64(sets)), k)
		JGE(LabelRef("many"))
		Label("rest")
		ADDQ(Imm(uint64(sets)), k)
	} else {
		TESTQ(k, k)
	}
	JZ(LabelRef("last"))
	Label("one")
	step(0, 0, false)
	forth(1)
	DECQ(k)
	JNZ(LabelRef("one"))
	Label("last")
	CMPQ(f("tail"), Imm(0))
	JE(LabelRef("summed"))
	step(sets-1, 0, true)
	Label("summed")
	ADDQ(f("askip"), a.first)
	ADDQ(f("bskip"), b.first)
	DECQ(sums)
	JNZ(LabelRef("sum"))

	for n := sets; n > 1; n /= 2 {
		for s := n / 2; s < n; s++ {
			for i := range sum[s] {
				VADDPS(sum[s][i], sum[s-n/2][i], sum[s-n/2][i])
			}
		}
	}

	to := GP64()
	MOVQ(f("tileC"), to)
	if cols == 4 {
		for i := range rows {
			x := t.reduce4(sum[0][i*4 : i*4+4])
			t.store4(i, x, to, f("ccol"), f("add"))
			if i+1 < rows {
				ADDQ(f("crow"), to)
			}
		}
	} else {
		x := t.reduce1(sum[0][0])
		CMPQ(f("add"), Imm(0))
		JE(LabelRef("set"))
		VADDSS(Mem{Base: to}, x, x)
		Label("set")
		VMOVSS(x, Mem{Base: to})
	}

	add("ainner", "tileA")
	add("binner", "tileB")
	add("cinner", "tileC")
	DECQ(f("innerLeft"))
	JNZ(LabelRef("tile"))
	add("aouter", "runA")
	add("bouter", "runB")
	add("couter", "runC")
	DECQ(f("outerLeft"))
	JNZ(LabelRef("run"))
	add("cbatch", "c")
	add("abatch", "a")
	add("bbatch", "b")
	DECQ(f("batch"))
	JNZ(LabelRef("batch"))
	VZEROUPPER()
	RET()
}

// rows are up to four rows of a matrix, the same distance apart.
type rows struct {
	first       GPVirtual // the address in the first one, which moves along
	step, step3 GPVirtual // the distance, once and three times
}

// newRows has rows as far apart as step says.
func newRows(step Mem, n int) (r rows) {
	r.first = GP64()
	if n > 1 {
		r.step = GP64()
		MOVQ(step, r.step)
	}
	if n > 3 {
		r.step3 = GP64()
		LEAQ(Mem{Base: r.step, Index: r.step, Scale: 2}, r.step3)
	}
	return r
}

// at is row i, disp bytes on.
func (r rows) at(i, disp int) Mem {
	m := Mem{Base: r.first, Disp: disp}
	switch i {
	case 1, 2:
		m.Index, m.Scale = r.step, uint8(i)
	case 3:
		m.Index, m.Scale = r.step3, 1
	}
	return m
}

// fold adds the upper parts of a vector to its lowest 16 bytes, so that lane l has the sum of the lanes l+4i.
func (t isa) fold(v VecVirtual) Register {
	if t.wide {
		y := YMM()
		VEXTRACTF64X4(Imm(1), v, y)
		VADDPS(v.AsY(), y, y)
		v = y
	}
	x := XMM()
	if t.wide { // VEXTRACTF128 knows the first 16 registers only
		VEXTRACTF32X4(Imm(1), v, x)
	} else {
		VEXTRACTF128(Imm(1), v, x)
	}
	VADDPS(v.AsX(), x, x)
	return x
}

// reduce4 gives the sums of four vectors in the lanes of one of 16 bytes.
func (t isa) reduce4(v []VecVirtual) Register {
	pair := func(p, q VecVirtual) VecVirtual { // p0+p2 q0+q2 p1+p3 q1+q3 in every 16 bytes
		lo, hi := t.vec(), t.vec()
		VUNPCKLPS(q, p, lo)
		VUNPCKHPS(q, p, hi)
		VADDPS(lo, hi, lo)
		return lo
	}
	p, q := pair(v[0], v[1]), pair(v[2], v[3])
	lo, hi := t.vec(), t.vec()
	VUNPCKLPD(q, p, lo)
	VUNPCKHPD(q, p, hi)
	VADDPS(lo, hi, lo)
	return t.fold(lo)
}

// reduce1 gives the sum of one vector in the lowest lane.
func (t isa) reduce1(v VecVirtual) Register {
	x := t.fold(v)
	VHADDPS(x, x, x)
	VHADDPS(x, x, x)
	return x
}

// store4 writes the four lanes of x at c, c+step .. (bytes), adding what is there if the number at add is not 0.
func (t isa) store4(id int, x Register, c Register, step, add Mem) {
	l := func(name string) LabelRef { return LabelRef(label(name, id)) }
	at := Mem{Base: c}
	CMPQ(step, Imm(4))
	JNE(l("apart"))
	CMPQ(add, Imm(0))
	JE(l("row"))
	VADDPS(at, x, x)
	Label(string(l("row")))
	VMOVUPS(x, at)
	JMP(l("stored"))

	Label(string(l("apart")))
	p, s := GP64(), GP64()
	MOVQ(c, p)
	MOVQ(step, s)
	lane := func(i int) Mem {
		if i == 3 {
			return Mem{Base: p, Index: s, Scale: 1}
		}
		return []Mem{{Base: p}, {Base: p, Index: s, Scale: 1}, {Base: p, Index: s, Scale: 2}}[i]
	}
	CMPQ(add, Imm(0))
	JE(l("lanes"))
	old := XMM()
	VMOVSS(lane(0), old)
	VINSERTPS(Imm(0x10), lane(1), old, old)
	VINSERTPS(Imm(0x20), lane(2), old, old)
	LEAQ(Mem{Base: p, Index: s, Scale: 2}, p)
	VINSERTPS(Imm(0x30), lane(3), old, old)
	MOVQ(c, p)
	VADDPS(old, x, x)
	Label(string(l("lanes")))
	VMOVSS(x, lane(0))
	VEXTRACTPS(Imm(1), x, lane(1))
	VEXTRACTPS(Imm(2), x, lane(2))
	LEAQ(Mem{Base: p, Index: s, Scale: 2}, p)
	VEXTRACTPS(Imm(3), x, lane(3))
	Label(string(l("stored")))
}
