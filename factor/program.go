package factor

import (
	"slices"

	"github.com/fdht/fdht/internal/kernel"
)

// program is an order of contractions made ready to run: first the products of factors alone (ahead, once for each
// change of the weights), then a chain of steps that takes the data from x to y.
type program struct {
	factors []operand   // the first operands: where they lie in the Linear's factors
	ahead   []merge     // operand len(factors)+i is the result of ahead[i]
	value   [][]float32 // every operand, in memory order
	slope   [][]float32 // dL/d of every operand; used by collect alone
	steps   []step
	units   []unit
	after   *shuffle // brings a row of the last result into order; nil: it is in order
	weights []packed // each step's operand
	in, out int      // sizes of a row of x and of y
	widest  int      // the largest row between steps
}

// merge is a contraction of two operands that do not depend on the data: c[I, J] = a[I, K] b[K, J].
type merge struct {
	a, b            int     // operands
	rows, cols, sum int     // sizes of I, J, K
	packA, packB    shuffle // the operands' axes brought into the orders [I, K] and [K, J]
	pa, pb, tmp     []float32
}

// newProgram compiles net for a purpose.
func newProgram(net network, why purpose) *program {
	p := &program{factors: net.factors, in: sizeOf(net, net.in), out: sizeOf(net, net.out)}
	o := outlineOf(net, why)
	for _, m := range o.ahead {
		p.ahead = append(p.ahead, newMerge(net, m.a, m.b, o.axes))
	}
	for _, a := range o.axes {
		p.value = append(p.value, make([]float32, sizeOf(net, a)))
		if why == gradient {
			p.slope = append(p.slope, make([]float32, sizeOf(net, a)))
		}
	}
	p.steps, p.after = o.steps(net)
	p.widest = p.out
	for i := range p.steps {
		s := &p.steps[i]
		p.widest = max(p.widest, s.in(), s.out())
		p.weights = append(p.weights, s.newPacked(why))
	}
	p.units = unitsOf(p.steps)
	return p
}

func newMerge(net network, a, b int, axes [][]int) merge {
	i, k, j := Divide(axes[a], axes[b])
	p := merge{a: a, b: b, rows: sizeOf(net, i), cols: sizeOf(net, j), sum: sizeOf(net, k)}
	p.packA = newShuffle(net.dim, axes[a], slices.Concat(i, k))
	p.packB = newShuffle(net.dim, axes[b], slices.Concat(k, j))
	p.pa, p.pb = make([]float32, p.rows*p.sum), make([]float32, p.sum*p.cols)
	p.tmp = make([]float32, max(len(p.pa), len(p.pb)))
	return p
}

// refresh takes over the factors and does what can be done ahead.
func (p *program) refresh(params []Param) {
	for f := range p.factors {
		p.factors[f].from.gather(p.value[f], params[p.factors[f].param].Data)
	}
	for i := range p.ahead {
		pr := &p.ahead[i]
		pr.packA.gather(pr.pa, p.value[pr.a])
		pr.packB.gather(pr.pb, p.value[pr.b])
		mul := kernel.Mul{M: pr.rows, N: pr.cols, K: pr.sum, Batch: 1, ARow: pr.sum, ACol: 1, BRow: pr.cols, CRow: pr.cols}
		mul.Run(p.value[len(p.factors)+i], pr.pa, pr.pb)
	}
	for i := range p.steps {
		s := &p.steps[i]
		if w := p.weights[i].ts; w != nil {
			s.ts.gather(w, p.value[s.operand])
		}
		if w := p.weights[i].st; w != nil {
			s.st.gather(w, p.value[s.operand])
		}
	}
}

// collect takes the derivatives of the steps' operands (sum, one a step) to the factors, adds them to target and sets
// sum to zero.
func (p *program) collect(target, sum [][]float32) {
	for _, s := range p.slope {
		clear(s)
	}
	for i := range p.steps {
		s := &p.steps[i]
		pack := s.ts
		if s.transposedSlope() {
			pack = s.st
		}
		pack.scatterAdd(p.slope[s.operand], sum[i])
		clear(sum[i])
	}
	for i := len(p.ahead) - 1; i >= 0; i-- {
		pr := &p.ahead[i]
		dc := p.slope[len(p.factors)+i]
		// da[I,K] = sum_J dc[I,J] b[K,J]
		dot := kernel.Dot{M: pr.rows, N: pr.sum, K: pr.cols, Batch: 1, ARow: pr.cols, BRow: pr.cols, CRow: pr.sum, CCol: 1}
		dot.Run(pr.tmp, dc, pr.pb)
		pr.packA.scatterAdd(p.slope[pr.a], pr.tmp)
		// db[K,J] = sum_I a[I,K] dc[I,J]
		mul := kernel.Mul{M: pr.sum, N: pr.cols, K: pr.rows, Batch: 1, ARow: 1, ACol: pr.sum, BRow: pr.cols, CRow: pr.cols}
		mul.Run(pr.tmp, pr.pa, dc)
		pr.packB.scatterAdd(p.slope[pr.b], pr.tmp)
	}
	for f := range p.factors {
		p.factors[f].from.scatterAdd(target[p.factors[f].param], p.slope[f])
	}
}

// twin is p with memory of its own, for the factors of a network of the same shape.
func (p *program) twin(net network) *program {
	twin := *p
	twin.factors = net.factors
	twin.value, twin.slope = emptyLike(p.value), emptyLike(p.slope)
	twin.ahead = slices.Clone(p.ahead)
	for i := range twin.ahead {
		m := &twin.ahead[i]
		m.pa, m.pb, m.tmp = make([]float32, len(m.pa)), make([]float32, len(m.pb)), make([]float32, len(m.tmp))
	}
	twin.weights = slices.Clone(p.weights)
	for i, w := range twin.weights {
		both := emptyLike([][]float32{w.ts, w.st})
		twin.weights[i] = packed{both[0], both[1]}
	}
	return &twin
}

// emptyLike is zeros in the sizes of v.
func emptyLike(v [][]float32) [][]float32 {
	out := make([][]float32, len(v))
	for i := range v {
		if v[i] != nil {
			out[i] = make([]float32, len(v[i]))
		}
	}
	return out
}
