package cli

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/jedib0t/go-pretty/v6/table"
)

// compressed is what compress --json prints.
type compressed struct {
	Model    string             `json:"model"`
	Matrices []compressedMatrix `json:"matrices"`
	Weights  int64              `json:"weights"`
	Biases   int64              `json:"biases"`
	Head     int64              `json:"head"`
	Total    int64              `json:"total"`
	Dense    int64              `json:"dense_weights"`
	Ratio    float64            `json:"ratio"`
	Error    float64            `json:"relative_error"` // of all matrices together
	Bound    float64            `json:"relative_bound"`
	Seconds  float64            `json:"seconds"`
}

type compressedMatrix struct {
	Name      string      `json:"name"`
	Rows      int         `json:"rows"`
	Cols      int         `json:"cols"`
	Structure factor.Spec `json:"structure"`
	Weights   int64       `json:"weights"`
	Dense     int64       `json:"dense_weights"`
	Ratio     float64     `json:"ratio"`
	Error     float64     `json:"relative_error"`
	Bound     float64     `json:"relative_bound"`
}

// summary gathers what there is to say.
func summary(path string, m *model.File, report []model.Compressed) compressed {
	w, b, h := m.Net.Count()
	dense := m.Config.RNN().DenseWeights()
	out := compressed{Model: path, Weights: w, Biases: b, Head: h, Total: w + b + h, Dense: dense, Ratio: float64(dense) / float64(w)}
	norm, lost, bound := 0.0, 0.0, 0.0
	for _, r := range report {
		norm, lost, bound = math.Hypot(norm, r.Report.Norm), math.Hypot(lost, r.Report.Error), math.Hypot(bound, r.Report.Bound)
		out.Matrices = append(out.Matrices, compressedMatrix{r.Name, r.Rows, r.Cols, r.Spec, r.Report.Weights, r.Report.Dense, r.Report.Ratio, r.Report.RelErr, r.Report.RelBnd})
	}
	if norm > 0 {
		out.Error, out.Bound = lost/norm, bound/norm
	}
	return out
}

// text is for people.
func (c compressed) text() string {
	t := newTable()
	t.AppendHeader(table.Row{"matrix", "rows x columns", "structure", "weights", "ratio", "error", "bound"})
	for _, m := range c.Matrices {
		t.AppendRow(table.Row{m.Name, fmt.Sprintf("%s x %s", thousands(int64(m.Rows)), thousands(int64(m.Cols))), structureText(m.Structure),
			thousands(m.Weights), fmt.Sprintf("%.1f", m.Ratio), percent(m.Error), percent(m.Bound)})
	}
	rightAlign(t, 4, 5, 6, 7)
	return fmt.Sprintf("%s\n%s: %s recurrent weights, %s; %s biases, %s head, %s in all; relative error %s\n", render(t), c.Model,
		thousands(c.Weights), fewer(c.Weights, c.Dense), thousands(c.Biases), thousands(c.Head), thousands(c.Total), percent(c.Error))
}

// fewer says how a number of recurrent weights compares with that of the dense network.
func fewer(weights, dense int64) string {
	ratio := float64(dense) / float64(weights)
	switch {
	case weights == dense:
		return "as many as dense"
	case weights > dense:
		return fmt.Sprintf("more than dense has, %s", thousands(dense))
	case ratio >= 100:
		return thousands(int64(ratio)) + " times fewer than dense"
	case ratio < 1.1:
		return fmt.Sprintf("%.1f %% fewer than dense", 100-100/ratio)
	}
	return fmt.Sprintf("%.1f times fewer than dense", ratio)
}
