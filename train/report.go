package train

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fdht/fdht/train/plots"
)

// SavePlots draws the report into dir, which is made if need be: confusion.png and .svg, classes.png and .svg. It returns the
// files' paths. The title says what was evaluated.
func (r *Report) SavePlots(dir, title string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", dir, bare(err))
	}
	labels := make([]string, len(r.Classes))
	bars := make([]plots.Bar, len(r.Classes))
	for i, c := range r.Classes {
		labels[i] = c.Label
		bars[i] = plots.Bar{Label: c.Label, Clips: c.Clips, Recall: c.Recall, Precision: c.Precision}
	}
	head := fmt.Sprintf("%s: %.1f%% of %d clips recognised", title, 100*r.Top1, r.Clips)
	var paths []string
	for _, ext := range []string{".png", ".svg"} {
		path := filepath.Join(dir, "confusion"+ext)
		if err := plots.Confusion(path, head, labels, r.Confusion); err != nil {
			return paths, err
		}
		paths = append(paths, path)
		path = filepath.Join(dir, "classes"+ext)
		if err := plots.ClassBars(path, head, bars); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
