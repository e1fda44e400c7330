package main

import (
	"fmt"
	"math"
)

// Go's arm64 assembler knows few instructions on vectors of floats; the others are written as their encodings. All are on 4 lanes.
const (
	fadd   = 0x4e20d400
	fsub   = 0x4ea0d400
	fmul   = 0x6e20dc00
	fdiv   = 0x6e20fc00
	fmax   = 0x4e20f400
	fmin   = 0x4ea0f400
	fcmgt  = 0x6ea0e400
	fabs   = 0x4ea0f800
	fneg   = 0x6ea0f800
	frintn = 0x4e218800
	fcvtns = 0x4e21a800
)

var encodingNames = map[uint32]string{
	fadd: "FADD", fsub: "FSUB", fmul: "FMUL", fdiv: "FDIV", fmax: "FMAX", fmin: "FMIN", fcmgt: "FCMGT",
	fabs: "FABS", fneg: "FNEG", frintn: "FRINTN", fcvtns: "FCVTNS",
}

// three is d = n op m.
func (g *neon) three(op uint32, d, n, m int) {
	g.op("WORD $%#08x // %s V%d.4S, V%d.4S, V%d.4S", op|uint32(m)<<16|uint32(n)<<5|uint32(d), encodingNames[op], d, n, m)
}

// two is d = op n.
func (g *neon) two(op uint32, d, n int) {
	g.op("WORD $%#08x // %s V%d.4S, V%d.4S", op|uint32(n)<<5|uint32(d), encodingNames[op], d, n)
}

