package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vector writes the operations on vectors. The parameters are pointers, scalars and the number of elements n, which must not
// be 0; those on bytes need n to be a multiple of the lanes.
func vector(t isa) {
	axpy(t)
	affine(t)
	fromU8(t)
	diffU8(t)
	if !t.wide { // which is as fast as the memory
		interleave(t)
	}
	sumSquares(t)
	unary(t, "sigmoid", "1/(1+exp(-x))", t.sigmoid)
	unary(t, "tanh", "tanh(x)", t.tanh)
	lstm(t)
	lstmBackward(t)
}

// loop is a walk over n elements of some arrays with one offset for all.
type loop struct {
	isa
	off  GPVirtual
	left GPVirtual
	end  *tail
	on   bool // in the masked step
}

// start begins a function; n is its last parameter.
func (t isa) start(name, signature, doc string) *loop {
	name += t.name
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
	l := &loop{isa: t, off: GP64(), left: GP64()}
	Load(Param("n"), l.left)
	return l
}

// masked runs body for whole vectors and once more, masked, for what is left.
func (l *loop) masked(body func()) {
	count := AllocLocal(8)
	r := GP64()
	MOVQ(l.left, r)
	ANDQ(Imm(uint64(l.lanes()-1)), r)
	MOVQ(r, count)
	l.end = l.newTail(count)
	XORQ(l.off, l.off)
	SUBQ(Imm(uint64(l.lanes())), l.left)
	JLT(LabelRef("rest"))
	Label("loop")
	body()
	ADDQ(Imm(uint64(l.bytes)), l.off)
	SUBQ(Imm(uint64(l.lanes())), l.left)
	JGE(LabelRef("loop"))
	Label("rest")
	CMPQ(count, Imm(0))
	JE(LabelRef("done"))
	l.on = true
	body()
	Label("done")
	VZEROUPPER()
	RET()
}

// pointer loads the parameter and, for its block'th part of n elements, moves it.
func (l *loop) pointer(name string, block int) GPVirtual {
	p := GP64()
	Load(Param(name), p)
	if block > 0 {
		n := GP64()
		Load(Param("n"), n)
		SHLQ(Imm(2), n)
		for range block {
			ADDQ(n, p)
		}
	}
	return p
}

func (l *loop) load(p GPVirtual) VecVirtual {
	v := l.vec()
	l.end.load(Mem{Base: p, Index: l.off, Scale: 1}, v, l.on)
	return v
}

func (l *loop) store(v VecVirtual, p GPVirtual) {
	l.end.store(v, Mem{Base: p, Index: l.off, Scale: 1}, l.on, false)
}

// scalar is a parameter in every lane.
func (t isa) scalar(name string) VecVirtual {
	x, v := XMM(), t.vec()
	Load(Param(name), x)
	VBROADCASTSS(x, v)
	return v
}

var constants = map[string]Mem{}

// bits is a vector in memory with the same 32 bits in every lane.
func (t isa) bits(name string, v uint32) Mem {
	name += t.name
	if _, ok := constants[name]; !ok {
		m := GLOBL(name, 24) // RODATA|NOPTR
		for i := range t.lanes() {
			DATA(4*i, U32(v))
		}
		constants[name] = m
	}
	return constants[name]
}

func (t isa) number(name string, v float32) Mem { return t.bits(name, math.Float32bits(v)) }

func axpy(t isa) {
	l := t.start("axpy", "func(y *float32, s float32, x *float32, n int)", "adds s*x to y.")
	y, x, s := l.pointer("y", 0), l.pointer("x", 0), t.scalar("s")
	l.masked(func() {
		v := l.load(y)
		VFMADD231PS(l.load(x), s, v)
		l.store(v, y)
	})
}

func affine(t isa) {
	l := t.start("affine", "func(dst, src *float32, scale, shift float32, n int)", "sets dst to scale*src + shift.")
	dst, src, scale, shift := l.pointer("dst", 0), l.pointer("src", 0), t.scalar("scale"), t.scalar("shift")
	l.masked(func() {
		v := l.load(src)
		VFMADD213PS(shift, scale, v)
		l.store(v, dst)
	})
}

