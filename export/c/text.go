package c

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/fdht/fdht/quant"
)

// Arithmetic is what an engine computes in.
type Arithmetic int

// The arithmetics. Wide sums are those of int64, for weights of 16 bits and long sums.
const (
	Float Arithmetic = iota
	Int8
	Int8Wide
	Int16
)

// types are the C types of activations, sums, weights and biases, and of totals within a step.
func (a Arithmetic) types() (header, source string) {
	switch a {
	case Float:
		return "typedef float fdht_data, fdht_sum, fdht_weight, fdht_bias;\n", "typedef float total_t;\nenum { MOST_STEPS = 0x7fffffff };\n\n"
	case Int8, Int8Wide:
		header = "typedef int8_t fdht_weight;\n"
	default:
		header = "typedef int16_t fdht_weight;\n"
	}
	total := "int64_t"
	if a == Int8 {
		total = "int32_t"
	}
	return header + "typedef int16_t fdht_data, fdht_bias;\ntypedef int32_t fdht_sum;\n", "typedef " + total + " total_t;\nenum { MOST_STEPS = 65535 }; /* a longer sequence might overflow its mean */\n\n"
}

// source is the text of the arithmetic.
func (a Arithmetic) source() string {
	if a == Float {
		return engineFloat
	}
	var t bytes.Buffer
	list(&t, quant.Table(), intText)
	return strings.Replace(engineFixed, "/*TABLE*/", t.String(), 1)
}

// bytes are those of an activation, a weight and a bias.
func (a Arithmetic) bytes() (data, weight, bias int) {
	switch a {
	case Float:
		return 4, 4, 4
	case Int8, Int8Wide:
		return 2, 1, 2
	}
	return 2, 2, 2
}

// Engine is the engine without a model, for a host that loads models: header and source, named fdht.h and fdht.c. It has fdht_open but neither fdht_init,
// fdht_label, a ring of frames nor the constants of a model.
func Engine(a Arithmetic) (header, source string) { return a.engine("", false) }

// part is a part of the header, by the texts with which it and what is behind it begin.
type part struct{ begin, end string }

var (
	// ownParts are those that only a model's own engine has.
	ownParts = []part{
		{"typedef struct {\n    fdht_sum sums[", "/* One sequence"},
		{"/* fdht_init", "/* fdht_open"},
		{"/* fdht_label", "#endif"},
	}
	// ringParts are those that only the engine of a model of differences has.
	ringParts = []part{
		{" *         fdht_frame", " *         fdht_predict"},
		{"/* The last frames", "/* fdht_init"},
		{"/* fdht_frame", "/* fdht_predict"},
	}
)

// without cuts parts out of a header.
func without(header string, parts []part) string {
	for _, p := range parts {
		at := strings.Index(header, p.begin)
		header = header[:at] + header[at+strings.Index(header[at:], p.end):]
	}
	return header
}

// engine puts the constants into the header, and the source together. Without a model's constants what needs them is left out, and without a ring what keeps frames.
func (a Arithmetic) engine(constants string, ring bool) (header, source string) {
	types, totals := a.types()
	header = strings.Replace(engineHeader, "/*CONSTANTS*/\n", types+constants+"\n", 1)
	source = "#include \"fdht.h\"\n\n"
	if !ring {
		header = without(header, ringParts)
	}
	own := constants != ""
	if own {
		source += "#include \"fdht_weights.h\"\n\n"
	} else {
		header = without(header, ownParts)
	}
	source += totals + engineCore + "\n" + a.source()
	if own {
		source += `
void fdht_init(fdht_state *s, fdht_workspace *memory)
{
    static const fdht_model own = {program_code, weights, biases, numbers};
    fdht_open(s, &own, memory->data, memory->sums, memory->pack);
}

const char *fdht_label(int32_t number) { return number < 0 || number >= FDHT_CLASSES ? 0 : labels[number]; }
`
	}
	if ring {
		source += engineRing
	}
	return header, source
}

