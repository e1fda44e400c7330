package onnx

import "github.com/fdht/fdht/rnn"

// sequence is the graph of whole sequences: rows x [B, T, I] to logits [B, C].
func (n *network) sequence(b builder, x array, lengths string) string {
	cfg := n.cfg
	batch := b.op("Shape", []string{x.name}, attribute{name: "end", i: 1})
	zero := b.op("ConstantOfShape", []string{b.op("Concat", []string{batch, b.integers(cfg.Hidden)}, attribute{name: "axis"})})
	mask := ""
	if lengths != "" {
		mask = b.mask(x.name, lengths)
	}
	turn := func(x array) array { return array{b.permute(x.name, 1, 0, 2), x.lead, x.shape} }
	timeFirst := x.shape[0] <= n.cells[0].inputs.rows // the smaller of x and z is turned
	if timeFirst {
		x = turn(x)
	}
	var pooled []string
	for l := range cfg.Layers {
		pooled = nil
		top := l == cfg.Layers-1
		var outputs []string
		for d := range cfg.Directions() {
			c := n.cells[l*cfg.Directions()+d]
			b := b.named(c.prefix)
			z := c.project(b, x)
			if !timeFirst {
				z = turn(z)
			}
			last, all := n.scan(b, c, z.name, zero, mask, d == 1, !top || cfg.Pooling == rnn.PoolMean)
			outputs = append(outputs, all)
			pooled = append(pooled, last)
		}
		if top && cfg.Pooling == rnn.PoolLast {
			break
		}
		x = array{b.join(outputs, 2), 2, []int{cfg.Outputs()}}
		timeFirst = true
	}
	if cfg.Pooling == rnn.PoolLast {
		return n.head(b, b.join(pooled, 1))
	}
	return n.head(b, b.mean(x.name, mask))
}

// join puts values side by side along an axis.
func (b builder) join(values []string, along int) string {
	if len(values) == 1 {
		return values[0]
	}
	return b.op("Concat", values, attribute{name: "axis", i: int64(along)})
}

// mask is [T, B, 1]: whether a step is one of its sequence of x [B, T, I].
func (b builder) mask(x, lengths string) string {
	scalar := b.integers() // the shape of one
	steps := b.op("Shape", []string{x}, attribute{name: "start", i: 1}, attribute{name: "end", i: 2})
	zero, one := b.op("Reshape", []string{b.integers(0), scalar}), b.op("Reshape", []string{b.integers(1), scalar})
	t := b.op("Range", []string{zero, b.op("Reshape", []string{steps, scalar}), one})
	return b.op("Less", []string{b.op("Reshape", []string{t, b.integers(-1, 1, 1)}), b.op("Reshape", []string{lengths, b.integers(1, -1, 1)})})
}

// mean is the mean over the steps of h [T, B, D H], with a mask over those of each sequence: [B, D H].
func (b builder) mean(h, mask string) string {
	if mask == "" {
		return b.op("ReduceMean", []string{h}, attribute{name: "axes", ints: []int64{0}}, attribute{name: "keepdims"})
	}
	m := b.op("Cast", []string{mask}, attribute{name: "to", i: int64(float32s)})
	first, flat := b.integers(0), attribute{name: "keepdims"}
	sum := b.op("ReduceSum", []string{b.op("Mul", []string{h, m}), first}, flat)
	return b.op("Div", []string{sum, b.op("ReduceSum", []string{m, first}, flat)})
}

// scan takes a cell through z [T, B, M] from zero states, backward from the last step. It returns the last hidden states [B, H] and, when all
// of them are wanted, those [T, B, H]. Where mask [T, B, 1] is false the state stays what it was.
func (n *network) scan(b builder, c cell, z, zero, mask string, reverse, wanted bool) (last, all string) {
	body := &graph{name: c.prefix + "step"}
	in := b.inside(body)
	batch := axis{name: "batch"}
	input := func(name string, e elem, size int) string {
		name = in.name(name)
		body.inputs = append(body.inputs, value{name: name, elem: e, axes: []axis{batch, {size: size}}})
		return name
	}
	output := func(name string) {
		body.outputs = append(body.outputs, value{name: name, elem: float32s, axes: []axis{batch, {size: c.hidden}}})
	}
	inputs := []string{zero}
	before := state{h: input("h", float32s, c.hidden)}
	if c.memory() {
		inputs = append(inputs, zero)
		before.c = input("c", float32s, c.hidden)
	}
	states := len(inputs)
	inputs = append(inputs, z)
	after := c.step(in, input("z", float32s, c.inputs.rows), before)
	if mask != "" {
		inputs = append(inputs, mask)
		m := input("mask", bools, 1)
		after.h = in.op("Where", []string{m, after.h, before.h})
		if c.memory() {
			after.c = in.op("Where", []string{m, after.c, before.c})
		}
	}
	output(after.h)
	if c.memory() {
		output(after.c)
	}
	outputs := states
	attributes := []attribute{{name: "body", graph: body}, {name: "num_scan_inputs", i: int64(len(inputs) - states)}}
	backward := func(name string, n int) {
		if reverse {
			a := attribute{name: name}
			for range n {
				a.ints = append(a.ints, 1)
			}
			attributes = append(attributes, a)
		}
	}
	backward("scan_input_directions", len(inputs)-states)
	if wanted {
		output(in.op("Identity", []string{after.h}))
		outputs++
		backward("scan_output_directions", 1)
	}
	out := b.ops("Scan", outputs, inputs, attributes...)
	if wanted {
		all = out[states]
	}
	return out[0], all
}
