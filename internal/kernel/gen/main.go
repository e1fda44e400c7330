// Command gen writes the assembly of package kernel: for amd64 with avo, for arm64 (unit neon), which avo does not know, as plain text. It is a
// module of its own so that avo stays out of the main module. Run it through `go generate ./internal/kernel`; the results are committed.
//
//	-unit      what to write: layout, mul, dot, transpose, peak, vector or neon
//	-isa       avx512 or avx2
//	-go        the Go file that goes with it: mul's table of micro-kernels, or the structs of layout
//
// The remaining flags (-out, -stubs, -pkg) are avo's own.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	unit := flag.String("unit", "", "what to write: layout, mul, dot, transpose, peak, vector or neon")
	name := flag.String("isa", "avx512", "avx512 or avx2")
	goFile := flag.String("go", "", "Go file for mul's table of micro-kernels or for the structs")
	flag.Parse()

	if *unit == "neon" {
		for _, err := range []error{
			writeNEON("../neon_arm64.s", "../neon_stub_arm64.go"),
			writeDispatch(isa{name: "NEON", tiles: neonTiles}, *goFile),
		} {
			if err != nil {
				log.Fatal(err)
			}
		}
		return
	}
	t, ok := map[string]isa{"avx512": avx512, "avx2": avx2}[*name]
	if !ok {
		log.Fatalf("unknown -isa %q", *name)
	}
	Package("github.com/fdht/fdht/internal/kernel/gen/layout")
	ConstraintExpr("!noasm")
	switch *unit {
	case "layout":
		if err := writeLayout(*goFile); err != nil {
			log.Fatal(err)
		}
		return
	case "mul":
		mul(t)
		if t.wide {
			narrow(t)
		}
		if err := writeDispatch(t, *goFile); err != nil {
			log.Fatal(err)
		}
	case "dot":
		dot(t)
	case "transpose":
		transpose(t)
		if !t.wide { // both instruction sets have it
			transpose4()
		}
	case "peak":
		peak(t)
	case "vector":
		vector(t)
	default:
		log.Fatalf("unknown -unit %q", *unit)
	}
	Generate()
}
