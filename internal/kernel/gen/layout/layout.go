// Package layout has the structs the micro-kernels are called with. The generator takes the places of the fields from here and
// copies this file to package kernel.
package layout

// mulArgs tells the assembly micro-kernels of Mul what to do. All distances are in bytes. The micro-kernels change it.
type mulArgs struct {
	crow, arow, acol, brow int
	cbatch, abatch, bbatch int
	askip, bskip           int // from the end of one summed product to the start of the next
	tilestep               int // from one tile's first row of A to the next's
	k, sums, tiles, batch  int
	tail                   int // columns of the last vector, 1 to all
	add                    int // not 0: add to c

	// Scratch of the micro-kernels. The addresses are no pointers, as they may end up behind the slices.
	c, a, b, tileA      uintptr
	tilesLeft, sumsLeft int
}

// dotArgs tells the assembly micro-kernels of Dot what to do. All distances are in bytes. The micro-kernels change it.
type dotArgs struct {
	crow, ccol, arow, brow       int
	cbatch, abatch, bbatch       int
	askip, bskip                 int // from the end of the whole vectors of one summed product to the start of the next
	ainner, binner, cinner       int // between the tiles of a run
	aouter, bouter, couter       int // between runs of tiles
	k, sums, inner, outer, batch int // k counts whole vectors, inner the tiles of a run and outer the runs
	tail                         int // elements of k beyond the whole vectors
	add                          int // not 0: add to c

	// Scratch of the micro-kernels.
	c, a, b, runA, runB, runC, tileA, tileB, tileC uintptr
	innerLeft, outerLeft                           int
}
