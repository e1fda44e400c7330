package cli

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/lags"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// configName is the name of a run's resolved configuration in its folder.
const configName = "config.toml"

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// config is a configuration file: flags of a command by their names, one key a flag. A list is the flag's text with
// commas. As a kong.Resolver it gives the flags that the command line leaves out.
type config struct {
	path   string
	dir    string // what relative paths in it are relative to
	values map[string]any
	lines  map[string]int
	tables map[string][]map[string]int // of each table and array of tables: the lines of its keys, and of its header at ""
	ignore bool                        // keys that the command does not have are no error
	table  string                      // "train." where the keys are those of a table
}

// readConfig reads a file; its errors name the file and the line.
func readConfig(path string) (*config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("", "%s: %w", path, bare(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, usage("", "%s: %w", path, bare(err))
	}
	return parseConfig(path, text)
}

// parseConfig reads the text of a file.
func parseConfig(path string, text []byte) (*config, error) {
	if len(text) > maxConfig {
		return nil, usage("", "%s: a configuration has at most %d bytes", path, maxConfig)
	}
	c := &config{path: path, dir: filepath.Dir(path), lines: map[string]int{}, tables: map[string][]map[string]int{}}
	if err := toml.Unmarshal(text, &c.values); err != nil {
		return nil, tomlError(path, err)
	}
	c.places(text)
	return c, nil
}

// places finds the lines of the keys of a text that is well formed. Tables in tables, and what stands in braces, are passed over.
func (c *config) places(text []byte) {
	var p unstable.Parser
	p.Reset(text)
	in := c.lines
	for p.NextExpression() {
		e := p.Expression()
		key := e.Key()
		key.Next()
		first := key.Node()
		name, line := string(first.Data), p.Shape(first.Raw).Start.Line
		if e.Kind != unstable.KeyValue {
			in = c.lines
		}
		if in[name] == 0 {
			in[name] = line
		}
		if e.Kind != unstable.KeyValue {
			in = map[string]int{"": line}
			if !key.Next() {
				c.tables[name] = append(c.tables[name], in)
			}
		}
	}
}

func tomlError(path string, err error) error {
	var d *toml.DecodeError
	if errors.As(err, &d) {
		line, col := d.Position()
		return usage("", "%s:%d:%d: %s", path, line, col, strings.TrimPrefix(d.Error(), "toml: "))
	}
	return usage("", "%s: %s", path, strings.TrimPrefix(err.Error(), "toml: "))
}

// at names a key's place.
func (c *config) at(key string) string {
	return fmt.Sprintf("%s:%d: %s%s", c.path, c.lines[key], c.table, key)
}

// Validate does nothing: check knows which command it is for.
func (c *config) Validate(*kong.Application) error { return nil }

// check refuses keys that the command does not take, and says which it may have meant.
func (c *config) check(flags []*kong.Flag) error {
	if c.ignore {
		return nil
	}
	var known []string
	for _, f := range flags {
		if configurable(f) {
			known = append(known, f.Name)
		}
	}
	keys := make([]string, 0, len(c.values))
	for k := range c.values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return c.lines[a] - c.lines[b] })
	for _, k := range keys {
		if slices.Contains(known, k) {
			continue
		}
		hint := "the keys are the names of the flags: fdht train --help lists them"
		if near := nearest(k, known); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return usage(hint, "%s: unknown key", c.at(k))
	}
	return nil
}

// try checks the keys, and that every value is one that its flag takes.
func (c *config) try(flags []*kong.Flag) error {
	if err := c.check(flags); err != nil {
		return err
	}
	for _, f := range flags {
		if _, err := c.Resolve(nil, nil, f); err != nil {
			return err
		}
	}
	return nil
}

// configurable are the flags that a configuration file may set.
func configurable(f *kong.Flag) bool { return f.Tag.Get("config") != "-" && f.Name != "help" }

// Resolve gives the value of a flag as the text that stands on a command line.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	v, ok := c.values[f.Name]
	if !ok || !configurable(f) {
		return nil, nil
	}
	text, err := flagText(v)
	if err != nil {
		return nil, usage("", "%s: %w", c.at(f.Name), err)
	}
	if f.Tag.Has("relative") && text != "" && !strings.HasPrefix(text, madeName) && !filepath.IsAbs(filepath.FromSlash(text)) {
		text = filepath.Join(c.dir, filepath.FromSlash(text))
	}
	// Try it here, where the file and the line are known.
	trial := reflect.New(f.Target.Type()).Elem()
	if err := f.Value.Parse(kong.Scan().PushTyped(text, kong.FlagValueToken), trial); err != nil {
		return nil, usage("", "%s: %s", c.at(f.Name), strings.TrimPrefix(err.Error(), "--"+f.Name+": "))
	}
	return text, nil
}

