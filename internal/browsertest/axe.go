package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// AxeEnv names the environment variable with the folder into which npm installed axe-core.
const AxeEnv = "FDHT_NODE"

// axe is the text of axe-core; without it the test is skipped.
func axe(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(AxeEnv)
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if dir == "" || err != nil {
		t.Skipf("needs npm's axe-core, in the folder that %s names: it looks for what shuts people out", AxeEnv)
	}
	return string(text)
}

type finding struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Accessible fails when axe-core finds anything on the page, whatever its impact; without it the test is skipped.
func (p *Page) Accessible(t *testing.T) {
	t.Helper()
	text := axe(t)
	var found []finding
	p.Run(t, chromedp.Evaluate(text, nil),
		Await(`axe.run({ resultTypes: ["violations"] }).then((r) => r.violations)`, &found))
	for _, f := range found {
		var where strings.Builder
		for _, n := range f.Nodes {
			fmt.Fprintf(&where, "\n  %s\n  %s", n.HTML, n.Summary)
		}
		t.Errorf("%s, %s: %s%s", f.Impact, f.ID, f.Help, where.String())
	}
}
