package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fdht/fdht/internal/experiment"
)

// maxChoices bounds what the lists of a table make together.
const maxChoices = 10_000

// axis is a key with the values that are tried.
type axis struct {
	key    string
	values []any
	line   int
}

// choice is a choice of an axis' value.
type choice struct {
	key   string
	value any
	line  int
}

type variant struct {
	name, line, from string
	*settings
}

// notInExperiments are keys of fdht train that mean nothing here, with the reason.
func notInExperiments() map[string]string {
	return map[string]string{
		"seed":       "seeds = [1, 2, 3] at the top of the file says with which seeds each row is trained",
		"val":        "an experiment leaves training clips out by cross-validation, see [cv], and trains on all of them then",
		"val-groups": "an experiment leaves training clips out by cross-validation, see [cv], and trains on all of them then",
		"patience":   "there is no validation part that could end a run early; tune epochs",
		"init":       "from = \"NAME\" in a [[variant]] names the row above whose trained networks it begins with",
	}
}

func (p *experimentParser) train() error {
	s, err := p.table("train")
	if err != nil {
		return err
	}
	if s == nil {
		s = newSettings()
	}
	p.common = s
	return p.check(s, "train")
}

// check holds the keys and values of a table against the flags of fdht train.
func (p *experimentParser) check(s *settings, table string) error {
	for _, k := range sortedByLine(s.values, s.lines) {
		if why, no := notInExperiments()[k]; no && !(k == "val" && (s.values[k] == int64(0) || s.values[k] == 0.0)) {
			return usage(why, "%s: %s has no place in an experiment", p.at(s, table, k), k)
		}
	}
	c := &config{path: p.c.path, dir: p.c.dir, values: s.values, lines: s.lines, table: table + "."}
	return c.try(p.flags)
}

func (p *experimentParser) tuning() (err error) {
	p.f.tune, err = p.axes("tune")
	p.f.Points = nil
	for _, choices := range product(p.f.tune) {
		var pt experiment.Point
		for _, c := range choices {
			text, _ := flagText(c.value)
			pt.Keys, pt.Values = append(pt.Keys, c.key), append(pt.Values, text)
		}
		p.f.Points = append(p.f.Points, pt)
	}
	return err
}

func (p *experimentParser) cross() (err error) {
	p.matrix, err = p.axes("matrix")
	return err
}

// axes reads a table of keys with lists of values.
func (p *experimentParser) axes(table string) ([]axis, error) {
	s, err := p.table(table)
	if err != nil || s == nil {
		return nil, err
	}
	var out []axis
	many := 1
	for _, k := range sortedByLine(s.values, s.lines) {
		list, ok := s.values[k].([]any)
		if !ok || len(list) == 0 {
			return nil, usage("", "%s: %v: want a list of the values to try, such as [0.003, 0.01]", p.at(s, table, k), s.values[k])
		}
		if many *= len(list); many > maxChoices {
			return nil, usage("", "%s: the values of [%s] make more than %d choices together", p.at(s, table, k), table, maxChoices)
		}
		for _, v := range list {
			one := &settings{map[string]any{k: v}, s.lines}
			if err := p.check(one, table); err != nil {
				return nil, err
			}
		}
		if _, ok := p.common.values[k]; ok {
			return nil, usage("leave it away there", "%s: [train] has %s too, in line %d", p.at(s, table, k), k, p.common.lines[k])
		}
		out = append(out, axis{k, list, s.lines[k]})
	}
	return out, nil
}

// product is every choice of one value of each axis, the last axis fastest.
func product(axes []axis) [][]choice {
	out := [][]choice{nil}
	for _, a := range axes {
		var next [][]choice
		for _, c := range out {
			for _, v := range a.values {
				next = append(next, append(slices.Clone(c), choice{a.key, v, a.line}))
			}
		}
		out = next
	}
	return out
}

func (p *experimentParser) variant() error {
	list, err := p.tables("variant")
	if err != nil {
		return err
	}
	for _, s := range list {
		name, ok := s.values["name"].(string)
		if name = strings.TrimSpace(name); !ok || name == "" {
			return usage("", "%s:%d: variant: name is missing: say what the row is called", p.c.path, s.lines[""])
		}
		line, err := p.word(s, "line", "rows of the same line are joined in the plot")
		if err != nil {
			return err
		}
		if line == "" {
			line = name
		}
		from, err := p.word(s, "from", "from names the row above whose trained networks this one begins with")
		if err != nil {
			return err
		}
		delete(s.values, "name")
		if err := p.check(s, "variant"); err != nil {
			return err
		}
		for _, a := range p.f.tune {
			if _, ok := s.values[a.key]; ok {
				return usage("every variant has the same settings to choose from: leave it away in one of the two places",
					"%s: [tune] tries values of %s, in line %d", p.at(s, "variant", a.key), a.key, a.line)
			}
		}
		p.variants = append(p.variants, variant{name, line, from, s})
	}
	return nil
}

// word takes a key of a variant that is no flag out of it: a text, empty where there is none.
func (p *experimentParser) word(s *settings, key, hint string) (string, error) {
	v, there := s.values[key]
	text, ok := v.(string)
	if there && (!ok || text == "") {
		return "", usage(hint, "%s: %v: want a text", p.at(s, "variant", key), v)
	}
	delete(s.values, key)
	return text, nil
}

// rows crosses the variants with the matrix. A variant that has a key of the matrix itself is not multiplied by it.
func (p *experimentParser) rows() error {
	for _, v := range p.variants {
		var axes []axis
		for _, a := range p.matrix {
			if _, own := v.values[a.key]; !own {
				axes = append(axes, a)
			}
		}
		for _, choices := range product(axes) {
			name := v.name
			s := p.common.over(v.settings)
			for _, c := range choices {
				s.values[c.key], s.lines[c.key] = c.value, c.line
				text, _ := flagText(c.value)
				name += fmt.Sprintf(", %s %s", c.key, text)
			}
			p.f.Rows = append(p.f.Rows, experiment.Row{Name: name, Line: v.line, From: v.from})
			p.f.rows = append(p.f.rows, s)
		}
	}
	return nil
}
