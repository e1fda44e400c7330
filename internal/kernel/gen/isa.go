package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa hides what differs between the two instruction sets: the register width and how a part of a vector is read and
// written.
type isa struct {
	name  string // as it stands in symbol names
	wide  bool   // AVX-512: 32 registers of 64 bytes, mask registers, broadcasting operands
	bytes int    // of a vector
	// tiles lists, by the number of vectors in a tile's row, the numbers of rows there is a micro-kernel for, rising.
	tiles map[int][]int
	// accumulators is how many registers a tile may use to hold sums.
	accumulators int
}

var (
	avx512 = isa{
		name: "AVX512", wide: true, bytes: 64, accumulators: 24,
		tiles: map[int][]int{
			1: {1, 2, 3, 4, 8, 12, 16, 20, 24},
			2: {1, 2, 3, 4, 6, 8, 10, 12},
			3: {1, 2, 3, 4, 6, 8},
			4: {1, 2, 3, 4, 5, 6},
		},
	}
	avx2 = isa{
		name: "AVX2", bytes: 32, accumulators: 12,
		tiles: map[int][]int{
			1: {1, 2, 3, 4, 6, 8, 10, 12},
			2: {1, 2, 3, 4, 5, 6},
		},
	}
)

func (t isa) lanes() int { return t.bytes / 4 }

func (t isa) vec() VecVirtual {
	if t.wide {
		return ZMM()
	}
	return YMM()
}

func (t isa) vecs(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = t.vec()
	}
	return v
}

func (t isa) zero(v VecVirtual) {
	if t.wide {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// tail is the mask of the lanes of a vector that exist.
type tail struct {
	isa
	k     Register   // AVX-512: mask register
	lanes VecVirtual // AVX2: mask vector
	count Mem        // AVX2: number of lanes, in memory
	n     int        // numbers labels
}

// newTail makes the mask of the first n lanes; n is a number in memory, from 1 to lanes().
func (t isa) newTail(n Mem) *tail {
	m := &tail{isa: t, count: n}
	if t.wide {
		// bits = 1<<n - 1
		bits, c := GP32(), GP64()
		MOVQ(n, c)
		MOVL(U32(0xffffffff), bits)
		BZHIL(c.As32(), bits, bits)
		k := K()
		KMOVW(bits, k)
		m.k = k
		return m
	}
	m.lanes = YMM()
	VPBROADCASTD(n, m.lanes)
	VPCMPGTD(iota8(), m.lanes, m.lanes)
	return m
}

// iota8 is the vector 0, 1 .. 7 in memory.
func iota8() Mem {
	if iotaData == nil {
		m := GLOBL("iota8", 24) // RODATA|NOPTR
		for i := range 8 {
			DATA(4*i, U32(i))
		}
		iotaData = &m
	}
	return *iotaData
}

var iotaData *Mem

// load reads the vector at m, only its existing lanes and zeros elsewhere if masked.
func (t *tail) load(m Mem, v VecVirtual, masked bool) {
	switch {
	case !masked:
		VMOVUPS(m, v)
	case t.wide:
		VMOVUPS_Z(m, t.k, v)
	default:
		VMASKMOVPS(m, t.lanes, v)
	}
}

// store writes v to the memory at m, adding what is there if add.
func (t *tail) store(v VecVirtual, m Mem, masked, add bool) {
	switch {
	case !masked:
		if add {
			VADDPS(m, v, v)
		}
		VMOVUPS(v, m)
	case t.wide:
		if add {
			old := t.vec()
			VMOVUPS_Z(m, t.k, old)
			VADDPS(old, v, v)
		}
		VMOVUPS(v, t.k, m)
	default:
		// VMASKMOVPS is slow at writing on some processors: the lanes go in a 4, a 2 and a 1.
		if add {
			old := t.vec()
			VMASKMOVPS(m, t.lanes, old)
			VADDPS(old, v, v)
		}
		t.n++
		id := t.n
		p := GP64()
		LEAQ(m, p)
		x := v.AsX()
		CMPQ(t.count, Imm(8))
		JNE(LabelRef(label("some", id)))
		VMOVUPS(v, Mem{Base: p})
		JMP(LabelRef(label("end", id)))
		Label(label("some", id))
		TESTQ4(t.count, 4)
		JZ(LabelRef(label("two", id)))
		VMOVUPS(x, Mem{Base: p})
		VEXTRACTF128(Imm(1), v, x)
		ADDQ(Imm(16), p)
		Label(label("two", id))
		TESTQ4(t.count, 2)
		JZ(LabelRef(label("one", id)))
		VMOVLPS(x, Mem{Base: p})
		VPERMILPS(Imm(0b1110), x, x)
		ADDQ(Imm(8), p)
		Label(label("one", id))
		TESTQ4(t.count, 1)
		JZ(LabelRef(label("end", id)))
		VMOVSS(x, Mem{Base: p})
		Label(label("end", id))
	}
}

// TESTQ4 sets the zero flag from a bit of a number in memory.
func TESTQ4(m Mem, bit int) { TESTQ(U32(bit), m) }
