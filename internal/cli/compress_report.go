package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/train/plots"
)

// writeCompressReport writes report.json, report.md and the plots of the singular values to dir.
func writeCompressReport(dir string, c compressed, matrices []model.Compressed) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot make --report %s: %w", dir, bare(err))
	}
	for _, m := range matrices {
		if len(m.Report.Nodes) == 0 { // one mode: nothing is truncated
			continue
		}
		var nodes []plots.Spectrum
		for _, n := range m.Report.Nodes {
			nodes = append(nodes, plots.Spectrum{Name: n.Name, Values: n.SingularValues, Rank: n.Rank})
		}
		title := fmt.Sprintf("%s, %s: singular values", m.Name, m.Spec.Kind)
		if err := plots.Spectra(filepath.Join(dir, plotName(m)), title, nodes); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "report.md"), []byte(c.markdown(matrices))); err != nil {
		return err
	}
	text, err := json.MarshalIndent(struct {
		compressed
		Matrices []model.Compressed `json:"matrices"`
	}{c, matrices}, "", " ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "report.json"), append(text, '\n'))
}

func writeFile(path string, text []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func plotName(m model.Compressed) string { return "singular-values-" + m.Name + ".png" }

// markdown is the report for people.
func (c compressed) markdown(matrices []model.Compressed) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", filepath.Base(c.Model))
	fmt.Fprintf(&b, "%s recurrent weights, %s (%s); %s biases, %s in the classifier. Relative error of all matrices together %.4g, bound %.4g.\n",
		thousands(c.Weights), fewer(c.Weights, c.Dense), thousands(c.Dense), thousands(c.Biases), thousands(c.Head), c.Error, c.Bound)
	b.WriteString("\nError: Frobenius norm of what is missing over that of the matrix. Bound: root of the sum of the squares of all singular values left out, over the same.\n")
	for _, m := range matrices {
		fmt.Fprintf(&b, "\n## %s\n\n%s x %s, %s. %s weights, %s. Relative error %.6g, bound %.6g.\n\n", m.Name, thousands(int64(m.Rows)),
			thousands(int64(m.Cols)), structureText(m.Spec), thousands(m.Report.Weights), fewer(m.Report.Weights, m.Report.Dense), m.Report.RelErr, m.Report.RelBnd)
		if len(m.Report.Nodes) == 0 {
			continue
		}
		b.WriteString("| node | rank kept | singular values | largest | smallest kept | largest left out | left out, of the norm |\n| --- | --- | --- | --- | --- | --- | --- |\n")
		sketched := false
		for _, n := range m.Report.Nodes {
			left := "-"
			if n.Rank < len(n.SingularValues) {
				left = fmt.Sprintf("%.4g", n.SingularValues[n.Rank])
			}
			share := 0.0
			if m.Report.Norm > 0 {
				share = n.Discarded / m.Report.Norm
			}
			seen := fmt.Sprint(len(n.SingularValues))
			if n.Sketched {
				seen, sketched = "first "+seen, true
			}
			fmt.Fprintf(&b, "| %s | %d | %s | %.4g | %.4g | %s | %.4g |\n", n.Name, n.Rank, seen, n.SingularValues[0], n.SingularValues[n.Rank-1], left, share)
		}
		if sketched {
			b.WriteString("\nFirst: there are more singular values than these, which a sketch saw; what is left out has all of them in it.\n")
		}
		fmt.Fprintf(&b, "\n![Singular values of %s](%s)\n", m.Name, plotName(m))
	}
	return b.String()
}
