package onnx

// The parts of onnx.proto that a model here needs, with the numbers of their fields:
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

// Versions of the format. Opset 17 came with ONNX 1.12, whose files have version 8.
const (
	irVersion = 8
	opset     = 17
)

// elem is a TensorProto.DataType.
type elem int64

const (
	float32s elem = 1
	uint8s   elem = 2
	int64s   elem = 7
	bools    elem = 9
)

func (e elem) String() string {
	return map[elem]string{float32s: "float32", uint8s: "uint8", int64s: "int64", bools: "bool"}[e]
}

// tensor is a TensorProto of floats or, where floats is nil, of integers.
type tensor struct {
	name   string
	shape  []int
	floats []float32
	ints   []int64
}

func (t tensor) message() (m message) {
	for _, n := range t.shape {
		m.integer(1, int64(n))
	}
	if t.floats != nil {
		m.integer(2, int64(float32s))
		m.text(8, t.name)
		m.floats(9, t.floats)
		return m
	}
	m.integer(2, int64(int64s))
	m.text(8, t.name)
	var raw []byte
	for _, v := range t.ints {
		for i := range 8 {
			raw = append(raw, byte(v>>(8*i)))
		}
	}
	m.bytes(9, raw)
	return m
}

// axis is a Dimension: a size, or a name where it is known only when the model runs.
type axis struct {
	size int
	name string
}

// value is a ValueInfoProto: an input or output of a graph.
type value struct {
	name string
	elem elem
	axes []axis
	doc  string
}

func (v value) message() (m message) {
	var shape, tensor, typ message
	for _, a := range v.axes {
		var d message
		if a.name != "" {
			d.text(2, a.name)
		} else {
			d.integer(1, int64(a.size))
		}
		shape.block(1, d)
	}
	tensor.integer(1, int64(v.elem))
	tensor.block(2, shape)
	typ.block(1, tensor)
	m.text(1, v.name)
	m.block(2, typ)
	if v.doc != "" {
		m.text(3, v.doc)
	}
	return m
}

// attribute is an AttributeProto: a graph, a list of integers or, where both are nil, an integer.
type attribute struct {
	name  string
	i     int64
	ints  []int64
	graph *graph
}

func (a attribute) message() (m message) {
	m.text(1, a.name)
	switch {
	case a.graph != nil:
		m.block(6, a.graph.message())
		m.integer(20, 5)
	case a.ints != nil:
		for _, v := range a.ints {
			m.integer(8, v)
		}
		m.integer(20, 7)
	default:
		m.integer(3, a.i)
		m.integer(20, 2)
	}
	return m
}

// node is a NodeProto: the use of an operator.
type node struct {
	op              string
	inputs, outputs []string
	attributes      []attribute
}

func (n node) message() (m message) {
	for _, s := range n.inputs {
		m.text(1, s)
	}
	for _, s := range n.outputs {
		m.text(2, s)
	}
	m.text(3, n.outputs[0]) // values have one maker, so this names it too
	m.text(4, n.op)
	for _, a := range n.attributes {
		m.block(5, a.message())
	}
	return m
}

// graph is a GraphProto.
type graph struct {
	name            string
	nodes           []node
	tensors         []tensor
	inputs, outputs []value
}

func (g *graph) message() (m message) {
	for _, n := range g.nodes {
		m.block(1, n.message())
	}
	m.text(2, g.name)
	for _, t := range g.tensors {
		m.block(5, t.message())
	}
	for _, v := range g.inputs {
		m.block(11, v.message())
	}
	for _, v := range g.outputs {
		m.block(12, v.message())
	}
	return m
}

// property is a StringStringEntryProto of metadata_props.
type property struct{ key, value string }

// modelMessage is the ModelProto.
func modelMessage(g *graph, doc string, props []property) (m message) {
	m.integer(1, irVersion)
	m.text(2, "fdht")
	m.text(6, doc)
	m.block(7, g.message())
	var set message
	set.text(1, "")
	set.integer(2, opset)
	m.block(8, set)
	for _, p := range props {
		var e message
		e.text(1, p.key)
		e.text(2, p.value)
		m.block(14, e)
	}
	return m
}
