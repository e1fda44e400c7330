package compress

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/factor"
)

// Source gives the rows of a matrix, so that a matrix joined from parts need not be copied into one.
type Source interface {
	// Size is the number of rows and columns.
	Size() (rows, cols int)
	// Row writes row i to dst, all cols numbers of it. Several goroutines may call it at a time.
	Row(dst []float32, i int)
}

// Matrix is a row-major matrix as a Source.
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// Size is the number of rows and columns.
func (m Matrix) Size() (rows, cols int) { return m.Rows, m.Cols }

// Row copies row i.
func (m Matrix) Row(dst []float32, i int) { copy(dst, m.Data[i*m.Cols:(i+1)*m.Cols]) }

// Joined is the matrix [A | B | ..] of parts with as many rows each.
type Joined []Source

// Size is the number of rows and the sum of the columns.
func (j Joined) Size() (rows, cols int) {
	for k, part := range j {
		r, c := part.Size()
		if k > 0 && r != rows {
			panic(fmt.Sprintf("compress: parts of %d and %d rows side by side", rows, r))
		}
		rows, cols = r, cols+c
	}
	return rows, cols
}

// Row writes row i of each part, one after the other.
func (j Joined) Row(dst []float32, i int) {
	for _, part := range j {
		_, c := part.Size()
		part.Row(dst[:c], i)
		dst = dst[c:]
	}
}

// checkSize says when src does not fit the structure s: M rows, at most N columns.
func checkSize(src Source, s factor.Spec) error {
	rows, cols := src.Size()
	if rows != s.Rows() {
		return request("output modes %v multiply to %d, the matrix has %d rows: make them agree", s.Out, s.Rows(), rows)
	}
	if cols > s.Cols() {
		return request("input modes %v multiply to %d, the matrix has %d columns: give modes that multiply to at least as many", s.In, s.Cols(), cols)
	}
	if n := float64(s.Rows()) * float64(s.Cols()); n > MaxEntries {
		return request("modes %v x %v make a matrix of %.3g entries: the most that is decomposed is %d", s.Out, s.In, n, int64(MaxEntries))
	}
	return nil
}

// MaxEntries is the most entries of a matrix, padding included, that Decompose takes, 8 GiB of them in float64; fewer on machines of 32 bits.
const MaxEntries = min(1<<30, math.MaxInt/16)

// gather reads src as the tensor [p_1, .., p_d] of joint modes, columns beyond those of src zero.
func gather(src Source, s factor.Spec) (*tensor, error) {
	rows, cols := src.Size()
	t := &tensor{}
	for k := range s.In {
		t.dims = append(t.dims, s.In[k]*s.Out[k])
	}
	t.data = make([]float64, s.Rows()*s.Cols())
	row := make([]float32, s.Cols())
	colAt := offsets(s.In, s.Out, true)
	rowAt := offsets(s.Out, s.In, false)
	for i := range rows {
		src.Row(row[:cols], i)
		at := t.data[rowAt[i]:]
		for j, v := range row[:cols] {
			if v-v != 0 {
				return nil, fmt.Errorf("entry %d of row %d is %v: a matrix is decomposed only when all its entries are numbers", j, i, v)
			}
			at[colAt[j]] = float64(v)
		}
	}
	return t, nil
}

// offsets lists, for each multi-index over modes, where it stands in the tensor of joint modes (i_k, j_k) when the other
// half of the joint index is zero. fast says that the modes are the faster half, the columns'.
func offsets(modes, other []int, fast bool) []int {
	out := []int{0}
	for k, n := range modes {
		next := make([]int, 0, len(out)*n)
		for _, base := range out {
			base *= n * other[k]
			for v := range n {
				if fast {
					next = append(next, base+v)
				} else {
					next = append(next, base+v*other[k])
				}
			}
		}
		out = next
	}
	return out
}
