package plan

import (
	"fmt"
	"slices"
	"strings"
)

// alignedModes lists the lists of d input modes that line up with the frame f and give hidden units rows of their own. The
// first mode counts blocks of rows, those of the frame and then those of the hidden units; the modes after it split a block into
// single rows, and the last ones split a row into blocks of columns, columns and channels. For 120x160x1, 256 hidden units and d = 4
// one is 9,15,10,16: 8 blocks of 15 rows, a ninth block for the hidden units, 10 blocks of 16 columns.
func alignedModes(f Frame, hidden, d int) [][]int {
	row := f.Width * f.Channels
	var out [][]int
	for rows := 1; rows <= d; rows++ {
		for _, c := range rowSplits(f, d-rows) {
			for _, block := range divisorsOf(f.Height) {
				extra := (hidden + block*row - 1) / (block * row)
				first := f.Height/block + extra
				if first == 1 && d > 1 { // no columns beside the frame's: a mode for nothing
					continue
				}
				for _, r := range orderedFactorings(block, rows-1) {
					modes := slices.Concat([]int{first}, r, c)
					if _, ok := multiply(modes); ok {
						out = append(out, modes)
					}
				}
			}
		}
	}
	return out
}

// rowSplits lists the ways to split a row into parts modes so that no mode cuts through a column's channels.
func rowSplits(f Frame, parts int) [][]int {
	all := orderedFactorings(f.Width*f.Channels, parts)
	return slices.DeleteFunc(all, func(v []int) bool { return !keepsChannels(v, f.Channels) })
}

// keepsChannels reports whether the numbers a step of each mode in v stands for, mode by mode, are whole columns or parts of one
// column that every column is made of.
func keepsChannels(v []int, channels int) bool {
	step := 1
	for _, n := range slices.Backward(v) {
		if step%channels != 0 && channels%step != 0 {
			return false
		}
		step *= n
	}
	return true
}

// orderedFactorings lists the ways to write n as a product of parts factors of at least 2, in every order.
func orderedFactorings(n, parts int) [][]int {
	if parts == 0 {
		if n == 1 {
			return [][]int{nil}
		}
		return nil
	}
	var out [][]int
	for _, v := range factorings(n, parts, 2) {
		for a := range arrangements(v) {
			out = append(out, slices.Clone(a))
		}
	}
	return out
}

// alignment describes how input modes line up with the frame and, if hidden is not 0, with hidden units after it; "" if they do not.
func alignment(f Frame, in []int, hidden int) string {
	if f.IsZero() || len(in) == 0 {
		return ""
	}
	row := f.Width * f.Channels
	// Going from the last mode up, the columns of one row must be complete at some mode.
	at, step := len(in), 1
	for at > 1 && step < row {
		at--
		step *= in[at]
	}
	if step != row || !keepsChannels(in[at:], f.Channels) {
		return ""
	}
	block := 1
	for k := at - 1; k > 0; k-- {
		block *= in[k]
	}
	if f.Height%block != 0 || in[0] < f.Height/block || hidden > 0 && in[0] == f.Height/block {
		return ""
	}
	text := fmt.Sprintf("rows %d", f.Height/block)
	if at > 1 {
		text += " x " + join(in[1:at])
	}
	if at < len(in) {
		text += ", columns " + join(in[at:])
	}
	if hidden > 0 {
		text += ", hidden units in rows of their own"
	}
	return text
}

func join(v []int) string {
	var b strings.Builder
	for i, n := range v {
		if i > 0 {
			b.WriteString(" x ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