// whole runs body for whole vectors only; the bytes' pointers are moved by it, the floats' have off.
func (l *loop) whole(body func()) {
	XORQ(l.off, l.off)
	Label("loop")
	body()
	ADDQ(Imm(uint64(l.lanes())), l.off)
	SUBQ(Imm(uint64(l.lanes())), l.left)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// ahead is how many bytes before their use a frame's are asked for: it comes from far away, and what the processor asks for by itself ends with a page.
const ahead = 2048

func fromU8(t isa) {
	l := t.start("fromU8", "func(dst *float32, src *uint8, scale, shift float32, n int)", fmt.Sprintf("sets dst to scale*src + shift; n is a multiple of %d.", t.lanes()))
	dst, src, scale, shift := l.pointer("dst", 0), l.pointer("src", 0), t.scalar("scale"), t.scalar("shift")
	l.whole(func() {
		v := t.vec()
		PREFETCHT0(Mem{Base: src, Index: l.off, Scale: 1, Disp: ahead})
		VPMOVZXBD(Mem{Base: src, Index: l.off, Scale: 1}, v)
		VCVTDQ2PS(v, v)
		VFMADD213PS(shift, scale, v)
		VMOVUPS(v, Mem{Base: dst, Index: l.off, Scale: 4})
	})
}

func diffU8(t isa) {
	l := t.start("diffU8", "func(dst *float32, a, b *uint8, scale, lo, hi float32, n int)", fmt.Sprintf("sets dst to scale*(a-b) held between lo and hi; n is a multiple of %d.", t.lanes()))
	dst, a, b := l.pointer("dst", 0), l.pointer("a", 0), l.pointer("b", 0)
	scale, lo, hi := t.scalar("scale"), t.scalar("lo"), t.scalar("hi")
	l.whole(func() {
		v, w := t.vec(), t.vec()
		PREFETCHT0(Mem{Base: a, Index: l.off, Scale: 1, Disp: ahead})
		PREFETCHT0(Mem{Base: b, Index: l.off, Scale: 1, Disp: ahead})
		VPMOVZXBD(Mem{Base: a, Index: l.off, Scale: 1}, v)
		VPMOVZXBD(Mem{Base: b, Index: l.off, Scale: 1}, w)
		VPSUBD(w, v, v)
		VCVTDQ2PS(v, v)
		VMULPS(scale, v, v)
		VMAXPS(lo, v, v)
		VMINPS(hi, v, v)
		VMOVUPS(v, Mem{Base: dst, Index: l.off, Scale: 4})
	})
}

func interleave(t isa) {
	l := t.start("interleave", "func(dst, x, y *float32, n int)", fmt.Sprintf("sets dst to the elements of x and y in turn; n is a multiple of %d.", t.lanes()))
	dst, x, y := l.pointer("dst", 0), l.pointer("x", 0), l.pointer("y", 0)
	l.whole(func() {
		v, w, lo, hi := t.vec(), t.vec(), t.vec(), t.vec()
		VMOVUPS(Mem{Base: x, Index: l.off, Scale: 4}, v)
		VMOVUPS(Mem{Base: y, Index: l.off, Scale: 4}, w)
		VUNPCKLPS(w, v, lo) // in each half of the vectors
		VUNPCKHPS(w, v, hi)
		VPERM2F128(Imm(0x20), hi, lo, v) // the low halves
		VPERM2F128(Imm(0x31), hi, lo, w)
		VMOVUPS(v, Mem{Base: dst, Index: l.off, Scale: 8})
		VMOVUPS(w, Mem{Base: dst, Index: l.off, Scale: 8, Disp: t.bytes})
	})
}

// sumSquares sums in float64: half as many lanes, four sums.
func sumSquares(t isa) {
	const sums = 4
	lanes := t.bytes / 8
	l := t.start("sumSquares", "func(x *float32, n int) float64", fmt.Sprintf("is the sum of squares, in float64; n is a multiple of %d.", sums*lanes))
	x := l.pointer("x", 0)
	sum := t.vecs(sums)
	for _, s := range sum {
		t.zero(s)
	}
	Label("loop")
	for i, s := range sum {
		v := t.vec()
		VCVTPS2PD(Mem{Base: x, Disp: i * t.bytes / 2}, v)
		VFMADD231PD(v, v, s)
	}
	ADDQ(U32(sums*t.bytes/2), x)
	SUBQ(Imm(uint64(sums*lanes)), l.left)
	JNZ(LabelRef("loop"))
	VADDPD(sum[1], sum[0], sum[0])
	VADDPD(sum[3], sum[2], sum[2])
	VADDPD(sum[2], sum[0], sum[0])
	v := sum[0]
	if t.wide {
		y := YMM()
		VEXTRACTF64X4(Imm(1), v, y)
		VADDPD(v.AsY(), y, y)
		v = y
	}
	r := XMM()
	VEXTRACTF128(Imm(1), v, r)
	VADDPD(v.AsX(), r, r)
	VHADDPD(r, r, r)
	VZEROUPPER()
	Store(r, ReturnIndex(0))
	RET()
}

func unary(t isa, name, meaning string, f func(VecVirtual) VecVirtual) {
	l := t.start(name, "func(dst, src *float32, n int)", "sets dst to "+meaning+" of src.")
	dst, src := l.pointer("dst", 0), l.pointer("src", 0)
	l.masked(func() { l.store(f(l.load(src)), dst) })
}

// exp replaces x by exp(x), with a relative error of about 1e-7, and NaN by NaN. x is first held between -87 and 87.
//
// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 p(r), the polynomial of Cephes' expf.
func (t isa) exp(x VecVirtual) {
	hi := t.vec()
	VMOVUPS(t.number("expHigh", 87), hi)
	VMINPS(x, hi, x) // of a NaN and a number, the first operand here
	VMOVUPS(t.number("expLow", -87), hi)
	VMAXPS(x, hi, x)
	n, p, r2 := t.vec(), t.vec(), t.vec()
	VMULPS(t.number("log2e", math.Log2E), x, n)
	if t.wide {
		VRNDSCALEPS(Imm(0), n, n)
	} else {
		VROUNDPS(Imm(0), n, n)
	}
	VFNMADD231PS(t.number("ln2High", 0.693359375), n, x)
	VFNMADD231PS(t.number("ln2Low", -2.12194440e-4), n, x)
	VMOVUPS(t.number("exp7", 1.9875691500e-4), p)
	for i, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		VFMADD213PS(t.number(label("exp", 6-i), c), x, p)
	}
	VMULPS(x, x, r2)
	VFMADD213PS(x, r2, p)
	VADDPS(t.number("one", 1), p, x)
	if t.wide {
		VSCALEFPS(n, x, x)
		return
	}
	VCVTPS2DQ(n, n)
	VPSLLD(Imm(23), n, n)
	VPADDD(n, x, x)
}

