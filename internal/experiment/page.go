package experiment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/train/plots"
)

// Write writes the report to dir: NAME.md, NAME.json, and the plots that the page shows, as PNG and SVG. The same report gives the same
// bytes. command is what was run, for the page.
func (r *Report) Write(dir, command string) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", dir, bare(err))
	}
	path := func(suffix string) string {
		files = append(files, filepath.Join(dir, r.Name+suffix))
		return files[len(files)-1]
	}
	for _, ext := range []string{".png", ".svg"} {
		if err := plots.Spots(path("-weights"+ext), r.Title, r.groups()); err != nil {
			return files, err
		}
		if err := plots.Lines(path("-curves"+ext), r.series()); err != nil {
			return files, err
		}
		for i := range r.Rows {
			row := &r.Rows[i]
			title := fmt.Sprintf("%s: %s of %d clips, %d seed%s", row.Row, percent(row.Top1), row.clips(), len(row.Runs), plural(len(row.Runs)))
			if err := plots.Confusion(path("-confusion-"+slug(row.Row)+ext), title, row.Labels, row.Confusion); err != nil {
				return files, err
			}
		}
	}
	if err := writeJSON(path(".json"), r); err != nil {
		return files, err
	}
	return files, atomicfile.Write(path(".md"), func(w io.Writer) error {
		_, err := io.WriteString(w, r.page(command))
		return err
	})
}

// groups are the rows for the plot, those of one line joined.
func (r *Report) groups() []plots.Group {
	var out []plots.Group
	at := map[string]int{}
	for _, row := range r.Rows {
		k, ok := at[row.Line]
		if !ok {
			k = len(out)
			at[row.Line] = k
			out = append(out, plots.Group{Name: row.Line})
		}
		out[k].Spots = append(out[k].Spots, plots.Spot{Weights: row.Structure.Weights, Accuracy: row.Top1, Deviation: row.Deviation})
	}
	for _, p := range r.Published {
		if p.Weights > 0 {
			out = append(out, plots.Group{Name: p.Name, Spots: []plots.Spot{{Weights: p.Weights, Accuracy: p.Top1}}, Faint: true})
		}
	}
	return out
}

func (r *Report) series() []plots.Series {
	out := make([]plots.Series, len(r.Rows))
	for i := range r.Rows {
		out[i].Name = r.Rows[i].Row
		for _, e := range r.Rows[i].curve() {
			out[i].Loss, out[i].Accuracy = append(out[i].Loss, e.Loss), append(out[i].Accuracy, e.Accuracy)
		}
	}
	return out
}

func (r *RowReport) clips() int {
	if len(r.Runs) == 0 {
		return 0
	}
	return r.Runs[0].Clips
}

