package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/experiment"
)

// experimentFile is an experiment as its file says it: a design, and the settings of each of its rows.
type experimentFile struct {
	experiment.Design
	path string
	dir  string
	rows []*settings // of each row
	tune []axis
}

// settings are keys of fdht train with their values, and the line of the file where each stands.
type settings struct {
	values map[string]any
	lines  map[string]int
}

func newSettings() *settings { return &settings{map[string]any{}, map[string]int{}} }

// over puts other's keys over those of s. An empty list or text takes a key away.
func (s *settings) over(other *settings) *settings {
	out := newSettings()
	for _, from := range []*settings{s, other} {
		for k, v := range from.values {
			if list, ok := v.([]any); v == "" || ok && len(list) == 0 {
				delete(out.values, k)
				continue
			}
			out.values[k], out.lines[k] = v, from.lines[k]
		}
	}
	return out
}

// readExperiment reads a file and holds its keys and values against the flags of fdht train.
func readExperiment(path string) (*experimentFile, error) {
	c, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return newExperiment(c)
}

func newExperiment(c *config) (*experimentFile, error) {
	f := &experimentFile{path: c.path, dir: c.dir}
	f.Name = strings.TrimSuffix(filepath.Base(c.path), filepath.Ext(c.path))
	p := &experimentParser{c: c, f: f}
	if err := p.top(); err != nil {
		return nil, err
	}
	if err := f.Design.Validate(); err != nil {
		return nil, usage("", "%s: %w", c.path, err)
	}
	return f, nil
}

// experimentParser goes through the tables of a file.
type experimentParser struct {
	c *config
	f *experimentFile

	common   *settings
	matrix   []axis
	variants []variant
	flags    []*kong.Flag
}

// experimentKeys are what may stand at the top of a file.
func experimentKeys() []string {
	return []string{"title", "note", "seeds", "cv", "train", "matrix", "tune", "variant", "published"}
}

func (p *experimentParser) top() error {
	c := p.c
	for _, k := range sortedByLine(c.values, c.lines) {
		if !slices.Contains(experimentKeys(), k) {
			hint := "the keys are " + strings.Join(experimentKeys(), ", ") + "; those of fdht train stand below [train] or in a [[variant]]"
			if near := nearest(k, experimentKeys()); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return usage(hint, "%s: unknown key", c.at(k))
		}
	}
	var err error
	if p.flags, err = trainFlags(); err != nil {
		return err
	}
	for _, step := range []func() error{p.words, p.seeds, p.cv, p.train, p.tuning, p.cross, p.variant, p.published} {
		if err := step(); err != nil {
			return err
		}
	}
	return p.rows()
}

func sortedByLine(values map[string]any, lines map[string]int) []string {
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if lines[a] != lines[b] {
			return lines[a] - lines[b]
		}
		return strings.Compare(a, b)
	})
	return keys
}

func (p *experimentParser) words() error {
	p.f.Title = p.f.Name
	for key, to := range map[string]*string{"title": &p.f.Title, "note": &p.f.Note} {
		v, ok := p.c.values[key]
		if !ok {
			continue
		}
		text, ok := v.(string)
		if !ok {
			return usage("", "%s: %v: want a text", p.c.at(key), v)
		}
		*to = strings.TrimSpace(text)
	}
	return nil
}

func (p *experimentParser) seeds() (err error) {
	p.f.Seeds = []uint64{1, 2, 3}
	if v, ok := p.c.values["seeds"]; ok {
		p.f.Seeds, err = seedList(v, p.c.at("seeds"))
	}
	return err
}

func seedList(v any, at string) ([]uint64, error) {
	list, ok := v.([]any)
	var out []uint64
	for _, e := range list {
		n, isInt := e.(int64)
		if !isInt || n < 0 || slices.Contains(out, uint64(n)) {
			ok = false
			break
		}
		out = append(out, uint64(n))
	}
	if !ok || len(out) == 0 {
		return nil, usage("", "%s: %v: want a list of different numbers, such as [1, 2, 3]", at, v)
	}
	return out, nil
}

