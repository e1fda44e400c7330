package program

import (
	"fmt"
	"math"
)

// Limits that engines have room for.
const (
	MaxAxes = 16 // of a gather, a factor or a scatter
	Version = 0x46440001
)

// Places of a program's first numbers. The matrices' come after them.
const (
	codeVersion = iota
	codeCell    // 0 lstm, 1 gru, 2 rnn
	codeInput
	codeHidden
	codeLayers
	codeClasses
	codePooling   // 0 last, 1 mean
	codeHead      // in the weights
	codeBias      // of the head, in the biases
	codeHeadRank  // R of a head [C, R] [R, H]; 0: one matrix [C, H]
	codePixels    // 0 none, 1 bytes as they are, 2 differences, 3 both
	codeFrame     // bytes of a frame
	codeScale     // entries of the standardisation: 0, 1 or I
	codeX         // places in the data: a block of the input
	codeA         // what the steps alternate between
	codeB         //
	codeH         // [layers, H] hidden states
	codeZ         // places in the sums: [M] pre-activations
	codeU         // [M] those of the hidden half, gru only
	codeC         // [layers, H] cell states, lstm only
	codePooled    // [H]
	codeMean      // in the data, integers only: [H] pooled, [R]
	codeBiasShift // integers: from the scale of biases to that of sums
	codeHeadShift // integers: after the first product of a head of two matrices
	codeTable     // first layer: input matrix, recurrent matrix (places in the program), bias, hidden bias (in the biases); then the next
)

// Layout is the working memory of a program: elements of data (activations), of sums and of packed weights.
type Layout struct{ Data, Sums, Pack int }

// Encode writes the program as numbers for an engine.
func (p *Program) Encode() ([]int32, Layout, error) {
	c := p.Config
	M, H := p.Layers[0].Input.Rows, c.Hidden
	var x, pack int
	var pass [2]int
	for _, l := range p.Layers {
		for _, m := range []*Matrix{&l.Input, &l.Recurrent} {
			x, pack = max(x, m.Box), max(pack, m.pack)
			pass[0], pass[1] = max(pass[0], m.pass[0]), max(pass[1], m.pass[1])
		}
	}
	lay := Layout{Pack: max(pack, 1)} // C has no empty arrays
	take := func(total *int, n int) int {
		at := *total
		*total += n
		return at
	}
	head := []int{
		codeVersion: Version, codeCell: map[string]int{"lstm": 0, "gru": 1, "rnn": 2}[c.Cell], codeInput: c.Input, codeHidden: H, codeLayers: c.Layers,
		codeClasses: len(c.Classes), codePooling: map[string]int{"last": 0, "mean": 1}[c.Pooling], codeHead: p.Head, codeBias: p.Bias, codeHeadRank: p.HeadRank,
		codePixels: p.Pixels.Rule, codeFrame: p.Pixels.Frame, codeScale: len(p.Pixels.Mean),
		codeX: take(&lay.Data, x), codeA: take(&lay.Data, pass[0]), codeB: take(&lay.Data, pass[1]), codeH: take(&lay.Data, c.Layers*H),
		codeZ: take(&lay.Sums, M), codeU: 0, codeC: 0, codePooled: 0, codeMean: 0, codeBiasShift: p.BiasShift, codeHeadShift: p.HeadShift,
	}
	if c.Cell == "gru" {
		head[codeU] = take(&lay.Sums, M)
	}
	if c.Cell == "lstm" {
		head[codeC] = take(&lay.Sums, c.Layers*H)
	}
	if p.Integers {
		head[codeMean] = take(&lay.Data, H+p.HeadRank)
	}
	head[codePooled] = take(&lay.Sums, H)
	e := encoder{out: append(head, make([]int, 4*len(p.Layers))...)}
	for i := range p.Layers {
		l := &p.Layers[i]
		in, recurrent := e.matrix(&l.Input), e.matrix(&l.Recurrent)
		copy(e.out[codeTable+4*i:], []int{in, recurrent, l.Bias, l.HiddenBias})
	}
	code := make([]int32, len(e.out))
	for i, v := range e.out {
		if v > math.MaxInt32 || v < math.MinInt32 {
			return nil, Layout{}, tooLarge(v)
		}
		code[i] = int32(v)
	}
	for _, n := range []int{lay.Data, lay.Sums, lay.Pack} {
		if n > math.MaxInt32/4 {
			return nil, Layout{}, tooLarge(n)
		}
	}
	return code, lay, e.err
}

func tooLarge(n int) error {
	return fmt.Errorf("the model is too large: it needs the index %d, and the exported program counts in 32 bits", n)
}

type encoder struct {
	out []int
	err error
}

func (e *encoder) put(v ...int) { e.out = append(e.out, v...) }

func (e *encoder) axes(axes []Axis) {
	if len(axes) > MaxAxes {
		e.err = fmt.Errorf("a step over %d axes: exported programs have room for %d", len(axes), MaxAxes)
	}
	e.put(len(axes))
	for _, a := range axes {
		e.put(a.Size, a.Stride)
	}
}

// matrix writes m and returns where.
func (e *encoder) matrix(m *Matrix) int {
	at := len(e.out)
	e.put(m.Width, m.Blocks, m.Box, m.First, len(m.Terms))
	for _, t := range m.Terms {
		e.put(len(t.Steps))
		for i := range t.Steps {
			e.step(&t.Steps[i])
		}
		e.put(int(t.Mult), t.Shift)
		e.axes(t.Scatter)
	}
	return at
}

func (e *encoder) step(s *Step) {
	e.axes(s.Gather)
	packed := 0
	if s.Packed() {
		packed = 1
	}
	e.put(s.At, s.Div, s.Mod, s.Stride, s.Outer, s.Sum, s.Inner, s.Out, s.YOuter, s.YT, s.YInner, packed, s.Shift)
	e.axes(s.T)
	e.axes(s.S)
}