// page is the report in Markdown.
func (r *Report) page(command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", r.Title)
	if r.Note != "" {
		fmt.Fprintf(&b, "%s\n\n", r.Note)
	}
	fmt.Fprintf(&b, "## Result\n\n")
	r.table(&b)
	fmt.Fprintf(&b, "\nTop-1 is the mean over %d seed%s (%s) on %d test clips, ± their standard deviation in points. Weights are the recurrent ones, ratio is how many times "+
		"fewer they are than in the dense network of the same shape, total counts biases and the head too. Time is that of one training, on one core or more as the runs were "+
		"placed; memory is that of one step of training, without the data.\n", len(r.Seeds), plural(len(r.Seeds)), numbers(r.Seeds), r.Rows[0].clips())
	if slices.ContainsFunc(r.Rows, func(row RowReport) bool { return row.From != "" }) {
		b.WriteString("\nA row that begins with another one's networks begins with that of the same training clips and the same seed, compressed to its own structure; its epochs and " +
			"time come on top of theirs.\n")
	}
	fmt.Fprintf(&b, "\n![Accuracy over weights](%s-weights.png)\n\n![Training, mean of the seeds](%s-curves.png)\n", r.Name, r.Name)
	fmt.Fprintf(&b, "\n## Each run\n\n| | structure | seed | top-1 | top-5 | training accuracy |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range r.Rows {
		for i, s := range row.Runs {
			name, structure := cell(row.Row), cell(row.Structure.Text)
			if row.From != "" {
				structure += "; begins with " + cell(row.From)
			}
			if i > 0 {
				name, structure = "", ""
			}
			last := 0.0
			if n := len(s.Curve); n > 0 {
				last = s.Curve[n-1].Accuracy
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s |\n", name, structure, s.Seed, percent(s.Top1), percent(s.Top5), percent(last))
		}
	}
	b.WriteString("\nTraining accuracy is what it was as training went along, with dropout and augmentation.\n")
	r.choices(&b)
	r.lookText(&b)
	fmt.Fprintf(&b, "\n## Confusion\n\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "![%s](%s-confusion-%s.png)\n\n", row.Row, r.Name, slug(row.Row))
	}
	fmt.Fprintf(&b, "## Command\n\n    %s\n\nAll numbers are in [%s.json](%s.json).\n", command, r.Name, r.Name)
	return b.String()
}

func (r *Report) table(b *strings.Builder) {
	b.WriteString("| | top-1 | recurrent weights | ratio | total | epochs | time | memory |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	best := 0.0
	for _, row := range r.Rows {
		best = max(best, row.Top1)
	}
	for _, row := range r.Rows {
		top := fmt.Sprintf("%s ± %.1f", percent(row.Top1), 100*row.Deviation)
		if row.Top1 == best {
			top = "**" + top + "**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %d | %s | %.1f MB |\n", cell(row.Row), top, thousands(row.Structure.Weights), ratio(row.Ratio), thousands(row.Total),
			row.Epochs, seconds(row.Seconds), float64(row.Bytes)/1e6)
	}
	for _, p := range r.Published {
		weights := "-"
		if p.Weights > 0 {
			weights = thousands(p.Weights)
		}
		fmt.Fprintf(b, "| %s (%s) | %s | %s | | | | | |\n", cell(p.Name), cell(p.Source), percent(p.Top1), weights)
	}
}

// choices is the tuning, in a table.
func (r *Report) choices(b *strings.Builder) {
	fmt.Fprintf(b, "\n## How the settings were chosen\n\n")
	if r.CV == nil {
		b.WriteString("They are those of the file; nothing was tuned.\n")
		return
	}
	what := "groups (subjects, source videos) are left out whole"
	if r.CV.By == "file" {
		what = "clips are left out"
	}
	fmt.Fprintf(b, "By cross-validation on the training clips alone: %s, %d folds, seed%s %s, the accuracy of the last epoch's weights on what was left out. %d settings of each row, so %d trainings a row; "+
		"the highest mean is taken, of equal ones that with the lower loss. The test clips had no part in it.\n\n", what, r.CV.Folds, plural(len(r.CV.Seeds)), numbers(r.CV.Seeds), r.CV.Tried,
		r.CV.Tried*r.CV.Folds*len(r.CV.Seeds))
	b.WriteString("| | settings | left-out accuracy | loss | |\n| --- | --- | ---: | ---: | --- |\n")
	for _, row := range r.Rows {
		for i, t := range row.Tried {
			name, mark := cell(row.Row), ""
			if i > 0 {
				name = ""
			}
			if t.Chosen {
				mark = "taken"
			}
			if t.Diverged > 0 {
				mark = strings.TrimPrefix(fmt.Sprintf("%s, %d diverged", mark, t.Diverged), ", ")
			}
			fmt.Fprintf(b, "| %s | %s | %s ± %.1f | %.3f | %s |\n", name, cell(t.Settings), percent(t.Mean), 100*t.Deviation, t.Loss, mark)
		}
	}
}

// lookText says how often the test clips were looked at.
func (r *Report) lookText(b *strings.Builder) {
	fmt.Fprintf(b, "\n## How often the test clips were looked at\n\n")
	if len(r.Looks) <= 1 {
		fmt.Fprintf(b, "Once, with these settings (%s), after all networks were trained. The folder of the runs keeps count: the same networks measured again are the same look, "+
			"and what was done outside of it is not counted.\n", r.Look)
		return
	}
	fmt.Fprintf(b, "%d times, each with other networks; this page shows look %s. Whoever compares should know that the later ones could have been chosen by what the earlier ones showed.\n\n", len(r.Looks), r.Look)
	b.WriteString("| look | row | settings | runs |\n| --- | --- | --- | --- |\n")
	for _, l := range r.Looks {
		for i, row := range l.Rows {
			id := l.ID
			if i > 0 {
				id = ""
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", id, cell(row.Row), cell(row.Settings), strings.Join(row.Jobs, ", "))
		}
	}
}

// cell is text for a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }

// slug is a name for a file's name.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

func numbers(v []uint64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ", "), "[]")
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func ratio(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	return thousands(int64(x + 0.5))
}

func seconds(s float64) string {
	if s < 100 {
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.1f min", s/60)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
