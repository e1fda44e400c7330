package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// initModel is the flag --init: a model file, or the folder of a run, whose network and weights a run begins with.
type initModel string

// BeforeResolve makes the model the source of the flags that neither the command line nor the configuration file has.
func (initModel) BeforeResolve(ctx *kong.Context, at *kong.Path) error {
	var over *config
	for _, p := range ctx.Path {
		if p.Positional == nil || p.Positional.Name != "CONFIG.toml" {
			continue
		}
		if path := ctx.Value(p).String(); path != "" {
			c, err := readConfig(path)
			if err != nil {
				return err
			}
			over = c
		}
	}
	return addInit(ctx, string(ctx.FlagValue(at.Flag).(initModel)), over)
}

// initIn makes the model that a configuration file names a source of flags, unless the command line names one.
func initIn(ctx *kong.Context, c *config) error {
	path, ok := c.values["init"].(string)
	if !ok || path == "" || slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "init" }) {
		return nil
	}
	if !filepath.IsAbs(filepath.FromSlash(path)) {
		path = filepath.Join(c.dir, filepath.FromSlash(path))
	}
	return addInit(ctx, path, c)
}

func addInit(ctx *kong.Context, path string, over *config) error {
	if path == "" {
		return nil
	}
	f, err := model.Load(modelPath(path))
	if err != nil {
		return usage("name a model file, or the folder of a run", "--init %w", err)
	}
	values := networkFlags(f.Config)
	if over != nil {
		for key := range over.values {
			delete(values, key)
		}
	}
	ctx.AddResolver(&config{path: path, values: values})
	return nil
}

// networkFlags are the flags of fdht train that make the network of a model, and its frames.
func networkFlags(c model.Config) map[string]any {
	v := map[string]any{
		"cell": c.Cell, "bidirectional": c.Bidirectional, "hidden": int64(c.Hidden), "layers": int64(c.Layers), "pooling": c.Pooling,
		"scope": string(c.Structure.Scope), "calibrate": int64(0),
	}
	matrixFlags(v, "", c.Structure)
	if c.Layers > 1 {
		matrixFlags(v, "upper-", c.RNN().Spec(1))
	}
	if c.Recurrent != nil {
		matrixFlags(v, "recurrent-", *c.Recurrent)
	}
	if fr := c.Frame; fr != nil {
		v["input"], v["frame"] = fr.Input, frameSize{fr.Height, fr.Width, fr.Channels}.String()
		v["steps"] = int64(c.Steps)
		if fr.Lag.Len() > 0 {
			v["lag"], v["gain"] = fr.Lag.String(), fr.Gain
		}
	}
	return v
}

// matrixFlags adds the flags that make one matrix, whose names begin with prefix.
func matrixFlags(v map[string]any, prefix string, s factor.Spec) {
	v[prefix+"kind"], v[prefix+"modes-in"], v[prefix+"modes-out"] = string(s.Kind), joinInts(s.In), joinInts(s.Out)
	if !s.Tree.IsZero() {
		v[prefix+"tree"] = s.Tree.String()
	}
	if ranks := ranksOf(s); !ranks.isZero() {
		v[prefix+"ranks"] = ranks.String()
	}
}

// differences collects in what a model and a run differ.
type differences []string

func (d *differences) add(what string, model, run any) {
	if x, y := describeValue(model), describeValue(run); x != y {
		*d = append(*d, fmt.Sprintf("%s %s in the model, %s here", what, x, y))
	}
}

func (d differences) err(source string) error {
	if len(d) == 0 {
		return nil
	}
	return usage("leave away the flags of the network and the frames: they follow from the model", "%s: %s", source, strings.Join(d, "; "))
}

// sameShape says in what a run, whose structures are not made yet, differs from the model that source names.
func sameShape(source string, has, now model.Config) error {
	if err := shapeDifferences(has, now).err(source); err != nil {
		return err
	}
	if err := sameLabels(has.Classes, now.Classes); err != nil {
		return usage("", "%s: %w", source, err)
	}
	return nil
}

// shapeDifferences are those of all but the structures and the labels.
func shapeDifferences(has, now model.Config) (d differences) {
	d.add("cell", has.Cell, now.Cell)
	d.add("bidirectional", has.Bidirectional, now.Bidirectional)
	d.add("inputs", has.Input, now.Input)
	d.add("hidden", has.Hidden, now.Hidden)
	d.add("layers", has.Layers, now.Layers)
	d.add("pooling", has.Pooling, now.Pooling)
	d.add("frame", has.Frame, now.Frame)
	return d
}

// sameStructure says where the structures differ.
func sameStructure(source string, has, now model.Config) error {
	var d differences
	for l := range has.Layers {
		d.add(fmt.Sprintf("structure of layer %d", l), spelled(has.RNN().Spec(l)), spelled(now.RNN().Spec(l)))
	}
	if has.Recurrent != nil && now.Recurrent != nil {
		d.add("structure of the hidden half", spelled(*has.Recurrent), spelled(*now.Recurrent))
	}
	return d.err(source)
}

// spelled is s with its tree, where it is left out.
func spelled(s factor.Spec) factor.Spec {
	if s.Kind == factor.HT {
		s.Tree = s.DimensionTree()
	}
	return s
}

// describeValue is a value as JSON has it, and none for nothing.
func describeValue(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if string(b) == "null" {
		return "none"
	}
	return strings.Trim(string(b), `"`)
}

// sameLabels says which labels only the model or only the data has.
func sameLabels(has, data []string) error {
	without := func(a, b []string) (out []string) {
		for _, label := range a {
			if !slices.Contains(b, label) {
				out = append(out, label)
			}
		}
		return out
	}
	const most = 10
	list := func(labels []string) string {
		if n := len(labels) - most; n > 0 {
			return fmt.Sprintf("%s and %d more", strings.Join(labels[:most], ", "), n)
		}
		return strings.Join(labels, ", ")
	}
	if surplus := without(data, has); len(surplus) > 0 {
		return fmt.Errorf("the data has labels that the model does not know: %s", list(surplus))
	}
	if missing := without(has, data); len(missing) > 0 {
		return fmt.Errorf("the model has labels that the data does not have: %s", list(missing))
	}
	return nil
}

// copyWeights gives to the weights of from, which has the same parameters.
func copyWeights(to, from *rnn.Model) {
	source := from.Params()
	for i, p := range to.Params() {
		copy(p.Data, source[i].Data)
	}
}
