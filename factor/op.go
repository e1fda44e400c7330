package factor

// Rows gives the rows of an input matrix when they are asked for, so that a row can be made (a frame turned into
// floats, scaled and standardised) just before it is used.
type Rows interface {
	// Load writes row r to dst, all of it; len(dst) is the row's width. One goroutine reads, mostly in rising order.
	Load(dst []float32, r int)
}

// Matrix is Rows over a slice: row r is Data[r*Stride : r*Stride+width].
type Matrix struct {
	Data   []float32
	Stride int
}

// Load copies row r.
func (m Matrix) Load(dst []float32, r int) { copy(dst, m.Data[r*m.Stride:]) }

// Op is a window of columns of a Linear, compiled. Refresh must be called after the weights have changed and before
// the Op is used again; between two Refreshes an Op is read-only and any number of goroutines may use it, each with a
// Scratch (and, for Gradient, a Grad) of its own. All results are added to what dst holds. No method allocates.
type Op interface {
	// Refresh takes over the current weights.
	Refresh()
	// NewScratch makes the memory that one goroutine needs.
	NewScratch() *Scratch
	// Apply adds W x_r to dst[r, :] for r < rows. dst is [rows, M]; x has rows as wide as the window.
	Apply(dst []float32, rows int, x Rows, s *Scratch)
	// Trace is Apply for training: it leaves in s, when that is faster, what the next Gradient with s would compute once more. That must be of the
	// same rows, with no Refresh between; any Apply or Trace with s ends it. The result and the gradients are the same, bit for bit.
	Trace(dst []float32, rows int, x Rows, s *Scratch)
	// ApplyT adds W^T dy_r to dx[r, :] for r < rows. dx is [rows, hi-lo], dy is [rows, M].
	ApplyT(dx []float32, rows int, dy []float32, s *Scratch)
	// NewGrad makes a sum of gradients, zero.
	NewGrad() *Grad
	// Gradient adds the sum over r < rows of dL/dW = dy_r x_r^T, taken to the factors, to g.
	Gradient(g *Grad, rows int, dy []float32, x Rows, s *Scratch)
	// Collect adds g's gradients to target and sets g to zero. It uses the Op's own memory: one goroutine at a time.
	Collect(target [][]float32, g *Grad)
	// Exclusive reports that the gradients are too large to be summed apart: Gradient then adds to the target itself, which
	// Aim must set before, and only one goroutine may use the Op, which shares its work among goroutines itself.
	Exclusive() bool
	// Aim sets the target of an Exclusive Op's Gradient, one slice a factor. It does nothing for the others.
	Aim(g *Grad, target [][]float32)
}

// Scratch is the working memory of one goroutine for one Op.
type Scratch struct {
	rows    []float32    // a block of rows of x, zero outside the window for good
	pass    [2][]float32 // what passes between units
	passing between      // what passes within units
	cut     []float32    // a block of rows of dx, as wide as the box
	block   [][]float32  // the derivative of each unit's result, for a block of rows; the last is nil when that is dy as it is
	slope   [][]float32  // the same, dy in its place
	trace   [][]float32  // what Trace hands over to Gradient: what units multiply, term by term; empty: nothing
	traced  int          // the rows of trace
	slopes  between      // the derivatives of passing; those of the first unit are used at once, the others kept for a block of rows
}

// Grad is a sum of gradients with respect to an Op's operands.
type Grad struct {
	sum [][]float32
}

// Len is how many numbers g is.
func (g *Grad) Len() int {
	n := 0
	for _, s := range g.sum {
		n += len(s)
	}
	return n
}

// Move puts g, as it is, into the first Len() numbers of mem and returns the rest. Whoever has gradients of several Ops side by
// side adds and sends them as one vector; two Grads of one Op have the same layout.
func (g *Grad) Move(mem []float32) []float32 {
	for i, s := range g.sum {
		copy(mem, s)
		g.sum[i], mem = mem[:len(s):len(s)], mem[len(s):]
	}
	return mem
}