// sigmoid is 1/(1+exp(-x)). It uses up x.
func (t isa) sigmoid(x VecVirtual) VecVirtual {
	VXORPS(t.bits("sign", 1<<31), x, x)
	t.exp(x)
	one := t.vec()
	VMOVUPS(t.number("one", 1), one)
	VADDPS(one, x, x)
	VDIVPS(x, one, x)
	return x
}

// tanh is 1 - 2/(1+exp(2|x|)) with the sign of x, and Cephes' tanhf's polynomial where |x| < 0.625, as the difference loses digits there.
func (t isa) tanh(x VecVirtual) VecVirtual {
	e, one, z, p := t.vec(), t.vec(), t.vec(), t.vec()
	VANDPS(t.bits("magnitude", 1<<31-1), x, z)
	VADDPS(z, z, e)
	t.exp(e)
	VMOVUPS(t.number("one", 1), one)
	VADDPS(one, e, e)
	VADDPS(one, one, p)
	VDIVPS(e, p, e)
	VSUBPS(e, one, e)
	sign := t.vec()
	VANDPS(t.bits("sign", 1<<31), x, sign)
	VORPS(sign, e, e)

	small := t.vec()
	var k Register
	if t.wide {
		k = K()
		VCMPPS(Imm(0x11), t.number("tanhSmall", 0.625), z, k)
	} else {
		VCMPPS(Imm(0x11), t.number("tanhSmall", 0.625), z, small)
	}
	VMULPS(x, x, z)
	VMOVUPS(t.number("tanh11", -5.70498872745e-3), p)
	for i, c := range []float32{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
		VFMADD213PS(t.number(label("tanh", 9-2*i), c), z, p)
	}
	VMULPS(z, p, p)
	VFMADD213PS(x, x, p)
	if t.wide {
		VMOVAPS(p, k, e)
	} else {
		VBLENDVPS(small, p, e, e)
	}
	return e
}

