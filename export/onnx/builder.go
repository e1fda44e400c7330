package onnx

import (
	"fmt"
	"slices"
	"strings"
)

// builder adds nodes to a graph. Weights and constants go into the outermost graph, where the body of a Scan sees them too.
type builder struct {
	g      *graph
	top    *names
	prefix string // of the names of new values
}

// names is what all graphs of a model have in common: the values of a body and of the graph around it share one name space.
type names struct {
	g         *graph
	values    int
	constants map[string]bool
}

func newBuilder(g *graph) builder {
	return builder{g: g, top: &names{g: g, constants: map[string]bool{}}}
}

// named is b for values whose names begin with prefix.
func (b builder) named(prefix string) builder {
	b.prefix = prefix
	return b
}

// inside is b for a graph within its graph.
func (b builder) inside(g *graph) builder {
	b.g = g
	return b
}

// name makes a name that no value has.
func (b builder) name(what string) string {
	b.top.values++
	return fmt.Sprintf("%s%s_%d", b.prefix, what, b.top.values)
}

// op adds a node with one output and returns its name.
func (b builder) op(op string, inputs []string, attributes ...attribute) string {
	return b.ops(op, 1, inputs, attributes...)[0]
}

// ops adds a node with n outputs.
func (b builder) ops(op string, n int, inputs []string, attributes ...attribute) []string {
	outputs := make([]string, n)
	for i := range outputs {
		outputs[i] = b.name(strings.ToLower(op))
	}
	b.to(outputs, op, inputs, attributes...)
	return outputs
}

// to adds a node whose outputs have names already.
func (b builder) to(outputs []string, op string, inputs []string, attributes ...attribute) {
	b.g.nodes = append(b.g.nodes, node{op, inputs, outputs, attributes})
}

// rename gives a value a second name, that of an output.
func (b builder) rename(old, name string) { b.to([]string{name}, "Identity", []string{old}) }

// weights is a constant of floats.
func (b builder) weights(name string, shape []int, data []float32) string {
	if !b.top.constants[name] {
		b.top.constants[name] = true
		b.top.g.tensors = append(b.top.g.tensors, tensor{name: name, shape: shape, floats: data})
	}
	return name
}

// scalar is a constant float without axes.
func (b builder) scalar(name string, v float32) string { return b.weights(name, nil, []float32{v}) }

// integers is a constant list of integers.
func (b builder) integers(v ...int) string {
	name := "integers" + strings.ReplaceAll(fmt.Sprint(v), " ", ",")
	if !b.top.constants[name] {
		b.top.constants[name] = true
		t := tensor{name: name, shape: []int{len(v)}}
		for _, n := range v {
			t.ints = append(t.ints, int64(n))
		}
		b.top.g.tensors = append(b.top.g.tensors, t)
	}
	return name
}

// array is a value of which some leading axes are known only when the model runs, and the others now.
type array struct {
	name  string
	lead  int // axes before shape
	shape []int
}

// reshape gives the known axes another shape.
func (b builder) reshape(x array, shape ...int) array {
	if slices.Equal(x.shape, shape) {
		return x
	}
	keep := make([]int, x.lead) // zero: as it is
	return array{b.op("Reshape", []string{x.name, b.integers(append(keep, shape...)...)}), x.lead, shape}
}

// transpose orders the known axes, which are seen as having the given shape: axis i of the result is axis perm[i] of it. Axes
// that stay together move as one, and so they come out.
func (b builder) transpose(x array, shape, perm []int) array {
	if slices.IsSorted(perm) {
		return x
	}
	var runs [][2]int // of neighbours in x: first axis, size
	for i, p := range perm {
		if i > 0 && p == perm[i-1]+1 {
			runs[len(runs)-1][1] *= shape[p]
		} else {
			runs = append(runs, [2]int{p, shape[p]})
		}
	}
	before := slices.Clone(runs)
	slices.SortFunc(before, func(a, b [2]int) int { return a[0] - b[0] })
	var from, to, order []int
	for i := range x.lead {
		order = append(order, i)
	}
	for i := range runs {
		from, to = append(from, before[i][1]), append(to, runs[i][1])
		order = append(order, x.lead+slices.Index(before, runs[i]))
	}
	return array{b.permute(b.reshape(x, from...).name, order...), x.lead, to}
}

// permute orders all axes of a value.
func (b builder) permute(x string, perm ...int) string {
	a := attribute{name: "perm"}
	for _, p := range perm {
		a.ints = append(a.ints, int64(p))
	}
	return b.op("Transpose", []string{x}, a)
}