// constants are what a program that uses the model needs to know of it.
func (b *Build) constants() string {
	var t strings.Builder
	c := b.program.Config
	t.WriteString("\n")
	text := func(name, value, what string) {
		fmt.Fprintf(&t, "#define %-20s %-8s /* %s */\n", "FDHT_"+name, value, what)
	}
	def := func(name string, value int, what string) { text(name, strconv.Itoa(value), what) }
	def("INPUT", c.Input, "numbers of a row")
	def("CLASSES", len(c.Classes), "logits")
	if f := c.Frame; f != nil {
		def("HEIGHT", f.Height, "of a frame: "+f.Input)
		def("WIDTH", f.Width, "of a frame")
		def("FRAME_BYTES", b.program.Pixels.Frame, "of a frame")
		lag := b.program.Pixels.Lag
		def("LAGS", lag.Len(), "differences of a pixel")
		if lag.Len() > 1 {
			text("LAG", strings.ReplaceAll(lag.String(), ",", ", "), "frames between the two of each difference, to stand in braces")
		} else {
			def("LAG", lag[0], "frames between the two of a difference; 0: none")
		}
		if lag.Len() > 0 {
			def("LONGEST_LAG", lag.Last(), "frames of a ring")
			def("RING_BYTES", b.Ring(), "sizeof(fdht_ring)")
		}
	}
	def("STEPS", c.Steps, "frames of a clip in training, taken evenly; 0: all")
	def("DATA", b.Layout.Data, "of the working memory: activations,")
	def("SUMS", b.Layout.Sums, "sums,")
	def("PACK", b.Layout.Pack, "and packed weights")
	def("WORKSPACE_BYTES", b.Workspace(), "sizeof(fdht_workspace)")
	return t.String()
}

// Workspace is the size of the working memory in C: whole words.
func (b *Build) Workspace() int {
	data, weight, _ := b.Arithmetic.bytes()
	return 4 * ((4*b.Layout.Sums + data*b.Layout.Data + weight*b.Layout.Pack + 3) / 4)
}

// Ring is the size in C of the frames that a model of differences looks back on, as a ring keeps them: whole words; 0 for other models.
func (b *Build) Ring() int {
	px := b.program.Pixels
	if px.Lag.Len() == 0 {
		return 0
	}
	return 8 + 4*((px.Lag.Last()*px.Frame+3)/4)
}

// Bytes is the size of the model's constants in C.
func (b *Build) Bytes() int {
	_, weight, bias := b.Arithmetic.bytes()
	n := 4 * (len(b.Program) + len(b.Numbers))
	if b.Arithmetic == Float {
		return n + weight*len(b.Weights) + bias*len(b.Biases)
	}
	return n + weight*len(b.IntWeights) + bias*len(b.IntBiases)
}

// weights is the text of the weights file of an engine of this name. Labels stay as they are, whatever they are like.
func (b *Build) weights(name string) []byte {
	var t bytes.Buffer
	t.WriteString(rename("/* The model of fdht.c, which includes this file. */\n", name))
	weight, bias := rename("fdht_weight", name), rename("fdht_bias", name)
	array(&t, "int32_t", "program_code", b.Program, intText)
	if b.Arithmetic == Float {
		array(&t, weight, "weights", b.Weights, floatText)
		array(&t, bias, "biases", b.Biases, floatText)
	} else {
		array(&t, weight, "weights", b.IntWeights, intText)
		array(&t, bias, "biases", b.IntBiases, intText)
	}
	array(&t, "float", "numbers", b.Numbers, floatText)
	array(&t, "char *const", "labels", b.program.Config.Classes, stringText)
	return t.Bytes()
}

// array writes a constant array.
func array[T any](t *bytes.Buffer, kind, name string, values []T, text func(T) string) {
	fmt.Fprintf(t, "\nstatic const %s %s[] = {", kind, name)
	list(t, values, text)
	t.WriteString("};\n")
}

// list writes values, some 100 characters a line.
func list[T any](t *bytes.Buffer, values []T, text func(T) string) {
	const line = 100
	at := line
	for _, v := range values {
		s := text(v)
		if at+len(s) > line {
			t.WriteString("\n   ")
			at = 0
		}
		t.WriteString(" " + s + ",")
		at += len(s) + 2
	}
	t.WriteString("\n")
}

func intText[T int16 | int32](v T) string { return strconv.Itoa(int(v)) }

func floatText(v float32) string {
	s := strconv.FormatFloat(float64(v), 'g', -1, 32)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s + "f"
}

// stringText is a C string; what is not plain ASCII goes as bytes.
func stringText(s string) string {
	var t strings.Builder
	t.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			t.WriteByte('\\')
			t.WriteByte(c)
		case c < ' ' || c > '~' || c == '?': // ? begins trigraphs
			fmt.Fprintf(&t, "\\%03o", c)
		default:
			t.WriteByte(c)
		}
	}
	t.WriteByte('"')
	return t.String()
}
