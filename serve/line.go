package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/fdht/fdht"
)

// topClasses is how many classes an answer of a stream names.
const topClasses = 5

// appendLine writes the answer to a frame, client.Answer as JSON, by hand: it is written for every frame of every stream. labels are JSON strings.
func appendLine(b []byte, frame int, p *fdht.Prediction, labels [][]byte, took time.Duration, dropped int) []byte {
	b = append(b, `{"frame":`...)
	b = strconv.AppendInt(b, int64(frame), 10)
	b = append(b, `,"steps":`...)
	b = strconv.AppendInt(b, int64(p.Frames), 10)
	b = append(b, `,"label":`...)
	b = append(b, labels[p.Class]...)
	b = append(b, `,"top":[`...)
	var order [topClasses]int
	for i, k := range p.AppendTop(order[:0], topClasses) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"label":`...)
		b = append(b, labels[k]...)
		b = append(b, `,"probability":`...)
		b = appendFloat(b, p.Probs[k])
		b = append(b, '}')
	}
	b = append(b, `],"latency_ms":`...)
	b = strconv.AppendFloat(b, float64(took.Microseconds())/1e3, 'f', -1, 64)
	b = append(b, `,"dropped":`...)
	b = strconv.AppendInt(b, int64(dropped), 10)
	return append(b, '}')
}

// appendFloat writes what JSON has no word for, of a model whose weights are out of range, as null.
func appendFloat(b []byte, x float32) []byte {
	if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, float64(x), 'g', -1, 32)
}

// quote is text as a JSON string.
func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // a string always has one
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