// flagText writes a TOML value as a flag's text.
func flagText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			s, err := flagText(e)
			if err != nil {
				return "", err
			}
			if _, nested := e.([]any); nested {
				return "", errors.New("a list in a list: write it as text, in quotes")
			}
			parts[i] = s
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("a %T: want a text, a number, true or false, or a list of them", v)
}

// nearest is the known name that a mistyped one is likely to mean, or "".
func nearest(name string, known []string) string {
	best, least := "", 1+max(len(name)/3, 1)
	for _, k := range known {
		if d := distance(name, k); d < least || (strings.HasPrefix(k, name) && len(name) >= 3 && best == "") {
			best, least = k, min(d, least)
		}
	}
	return best
}

// distance is the number of letters to put in, take out or change to make a into b (Levenshtein); _ and - are the same.
func distance(a, b string) int {
	a, b = strings.ReplaceAll(strings.ToLower(a), "_", "-"), strings.ReplaceAll(b, "_", "-")
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// writeConfig is the text of a configuration file with the flags' present values, grouped, those left out that say nothing. Paths are
// written relative to dir unless they are absolute.
func writeConfig(head string, flags []*kong.Flag, dir string) ([]byte, error) {
	var b bytes.Buffer
	for line := range strings.Lines(head) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSuffix(line, "\n"))
	}
	group := ""
	for _, f := range flags {
		if !configurable(f) {
			continue
		}
		v := f.Target
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.IsZero() && (!f.HasDefault || f.Target.Kind() == reflect.Pointer) && !(f.Target.Kind() == reflect.Pointer && !f.Target.IsNil()) {
			continue
		}
		value := v.Interface()
		if f.Tag.Has("relative") {
			p, err := relativeTo(dir, v.String())
			if err != nil {
				return nil, err
			}
			value = p
		} else if l, ok := value.(lags.List); ok {
			if value = l.Values(); l.Len() == 1 {
				value = l[0]
			}
		} else if t, ok := value.(encoding.TextMarshaler); ok {
			text, err := t.MarshalText()
			if err != nil {
				return nil, err
			}
			value = string(text)
		}
		if f.Group != nil && f.Group.Title != group {
			group = f.Group.Title
			fmt.Fprintf(&b, "\n# %s\n", strings.TrimSuffix(group, ":"))
		}
		line, err := toml.Marshal(map[string]any{f.Name: value})
		if err != nil {
			return nil, fmt.Errorf("cannot write %s: %w", f.Name, err)
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}

// relativeTo writes a path as seen from dir, with slashes; absolute paths stay.
func relativeTo(dir, path string) (string, error) {
	if path == "" || filepath.IsAbs(path) || strings.HasPrefix(path, madeName) {
		return path, nil
	}
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return to, nil // another drive
	}
	return filepath.ToSlash(rel), nil
}

// addConfig makes a file the source of flags that the command line leaves out.
func addConfig(ctx *kong.Context, c *config) error {
	if err := c.check(ctx.Flags()); err != nil {
		return err
	}
	ctx.AddResolver(c)
	return nil
}

// trainFlags are the flags of fdht train.
func trainFlags() ([]*kong.Flag, error) {
	_, flags, err := recipeOf(&config{ignore: true})
	return flags, err
}

// recipeOf is what fdht train makes of the settings in c, and its flags with their values. Errors name their places in the file.
func recipeOf(c *config) (*recipe, []*kong.Flag, error) {
	var cmd struct {
		Train trainCmd `cmd:""`
	}
	parser, err := kong.New(&cmd, kong.Exit(func(int) {}), kong.Bind(&ui{}), kong.ExplicitGroups(flagGroups()), kong.Resolvers(c))
	if err != nil {
		return nil, nil, err
	}
	k, err := parser.Parse([]string{"train"})
	if err != nil {
		return nil, nil, err
	}
	return &cmd.Train.recipe, k.Flags(), nil
}
