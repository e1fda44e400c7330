package rnn

import (
	"slices"

	"github.com/fdht/fdht/factor"
)

// packing lays the steps of ragged clips out as rows: all clips' step 0, then all clips' step 1, and so on, clips sorted
// by falling length, so that the clips still running at any step are the first ones. The backward direction has the same
// layout of its own steps, of which step 0 is a clip's last.
type packing struct {
	clips []int // place in the batch of each sorted clip
	lens  []int // of the sorted clips, falling
	off   []int // first row of each step; off[T] = R
	turn  []int // the row of the other direction with the same input, for each row; filled by turned
}

// pack lays out clips with the given lengths, all at least 1. It reuses p's memory.
func (p *packing) pack(lens []int) {
	p.clips, p.lens, p.off, p.turn = p.clips[:0], p.lens[:0], p.off[:0], p.turn[:0]
	for i := range lens {
		p.clips = append(p.clips, i)
	}
	slices.SortStableFunc(p.clips, func(a, b int) int { return lens[b] - lens[a] })
	for _, i := range p.clips {
		p.lens = append(p.lens, lens[i])
	}
	p.off = append(p.off, 0)
	for t, n := 0, len(lens); n > 0; t++ {
		for n > 0 && p.lens[n-1] <= t {
			n--
		}
		if n > 0 {
			p.off = append(p.off, p.off[t]+n)
		}
	}
}

// turned fills turn: step t of a clip of n steps is step n-1-t of the other direction.
func (p *packing) turned() {
	p.turn = p.turn[:0]
	for t := range p.steps() {
		for c := range p.active(t) {
			p.turn = append(p.turn, p.off[p.lens[c]-1-t]+c)
		}
	}
}

func (p *packing) steps() int        { return len(p.off) - 1 }
func (p *packing) rows() int         { return p.off[len(p.off)-1] }
func (p *packing) active(t int) int  { return p.off[t+1] - p.off[t] }
func (p *packing) lastRow(c int) int { return p.off[p.lens[c]-1] + c }

// find returns the step of row r; near is where to begin looking, mostly the answer for the row asked for before: rows rise, or fall in
// the backward direction.
func (p *packing) find(near, r int) int {
	near = min(near, p.steps()-1)
	for p.off[near] > r {
		near--
	}
	for p.off[near+1] <= r {
		near++
	}
	return near
}

// clipRows gives the packed steps of a shard's clips as rows.
type clipRows struct {
	p     *packing
	batch []Sequence
	step  int
}

func (c *clipRows) Load(dst []float32, r int) {
	c.step = c.p.find(c.step, r)
	c.batch[c.p.clips[r-c.p.off[c.step]]].Load(dst, c.step)
}

// turnedRows gives the rows of one direction in the order of the other.
type turnedRows struct {
	rows factor.Rows
	p    *packing
}

func (v *turnedRows) Load(dst []float32, r int) { v.rows.Load(dst, v.p.turn[r]) }

// layerRows gives the hidden states of a layer as the rows that the layer above reads: [h] or [h_forward ; h_backward].
type layerRows struct {
	h    [2][]float32 // the second nil with one direction
	size int          // H
	p    *packing
}

func (v *layerRows) Load(dst []float32, r int) {
	n := v.size
	copy(dst[:n], v.h[0][r*n:])
	if v.h[1] != nil {
		copy(dst[n:], v.h[1][v.p.turn[r]*n:(v.p.turn[r]+1)*n])
	}
}

// previous gives, as input rows, the hidden state before each row of a packed batch.
type previous struct {
	p     *packing
	h, h0 []float32
	first int // the row that row 0 stands for
	size  int
	step  int // of the row asked for last
}

func (v *previous) Load(dst []float32, r int) {
	r += v.first
	v.step = v.p.find(v.step, r)
	from, c := v.h0, r-v.p.off[v.step]
	if v.step > 0 {
		from, c = v.h, v.p.off[v.step-1]+c
	}
	copy(dst, from[c*v.size:(c+1)*v.size])
}

// grow returns a slice of n elements, v itself when it is long enough.
func grow(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}
