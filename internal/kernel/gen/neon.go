package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// neonTiles lists, by the number of vectors in a tile's row, the numbers of rows there is a micro-kernel for, rising.
var neonTiles = map[int][]int{
	1: {1, 2, 4, 8},
	2: {1, 2, 4, 8},
	3: {1, 2, 4},
	4: {1, 2, 4},
}

// neon prints arm64 assembly, which avo does not know. Registers:
//
//	R0 R1 R2   c, a and b of the product        R3  the struct
//	R4 R5 R6   crow, acol, brow                 R7  k left
//	R8         row of b                         R9 to R16  rows of a
//	R17 R25    temporary                        R19 sums left, R20 tiles left
//	R21 R22    a and c of the tile              R23 tail, R24 add
//	V0 to V15  sums                             V24 to V27 row of b, V28 to V31 elements of a
type neon struct {
	bytes.Buffer
	labels int
}

func (n *neon) op(format string, args ...any) { fmt.Fprintf(n, "\t"+format+"\n", args...) }

func (n *neon) label(name string) { fmt.Fprintf(n, "\n%s:\n", name) }

func (n *neon) fresh(name string) string {
	n.labels++
	return fmt.Sprintf("%s%d", name, n.labels)
}

// list is the registers first .. first+count-1 of 4 floats each.
func list(first, count int) string {
	var s []string
	for i := range count {
		s = append(s, fmt.Sprintf("V%d.S4", first+i))
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// part moves the first 1 to 3 lanes, as many as R23 says, between a register and the memory at R25. It changes R25.
func (n *neon) part(v int, store bool) {
	one, end := n.fresh("lane"), n.fresh("end")
	move := func(op string) {
		if store {
			n.op("%s F%d, (R25)", op, v)
		} else {
			n.op("%s (R25), F%d", op, v)
		}
	}
	n.op("CMP $2, R23")
	n.op("BLT %s", one)
	move("FMOVD")
	n.op("BEQ %s", end)
	n.op("ADD $8, R25")
	if store {
		n.op("VST1 V%d.S[2], (R25)", v)
	} else {
		n.op("VLD1 (R25), V%d.S[2]", v)
	}
	n.op("B %s", end)
	n.label(one)
	move("FMOVS")
	n.label(end)
}

// row moves a row of vectors between registers from v on and the memory at address.
func (n *neon) row(v, vectors int, address string, store, part bool) {
	whole := vectors
	if part {
		whole--
	}
	if whole > 0 {
		if store {
			n.op("VST1 %s, (%s)", list(v, whole), address)
		} else {
			n.op("VLD1 (%s), %s", address, list(v, whole))
		}
	}
	if part {
		n.op("ADD $%d, %s, R25", 16*whole, address)
		n.part(v+whole, store)
	}
}

// rows moves a tile of C.
func (n *neon) rows(rows, vectors int, address string, store bool) {
	part, end := n.fresh("part"), n.fresh("end")
	n.op("CMP $4, R23")
	n.op("BNE %s", part)
	for i := range rows {
		n.row(i*vectors, vectors, address, store, false)
		n.op("ADD R4, %s", address)
	}
	n.op("B %s", end)
	n.label(part)
	for i := range rows {
		n.row(i*vectors, vectors, address, store, true)
		n.op("ADD R4, %s", address)
	}
	n.label(end)
}

func (n *neon) kernel(rows, vectors int) {
	name := mulName(isa{name: "NEON"}, rows, vectors)
	fmt.Fprintf(n, "\n// func %s(c, a, b *float32, p *mulArgs)\nTEXT ·%s(SB), NOSPLIT, $0-32\n", name, name)
	n.op("MOVD c+0(FP), R0")
	n.op("MOVD a+8(FP), R1")
	n.op("MOVD b+16(FP), R2")
	n.op("MOVD p+24(FP), R3")
	for i, f := range []string{"crow", "acol", "brow"} {
		n.op("MOVD mulArgs_%s(R3), R%d", f, 4+i)
	}
	n.op("MOVD mulArgs_tail(R3), R23")
	n.op("MOVD mulArgs_add(R3), R24")
	n.label("batch")
	n.op("MOVD R1, R21")
	n.op("MOVD R0, R22")
	n.op("MOVD mulArgs_tiles(R3), R20")
	n.label("tile")
	n.op("MOVD mulArgs_arow(R3), R17")
	n.op("MOVD R21, R9")
	for i := 1; i < rows; i++ {
		n.op("ADD R17, R%d, R%d", 8+i, 9+i)
	}
	n.op("MOVD R2, R8")
	n.op("CBZ R24, zero")
	n.op("MOVD R22, R17")
	n.rows(rows, vectors, "R17", false)
	n.op("B start")
	n.label("zero")
	for i := range rows * vectors {
		n.op("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	n.label("start")
	n.op("MOVD mulArgs_sums(R3), R19")
	n.label("sum")
	n.op("MOVD mulArgs_k(R3), R7")
	n.op("CMP $4, R23")
	n.op("BNE ragged")
	for _, part := range []bool{false, true} {
		loop := map[bool]string{false: "whole", true: "ragged"}[part]
		n.label(loop)
		n.row(24, vectors, "R8", false, part)
		n.op("ADD R6, R8")
		for i := range rows {
			n.op("VLD1R.P (R%d)(R5), [V%d.S4]", 9+i, 28+i%4)
			for v := range vectors {
				n.op("VFMLA V%d.S4, V%d.S4, V%d.S4", 24+v, 28+i%4, i*vectors+v)
			}
		}
		n.op("SUB $1, R7")
		n.op("CBNZ R7, %s", loop)
		if !part {
			n.op("B summed")
		}
	}
	n.label("summed")
	n.op("MOVD mulArgs_askip(R3), R17")
	for i := range rows {
		n.op("ADD R17, R%d", 9+i)
	}
	n.op("MOVD mulArgs_bskip(R3), R17")
	n.op("ADD R17, R8")
	n.op("SUB $1, R19")
	n.op("CBNZ R19, sum")
	n.rows(rows, vectors, "R22", true)
	n.op("MOVD mulArgs_tilestep(R3), R17")
	n.op("ADD R17, R21")
	n.op("SUB $1, R20")
	n.op("CBNZ R20, tile")
	for i, f := range []string{"c", "a", "b"} {
		n.op("MOVD mulArgs_%sbatch(R3), R17", f)
		n.op("ADD R17, R%d", i)
	}
	n.op("MOVD mulArgs_batch(R3), R17")
	n.op("SUB $1, R17")
	n.op("MOVD R17, mulArgs_batch(R3)")
	n.op("CBNZ R17, batch")
	n.op("RET")
}

// writeNEON writes the assembly and its stubs.
func writeNEON(asm, stubs string) error {
	var n neon
	const head = "// Code generated by command gen. DO NOT EDIT.\n\n//go:build !noasm\n\n"
	n.WriteString(head + "#include \"go_asm.h\"\n#include \"textflag.h\"\n")
	var s bytes.Buffer
	s.WriteString(head + "package kernel\n")
	for v := 1; v <= len(neonTiles); v++ {
		for _, r := range neonTiles[v] {
			n.kernel(r, v)
			name := mulName(isa{name: "NEON"}, r, v)
			for _, line := range mulDoc(name, r, v, 4) {
				fmt.Fprintf(&s, "\n// %s", line)
			}
			fmt.Fprintf(&s, "\n//\n//go:noescape\nfunc %s(c, a, b *float32, p *mulArgs)\n", name)
		}
	}
	n.peak()
	s.WriteString(n.vectors())
	s.WriteString("\n// peakNEON runs n times 16 multiply-adds of 4 lanes on registers only.\nfunc peakNEON(n int)\n")
	text := bytes.ReplaceAll(n.Bytes(), []byte("\n\n\n"), []byte("\n\n"))
	if err := os.WriteFile(asm, text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(stubs, s.Bytes(), 0o644)
}

func (n *neon) peak() {
	n.WriteString("\n// func peakNEON(n int)\nTEXT ·peakNEON(SB), NOSPLIT, $0-8\n")
	n.op("MOVD n+0(FP), R0")
	for i := range 18 {
		n.op("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	n.label("loop")
	for i := range 16 {
		n.op("VFMLA V16.S4, V17.S4, V%d.S4", i)
	}
	n.op("SUB $1, R0")
	n.op("CBNZ R0, loop")
	n.op("RET")
}
