package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Options say what the file takes and gives.
//
// Inputs: of a model of video frames `frames`, bytes [batch, time, height, width, channels], and where the rows are
// differences `earlier`, the frames that much before, of the same shape; of any other model, or with Rows,
// `x`, floats [batch, time, I]: features, or a frame's values scaled to 0..1 or the differences made of them.
// All are standardised in the graph. Output: `logits`, floats [batch, C].
type Options struct {
	Rows    bool // a model of video frames takes `x`
	Lengths bool // another input `lengths`, int64 [batch]: the steps of each sequence, from 1; what is behind them is not looked at
	// Stream makes a file of one step: no axis time, `frames` is `frame`. One more input `state` and output `next_state`, floats
	// [batch, S], zeros at the start of a sequence. Not for bidirectional models.
	Stream bool
}

// most is the size that a protobuf message stays below.
const most = math.MaxInt32

// Save writes the file: whole or, when there is an error, not at all. The same model gives the same bytes.
func Save(path string, f *model.File, o Options) error {
	m, err := encode(f, o)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, m.writeTo)
}

// Write writes the bytes of the file.
func Write(w io.Writer, f *model.File, o Options) error {
	m, err := encode(f, o)
	if err != nil {
		return err
	}
	return m.writeTo(w)
}

func encode(f *model.File, o Options) (*message, error) {
	if err := check(f, o); err != nil {
		return nil, err
	}
	r, err := newRow(f.Config, o.Rows)
	if err != nil {
		return nil, err
	}
	g := build(f, o, r)
	props, err := properties(f, o, g)
	if err != nil {
		return nil, err
	}
	m := modelMessage(g, summary(f.Config, o), props)
	if m.size > most {
		return nil, fmt.Errorf("the ONNX file would have %d bytes: the most is %d; compress the model first", m.size, int64(most))
	}
	return &m, nil
}

// check reports what can not be exported, before any of it is made.
func check(f *model.File, o Options) error {
	if o.Stream && f.Config.Bidirectional {
		return fmt.Errorf("stream: %w", rnn.ErrBidirectional)
	}
	if o.Stream && o.Lengths {
		return errors.New("a stream takes one step of every sequence at a time: it has no lengths")
	}
	weights, biases, head := f.Net.Count()
	if err := tooLarge(weights + biases + head); err != nil {
		return err
	}
	for _, p := range f.Net.Params() {
		if i := slices.IndexFunc(p.Data, func(x float32) bool { return x-x != 0 }); i >= 0 {
			return fmt.Errorf("weight %d of %s is %v: a model is exported only when all its weights are numbers", i, p.Name, p.Data[i])
		}
	}
	return nil
}

// tooLarge is an error for more parameters than a file can hold.
func tooLarge(parameters int64) error {
	if parameters > most/4 {
		return fmt.Errorf("the model has %d weights of 4 bytes: an ONNX file has at most %d bytes; compress the model first", parameters, int64(most))
	}
	return nil
}

// network is a model whose cells are in the graph.
type network struct {
	cfg    rnn.Config
	params map[string]rnn.Param
	cells  []cell // of layer l and direction d at l D + d
}

// build makes the graph.
func build(f *model.File, o Options, r row) *graph {
	g := &graph{name: "fdht"}
	b := newBuilder(g)
	n := &network{cfg: f.Net.Config(), params: map[string]rnn.Param{}}
	for _, p := range f.Net.Params() {
		n.params[p.Name] = p
	}
	rows := 16.0 // of a sequence
	if o.Stream {
		rows = 1
	}
	for l := range n.cfg.Layers {
		for d := range n.cfg.Directions() {
			n.cells = append(n.cells, b.cell(f.Net, l, d, rows, n.params))
		}
	}
	batch := axis{name: "batch"}
	logits := value{"logits", float32s, []axis{batch, {size: n.cfg.Classes}}, "a number for each class; their softmax are the probabilities"}
	if o.Stream {
		lead := []axis{batch}
		s := value{"state", float32s, []axis{batch, {size: stateSize(n.cfg)}}, "zeros at the start of a sequence, then next_state"}
		g.inputs = append(r.values(lead), s)
		y, next := n.stream(b, r.prepare(b, len(lead)), s.name)
		s.name, s.doc = "next_state", "state of the next step"
		b.rename(y, logits.name)
		b.rename(next, s.name)
		g.outputs = []value{logits, s}
		return g
	}
	lead := []axis{batch, {name: "time"}}
	g.inputs = r.values(lead)
	lengths := ""
	if o.Lengths {
		lengths = "lengths"
		g.inputs = append(g.inputs, value{lengths, int64s, []axis{batch}, "the steps of each sequence, at least 1; those behind them are not looked at"})
	}
	b.rename(n.sequence(b, r.prepare(b, len(lead)), lengths), logits.name)
	g.outputs = []value{logits}
	return g
}

// head is the classifier.
func (n *network) head(b builder, pooled string) string {
	w, bias := b.parameter(n.params["head.weight"]), b.parameter(n.params["head.bias"])
	return b.named("head.").op("Gemm", []string{pooled, w, bias}, attribute{name: "transB", i: 1})
}

// summary is the doc string of the model.
func summary(cfg model.Config, o Options) string {
	form := "sequences to logits"
	if o.Stream {
		form = "one step, state in and out"
	}
	return fmt.Sprintf("FDHT recurrent network: %s, %d inputs, %d hidden units, %d classes; %s", cfg.Cell, cfg.Input, cfg.Hidden, len(cfg.Classes), form)
}

// properties are the metadata, by their keys: what the model file says, the labels as a list in JSON, and what to feed.
func properties(f *model.File, o Options, g *graph) ([]property, error) {
	all, err := f.Metadata()
	if err != nil {
		return nil, err
	}
	var labels strings.Builder
	enc := json.NewEncoder(&labels)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f.Config.Classes); err != nil {
		return nil, err
	}
	all["labels"] = strings.TrimSuffix(labels.String(), "\n")
	all["input"] = inputText(g.inputs, f.Config.Steps, o.Stream)
	if o.Stream {
		all["state"] = stateText(f.Net.Config())
	}
	var list []property
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, property{key, all[key]})
	}
	return list, nil
}