func lstm(t isa) {
	l := t.start("lstm", "func(z, c, tc, h, cPrev *float32, n int)", "is the forward step of LSTM for n units.")
	pi, pf, pg, po := l.pointer("z", 0), l.pointer("z", 1), l.pointer("z", 2), l.pointer("z", 3)
	pc, ptc, ph, pcPrev := l.pointer("c", 0), l.pointer("tc", 0), l.pointer("h", 0), l.pointer("cPrev", 0)
	l.masked(func() {
		i, g := t.sigmoid(l.load(pi)), t.tanh(l.load(pg))
		c := t.vec()
		VMULPS(i, g, c)
		l.store(i, pi)
		l.store(g, pg)
		f := t.sigmoid(l.load(pf))
		VFMADD231PS(l.load(pcPrev), f, c)
		l.store(f, pf)
		tc := t.vec()
		VMOVAPS(c, tc)
		l.store(c, pc)
		tc = t.tanh(tc)
		o, h := t.sigmoid(l.load(po)), t.vec()
		VMULPS(tc, o, h)
		l.store(tc, ptc)
		l.store(o, po)
		l.store(h, ph)
	})
}

func lstmBackward(t isa) {
	l := t.start("lstmBackward", "func(dz, dc, dh, gates, tc, cPrev *float32, n int)", "is the backward step of LSTM for n units.")
	// 13 arrays and one offset are more than there are registers: the blocks of gates and dz are found from the first.
	pg, pdz, pdc, pdh, ptc, pc := l.pointer("gates", 0), l.pointer("dz", 0), l.pointer("dc", 0), l.pointer("dh", 0), l.pointer("tc", 0), l.pointer("cPrev", 0)
	n4, n12 := GP64(), GP64()
	Load(Param("n"), n4)
	SHLQ(Imm(2), n4)
	LEAQ(Mem{Base: n4, Index: n4, Scale: 2}, n12)
	at := func(p GPVirtual, block int) Mem {
		q := GP64()
		LEAQ(Mem{Base: p, Index: l.off, Scale: 1}, q)
		switch block {
		case 1, 2:
			return Mem{Base: q, Index: n4, Scale: uint8(block)}
		case 3:
			return Mem{Base: q, Index: n12, Scale: 1}
		}
		return Mem{Base: q}
	}
	l.masked(func() {
		load := func(p GPVirtual, block int) VecVirtual {
			v := t.vec()
			l.end.load(at(p, block), v, l.on)
			return v
		}
		store := func(v VecVirtual, p GPVirtual, block int) { l.end.store(v, at(p, block), l.on, false) }
		one := t.vec()
		VMOVUPS(t.number("one", 1), one)
		// slope is s(1-s).
		slope := func(s VecVirtual) VecVirtual {
			v := t.vec()
			VSUBPS(s, one, v)
			VMULPS(s, v, v)
			return v
		}
		dh, tc, o, dc := load(pdh, 0), load(ptc, 0), load(pg, 3), load(pdc, 0)
		v, w := t.vec(), t.vec()
		VMOVAPS(one, v) // dc += dh o (1 - tc^2)
		VFNMADD231PS(tc, tc, v)
		VMULPS(dh, o, w)
		VFMADD231PS(v, w, dc)
		do := slope(o)
		VMULPS(dh, do, do)
		VMULPS(tc, do, do)
		store(do, pdz, 3)

		i, g := load(pg, 0), load(pg, 2)
		di := slope(i)
		VMULPS(dc, di, di)
		VMULPS(g, di, di)
		store(di, pdz, 0)
		dg := t.vec()
		VMOVAPS(one, dg)
		VFNMADD231PS(g, g, dg)
		VMULPS(dc, dg, dg)
		VMULPS(i, dg, dg)
		store(dg, pdz, 2)

		f := load(pg, 1)
		df := slope(f)
		VMULPS(dc, df, df)
		VMULPS(load(pc, 0), df, df)
		store(df, pdz, 1)
		VMULPS(f, dc, dc)
		store(dc, pdc, 0)
	})
}