func (p *experimentParser) cv() (err error) {
	p.f.CV = experiment.CV{FoldOptions: dataset.FoldOptions{Seed: 1}, Seeds: []uint64{1}}
	s, err := p.table("cv")
	if err != nil || s == nil {
		return err
	}
	for _, k := range sortedByLine(s.values, s.lines) {
		at, v := p.at(s, "cv", k), s.values[k]
		switch k {
		case "folds":
			n, ok := v.(int64)
			if !ok || n < 2 || n > 1000 {
				return usage("leave it out, and each group of the training clips is left out once", "%s: %v: want 2 or more", at, v)
			}
			p.f.CV.N = int(n)
		case "by":
			if v != "group" && v != "file" {
				return usage("", "%s: %v: want \"group\", subjects or source videos stay together, or \"file\"", at, v)
			}
			p.f.CV.By, _ = v.(string)
		case "seeds":
			if p.f.CV.Seeds, err = seedList(v, at); err != nil {
				return err
			}
		default:
			return usage("the keys of [cv] are folds, by and seeds", "%s: unknown key", at)
		}
	}
	if p.f.CV.By == "file" && p.f.CV.N == 0 {
		return usage("such as folds = 5", "%s: by = \"file\" needs a number of folds", p.c.at("cv"))
	}
	return nil
}

// at names the place of a key of a table.
func (p *experimentParser) at(s *settings, table, key string) string {
	return fmt.Sprintf("%s:%d: %s.%s", p.c.path, s.lines[key], table, key)
}

// place gives the values of a table, the ith of its name, their lines. Without a header, as in train = {lr = 0.01}, all are on the line of the name.
func (p *experimentParser) place(values map[string]any, name string, i int) *settings {
	if t := p.c.tables[name]; i < len(t) {
		return &settings{values, t[i]}
	}
	lines := map[string]int{"": p.c.lines[name]}
	for k := range values {
		lines[k] = p.c.lines[name]
	}
	return &settings{values, lines}
}

// table is a table of the file; nil where there is none.
func (p *experimentParser) table(name string) (*settings, error) {
	v, ok := p.c.values[name]
	if !ok {
		return nil, nil
	}
	values, ok := v.(map[string]any)
	if !ok {
		return nil, usage("", "%s: want a table: [%s] on a line, then its keys", p.c.at(name), name)
	}
	return p.place(values, name, 0), nil
}

// tables are those of an array of tables.
func (p *experimentParser) tables(name string) ([]*settings, error) {
	v, ok := p.c.values[name]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	var out []*settings
	for i, e := range list {
		values, isTable := e.(map[string]any)
		if !isTable {
			ok = false
			break
		}
		out = append(out, p.place(values, name, i))
	}
	if !ok {
		return nil, usage("", "%s: want tables: [[%s]] on a line, then its keys", p.c.at(name), name)
	}
	return out, nil
}

func (p *experimentParser) published() error {
	list, err := p.tables("published")
	if err != nil {
		return err
	}
	for _, s := range list {
		var pub experiment.Published
		for _, k := range sortedByLine(s.values, s.lines) {
			at, v, ok := p.at(s, "published", k), s.values[k], false
			switch k {
			case "name":
				pub.Name, ok = v.(string)
			case "source":
				pub.Source, ok = v.(string)
			case "weights":
				pub.Weights, ok = v.(int64)
				ok = ok && pub.Weights > 0
			case "top1":
				pub.Top1, ok = v.(float64)
				ok = ok && pub.Top1 > 0 && pub.Top1 <= 1
			default:
				return usage("the keys of [[published]] are name, top1, weights and source", "%s: unknown key", at)
			}
			if !ok {
				return usage("name and source are texts, weights is a number above 0, top1 a share from 0 to 1 such as 0.661", "%s: %v", at, v)
			}
		}
		if pub.Name == "" || pub.Top1 == 0 || pub.Source == "" {
			return usage("", "%s:%d: published: name, top1 and source are needed", p.c.path, s.lines[""])
		}
		p.f.Published = append(p.f.Published, pub)
	}
	return nil
}