func (g *neon) fma(d, n, m int)       { g.op("VFMLA V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (g *neon) fms(d, n, m int)       { g.op("VFMLS V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (g *neon) move(d, n int)         { g.op("VMOV V%d.B16, V%d.B16", n, d) }
func (g *neon) load(d, r int)         { g.op("VLD1.P 16(R%d), [V%d.S4]", r, d) }
func (g *neon) peek(d, r int)         { g.op("VLD1 (R%d), [V%d.S4]", r, d) }
func (g *neon) store(d, r int)        { g.op("VST1.P [V%d.S4], 16(R%d)", d, r) }
func (g *neon) choose(d, n, mask int) { g.op("VBIT V%d.B16, V%d.B16, V%d.B16", mask, n, d) }

// Registers V13 to V31 hold constants, in this order.
const (
	kOne = 13 + iota
	kHigh
	kLow
	kLog2E
	kLn2High
	kLn2Low
	kExp // 6 coefficients, the highest power first
	_
	_
	_
	_
	_
	kSign
	kSmall
	kTanh // 5 coefficients
)

var gateConstants = []uint32{
	f32(1), f32(87), f32(-87), f32(math.Log2E), f32(0.693359375), f32(-2.12194440e-4),
	f32(1.9875691500e-4), f32(1.3981999507e-3), f32(8.3334519073e-3), f32(4.1665795894e-2), f32(1.6666665459e-1), f32(5.0000001201e-1),
	1 << 31, f32(0.625),
	f32(-5.70498872745e-3), f32(2.06390887954e-2), f32(-5.37397155531e-2), f32(1.33314422036e-1), f32(-3.33332819422e-1),
}

func f32(v float32) uint32 { return math.Float32bits(v) }

func (g *neon) constants() {
	for i, c := range gateConstants {
		g.op("MOVW $%#x, R17", c)
		g.op("VDUP R17, V%d.S4", 13+i)
	}
}

// horner leaves c0 x^n + .. + cn, of n+1 constants from first on, in p or t and says in which.
func (g *neon) horner(p, t, x, first, count int) int {
	g.move(p, first)
	for i := 1; i < count; i++ {
		g.move(t, first+i)
		g.fma(t, p, x)
		p, t = t, p
	}
	return p
}

// exp is isa.exp: x = exp(x), using up the three registers from t on.
func (g *neon) exp(x, t int) {
	n, a, b := t, t+1, t+2
	g.three(fmin, x, x, kHigh)
	g.three(fmax, x, x, kLow)
	g.three(fmul, n, x, kLog2E)
	g.two(frintn, n, n)
	g.fms(x, n, kLn2High)
	g.fms(x, n, kLn2Low)
	p := g.horner(a, b, x, kExp, 6)
	r2 := a + b - p
	g.three(fmul, r2, x, x)
	g.fma(x, p, r2)
	g.three(fadd, x, x, kOne)
	g.two(fcvtns, n, n)
	g.op("VSHL $23, V%d.S4, V%d.S4", n, n)
	g.op("VADD V%d.S4, V%d.S4, V%d.S4", n, x, x)
}

// sigmoid is x = 1/(1+exp(-x)), using up the three registers from t on.
func (g *neon) sigmoid(x, t int) {
	g.two(fneg, x, x)
	g.exp(x, t)
	g.three(fadd, x, x, kOne)
	g.three(fdiv, x, kOne, x)
}

// tanh is isa.tanh: x = tanh(x), using up the five registers from t on.
func (g *neon) tanh(x, t int) {
	m, e := t, t+1
	g.two(fabs, m, x)
	g.three(fadd, e, m, m)
	g.exp(e, t+2)
	g.three(fadd, e, e, kOne)
	two := t + 2
	g.three(fadd, two, kOne, kOne)
	g.three(fdiv, e, two, e)
	g.three(fsub, e, kOne, e)
	g.choose(e, x, kSign)
	g.three(fcmgt, m, kSmall, m)
	z := t + 2
	g.three(fmul, z, x, x)
	p := g.horner(t+3, t+4, z, kTanh, 5)
	g.three(fmul, p, p, z)
	g.fma(x, p, x)
	g.op("VBIF V%d.B16, V%d.B16, V%d.B16", m, e, x)
}

// function starts a function of pointers, loaded to R0, R1 .., and n, a multiple of 4 and not 0, loaded to R16.
func (g *neon) function(name string, pointers ...string) (signature string) {
	names := ""
	for i, p := range pointers {
		if i > 0 {
			names += ", "
		}
		names += p
	}
	signature = fmt.Sprintf("func %s(%s *float32, n int)", name, names)
	fmt.Fprintf(g, "\n// %s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", signature, name, 8*len(pointers)+8)
	for i, p := range pointers {
		g.op("MOVD %s+%d(FP), R%d", p, 8*i, i)
	}
	g.op("MOVD n+%d(FP), R16", 8*len(pointers))
	return signature
}

func (g *neon) loop(body func()) {
	g.label("loop")
	body()
	g.op("SUB $4, R16")
	g.op("CBNZ R16, loop")
	g.op("RET")
}

// vectors prints the operations on vectors and returns their stubs.
func (g *neon) vectors() (stubs string) {
	stub := func(doc, signature string) { stubs += fmt.Sprintf("\n// %s\n//\n//go:noescape\n%s\n", doc, signature) }

	stub("sigmoidNEON sets dst to 1/(1+exp(-x)) of src; n is a multiple of 4.", g.function("sigmoidNEON", "dst", "src"))
	g.constants()
	g.loop(func() {
		g.load(0, 1)
		g.sigmoid(0, 1)
		g.store(0, 0)
	})

	stub("tanhNEON sets dst to tanh(x) of src; n is a multiple of 4.", g.function("tanhNEON", "dst", "src"))
	g.constants()
	g.loop(func() {
		g.load(0, 1)
		g.tanh(0, 1)
		g.store(0, 0)
	})

	stub("lstmNEON is the forward step of LSTM for n units, a multiple of 4. zi, zf, zg and zo are the blocks of z.",
		g.function("lstmNEON", "zi", "zf", "zg", "zo", "c", "tc", "h", "cPrev"))
	g.constants()
	g.loop(func() {
		const i, f, gg, o, c, t = 0, 1, 2, 3, 4, 6
		g.peek(i, 0)
		g.sigmoid(i, t)
		g.peek(gg, 2)
		g.tanh(gg, t)
		g.three(fmul, c, i, gg)
		g.store(i, 0)
		g.store(gg, 2)
		g.peek(f, 1)
		g.sigmoid(f, t)
		g.load(5, 7)
		g.fma(c, f, 5)
		g.store(f, 1)
		g.store(c, 4)
		g.peek(o, 3)
		g.sigmoid(o, t)
		g.store(o, 3)
		g.tanh(c, t)
		g.store(c, 5)
		g.three(fmul, c, c, o)
		g.store(c, 6)
	})

	stub("lstmBackwardNEON is the backward step of LSTM for n units, a multiple of 4. di .. do and ai .. ao are the blocks of dz and of the gates.",
		g.function("lstmBackwardNEON", "di", "df", "dg", "do", "dc", "dh", "ai", "af", "ag", "ao", "tc", "cPrev"))
	g.constants()
	g.loop(func() {
		const dc, dh, o, tc, v, w = 0, 1, 2, 3, 4, 5
		slope := func(d, s int) { // d = s(1-s)
			g.three(fsub, d, kOne, s)
			g.three(fmul, d, d, s)
		}
		g.peek(dc, 4)
		g.load(dh, 5)
		g.load(o, 9)
		g.load(tc, 10)
		g.move(v, kOne) // dc += dh o (1 - tc^2)
		g.fms(v, tc, tc)
		g.three(fmul, w, dh, o)
		g.fma(dc, v, w)
		slope(v, o)
		g.three(fmul, v, v, dh)
		g.three(fmul, v, v, tc)
		g.store(v, 3)
		const i, gg, f, c = 6, 7, 8, 9
		g.load(i, 6)
		g.load(gg, 8)
		slope(v, i)
		g.three(fmul, v, v, dc)
		g.three(fmul, v, v, gg)
		g.store(v, 0)
		g.move(v, kOne)
		g.fms(v, gg, gg)
		g.three(fmul, v, v, dc)
		g.three(fmul, v, v, i)
		g.store(v, 2)
		g.load(f, 7)
		g.load(c, 11)
		slope(v, f)
		g.three(fmul, v, v, dc)
		g.three(fmul, v, v, c)
		g.store(v, 1)
		g.three(fmul, dc, dc, f)
		g.store(dc, 4)
	})
	return stubs
}
