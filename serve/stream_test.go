package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/video"
)

// exchange sends frames one by one and returns the answers.
func exchange(t *testing.T, st *client.Stream, frames [][]byte, reset int) []client.Answer {
	t.Helper()
	ctx := within(t)
	var out []client.Answer
	for i, f := range frames {
		if i == reset {
			if err := st.Reset(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Send(ctx, f); err != nil {
			t.Fatal(err)
		}
		a, err := st.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// TestStream: streams of every format come to what a stream of package fdht does, frame by frame, and begin anew when they are told to.
func TestStream(t *testing.T) {
	models := []*fdht.Model{modelOf(t, "diff"), modelOf(t, "rgb"), modelOf(t, "")}
	s := newServer(t, Options{}, models...)
	addr, _ := up(t, s)
	c := clientOf(t, addr, "")
	grey, large := frames(8, side, side), frames(8, 40, 30)
	var pictures, floats [][]byte
	rng := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		img := image.NewGray(image.Rect(0, 0, 33, 21))
		shade := color.Gray{byte(rng.IntN(256))}
		for i := range img.Pix {
			img.Pix[i] = shade.Y + byte(i/33)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, b.Bytes())
		var row []byte
		for range 20 {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(rng.Float32()))
		}
		floats = append(floats, row)
	}
	rows := frames(8, side, 3*side)
	for name, k := range map[string]struct {
		model  int
		hello  client.Hello
		frames [][]byte
	}{
		"grey":            {0, client.Hello{Format: "grey", Width: side, Height: side}, grey},
		"grey, resized":   {0, client.Hello{Format: "grey", Width: 30, Height: 40}, large},
		"rgb for grey":    {0, client.Hello{Format: "rgb", Width: side, Height: side}, rows},
		"rgb":             {1, client.Hello{Format: "rgb", Width: side, Height: side}, rows},
		"jpeg":            {0, client.Hello{Format: "jpeg"}, pictures},
		"jpeg for rgb":    {1, client.Hello{Format: "jpeg"}, pictures},
		"rows of numbers": {2, client.Hello{Format: "float32"}, floats},
	} {
		m := models[k.model]
		st, err := c.Stream(within(t), fmt.Sprintf("m%d", k.model), k.hello)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r := st.Ready(); r.Queue != 2 || r.Model != fmt.Sprintf("m%d", k.model) || !slices.Equal(r.Labels, m.Classes()) {
			t.Errorf("%+v", r)
		}
		want, err := m.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range exchange(t, st, k.frames, 5) {
			if i == 5 {
				want.Reset()
			}
			p := stepOf(t, want, m, k.hello, k.frames[i])
			if a.Frame != i || a.Steps != p.Frames || a.Label != p.Label || a.Dropped != 0 || len(a.Top) != 5 || !(a.Latency > 0) {
				t.Fatalf("%s: frame %d: %+v, want %+v", name, i, a, p)
			}
			for j, class := range p.Top(5) {
				if a.Top[j].Label != m.Classes()[class] {
					t.Fatalf("%s: %+v, want class %d in place %d", name, a, class, j)
				}
				near(t, name, []float32{a.Top[j].Probability}, []float32{p.Probs[class]})
			}
		}
		if err := st.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stepOf takes a frame by way of package video, as a file's frames go.
func stepOf(t *testing.T, st *fdht.Stream, m *fdht.Model, h client.Hello, data []byte) fdht.Prediction {
	t.Helper()
	cfg := m.Config()
	if cfg.Frame == nil {
		row := make([]float32, len(data)/4)
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		p, err := st.StepRow(row)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	o := video.Options{Height: side, Width: side, Channels: 1}
	if cfg.Frame.Input == "rgb" {
		o.Channels = 3
	}
	shape, err := video.NewShaper(o)
	if err != nil {
		t.Fatal(err)
	}
	f := video.Frame{Height: h.Height, Width: h.Width, Channels: 1, Pix: data}
	switch h.Format {
	case "rgb":
		f.Channels = 3
	case "jpeg":
		if f, err = video.NewJPEG(video.Limits{}).Decode(data, o.Channels); err != nil {
			t.Fatal(err)
		}
	}
	p, err := st.Step(shape.Frame(f).Pix)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTogether: many streams at once, each with other frames, come to what each comes to alone.
func TestTogether(t *testing.T) {
	m := modelOf(t, "diff")
	s := newServer(t, Options{Batch: 4}, m)
	addr, _ := up(t, s)
	c := clientOf(t, addr, "")
	var wg sync.WaitGroup
	for i := range 24 {
		st, err := c.Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer st.Close()
			list := frames(10+i, side, side)
			want, err := m.NewStream()
			if err != nil {
				t.Error(err)
				return
			}
			for k, f := range list {
				if err := st.Send(t.Context(), f); err != nil {
					t.Error(err)
					return
				}
				a, err := st.Receive(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				p, err := want.Step(f)
				if err != nil || a.Label != p.Label || a.Frame != k || math.Abs(float64(a.Top[0].Probability-p.Probs[p.Class])) > 1e-5 {
					t.Errorf("stream %d, frame %d: %+v, want %+v, %v", i, k, a, p, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// idle is a server whose engine does not run until it is started: what waits is decided by the test.
func idle(t *testing.T, o Options) (s *Server, c *client.Client, start func()) {
	t.Helper()
	o, err := o.filled()
	if err != nil {
		t.Fatal(err)
	}
	o.Workers = 1
	m := modelOf(t, "grey")
	s = newServer(t, o, m)
	e := s.models[0].engine
	e.end() // its workers go, and others come when the test says so
	started := false
	start = func() {
		if started {
			return
		}
		started = true
		e.mu.Lock()
		e.over = false
		e.mu.Unlock()
		e.start(&s.workers)
	}
	t.Cleanup(start) // so that nothing waits for ever
	addr, _ := up(t, s)
	return s, clientOf(t, addr, ""), start
}

// waitFor waits for a condition that is on its way.
func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for ctx := within(t); !f(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

// only is the one stream of a server.
func only(t *testing.T, s *Server) *stream {
	t.Helper()
	var found *stream
	waitFor(t, "a stream", func() bool {
		s.each(func(st *stream) { found = st })
		return found != nil && found.ready.Load()
	})
	return found
}

func (st *stream) state() (waiting, dropped int) {
	st.queue.mu.Lock()
	defer st.queue.mu.Unlock()
	return len(st.queue.waiting), st.queue.dropped
}

// TestNewestWins: with no one to take them, of ten frames the first is under way and the last two wait; a new sequence that began with a dropped frame begins
// with the next.
func TestNewestWins(t *testing.T) {
	s, c, start := idle(t, Options{Queue: 2})
	ctx := within(t)
	st, err := c.Stream(ctx, "", client.Hello{Format: "grey", Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	list := frames(10, side, side)
	if err := st.Send(ctx, list[0]); err != nil {
		t.Fatal(err)
	}
	mine := only(t, s)
	waitFor(t, "the first frame in the line", func() bool {
		e := s.models[0].engine
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.n == 1
	})
	for i, f := range list[1:] {
		if i == 3 {
			if err := st.Reset(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Send(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "seven drops", func() bool {
		waiting, dropped := mine.state()
		return waiting == 2 && dropped == 7
	})
	start()
	want, err := s.models[0].Model.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for i, number := range []int{0, 8, 9} {
		a, err := st.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			want.Reset()
		}
		p, err := want.Step(list[number])
		if err != nil {
			t.Fatal(err)
		}
		if a.Frame != number || a.Steps != []int{1, 1, 2}[i] || a.Dropped != []int{0, 7, 7}[i] || a.Label != p.Label {
			t.Errorf("%+v, want frame %d, %+v", a, number, p)
		}
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	page := ask(s, "GET", "/metrics", nil).Body.String()
	for _, line := range []string{`fdht_dropped_frames_total{model="m0"} 7`, `fdht_frames_total{model="m0"} 3`, `fdht_queue_frames{model="m0"} 0`} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("metrics without %s", line)
		}
	}
}

// TestFair: a stream that always has something waits for all others before its next step.
func TestFair(t *testing.T) {
	m := modelOf(t, "grey")
	e, err := newEngine(m, 1, 3, newMetrics().of("x"))
	if err != nil {
		t.Fatal(err)
	}
	jobs := make([]*job, 100)
	for i := range jobs {
		jobs[i] = &job{done: make(chan error, 1)}
	}
	var wg sync.WaitGroup
	put := func(j *job, n int) {
		wg.Go(func() { _ = e.step(j) })
		waitFor(t, "a place in the line", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.n == n
		})
	}
	for i, j := range jobs { // longer than the line was made for
		put(j, i+1)
	}
	n, next := len(jobs), 0
	for range 120 {
		got := e.take(nil)
		if len(got) != 3 {
			t.Fatalf("%d jobs at once, want 3", len(got))
		}
		n -= 3
		for _, j := range got {
			if want := jobs[next%len(jobs)]; j != want {
				t.Fatalf("not the one whose turn it is, number %d", next)
			}
			next++
			j.done <- nil
			n++
			put(j, n) // at once again
		}
	}
	for e.n > 0 {
		for _, j := range e.take(nil) {
			j.done <- nil
		}
	}
	wg.Wait()
	e.end()
	if len(e.take(nil)) != 0 {
		t.Error("jobs after the end")
	}
}

// TestDrain: what waits is answered, then the stream is told that the server stops; new streams are refused, and ready is no more.
func TestDrain(t *testing.T) {
	s, c, start := idle(t, Options{Queue: 3})
	ctx := within(t)
	hello := client.Hello{Format: "grey", Width: side, Height: side}
	st, err := c.Stream(ctx, "", hello)
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := c.Stream(ctx, "", hello) // has nothing waiting
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames(3, side, side) {
		if err := st.Send(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "three frames", func() bool {
		n := 0
		s.each(func(st *stream) {
			waiting, _ := st.state()
			n += waiting
		})
		e := s.models[0].engine
		e.mu.Lock()
		defer e.mu.Unlock()
		return n == 2 && e.n == 1
	})
	s.Drain()
	if w := ask(s, "GET", "/readyz", nil); w.Code != 503 || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/healthz", nil); w.Code != 200 {
		t.Errorf("health: %d", w.Code)
	}
	var e *client.Error
	if _, err := c.Stream(ctx, "", hello); !errors.As(err, &e) || e.Status != 503 {
		t.Errorf("a new stream: %v", err)
	}
	var end *client.StreamError
	if _, err := quiet.Receive(ctx); !errors.As(err, &end) || end.Code != 1001 || end.Reason != "the server stops" {
		t.Errorf("a quiet stream: %v", err)
	}
	start()
	for i := range 3 {
		if a, err := st.Receive(ctx); err != nil || a.Frame != i {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if _, err := st.Receive(ctx); !errors.As(err, &end) || end.Code != 1001 {
		t.Errorf("after the last answer: %v", err)
	}
}

// TestServeStops: Serve returns when its context ends, also when a client does not go by itself.
func TestServeStops(t *testing.T) {
	s := newServer(t, Options{DrainTime: 50 * time.Millisecond}, modelOf(t, "grey"))
	addr, stop := up(t, s)
	c := clientOf(t, addr, "")
	st, err := c.Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := st.Receive(within(t)); err == nil {
		t.Error("an answer after the end")
	}
	if _, err := c.Models(t.Context()); err == nil {
		t.Error("it still listens")
	}
}

// TestSteady: the way of a frame through the server allocates nothing once it is under way.
func TestSteady(t *testing.T) {
	m := modelOf(t, "diff")
	s := newServer(t, Options{Workers: 1}, m)
	track, err := m.NewTrack()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPicture(m.Config(), client.Hello{Format: "grey", Width: 20, Height: 24}, 480, s.decoders)
	if err != nil {
		t.Fatal(err)
	}
	st := &stream{s: s, m: s.models[0], picture: p, queue: newQueue(2, s.models[0].engine.metrics)}
	st.job = job{track: track, done: make(chan error, 1)}
	data, line := frames(1, 24, 20)[0], make([]byte, 0, 1024)
	body := bytes.NewReader(data)
	if n := testing.AllocsPerRun(50, func() {
		body.Reset(data)
		got, err := st.body(body)
		if err != nil {
			t.Fatal(err)
		}
		st.queue.put(message{data: got})
		msg, dropped, ok, over := st.queue.get()
		if !ok || over {
			t.Fatal("no frame")
		}
		if err := st.picture.give(track, msg.data); err != nil {
			t.Fatal(err)
		}
		if err := st.m.engine.step(&st.job); err != nil {
			t.Fatal(err)
		}
		pred := track.Prediction()
		line = appendLine(line[:0], 3, &pred, st.m.labels, time.Millisecond, dropped)
		st.queue.release(msg.data)
	}); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestLetGo: nothing holds a stream that has ended, and with it the memory of its messages.
func TestLetGo(t *testing.T) {
	s := newServer(t, Options{}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	c := clientOf(t, addr, "")
	var held []weak.Pointer[stream]
	var open []*client.Stream
	for range 8 {
		st, err := c.Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, st)
	}
	s.each(func(st *stream) { held = append(held, weak.Make(st)) })
	for _, st := range open {
		exchange(t, st, frames(3, side, side), -1)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(held) != len(open) {
		t.Fatalf("%d streams of %d", len(held), len(open))
	}
	waitFor(t, "all are let go", func() bool {
		runtime.GC()
		return !slices.ContainsFunc(held, func(p weak.Pointer[stream]) bool { return p.Value() != nil })
	})
}

// TestLine: what is written by hand is the JSON of client.Answer.
func TestLine(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 60 {
		classes := 1 + n%8
		p := fdht.Prediction{Frames: n, Class: rng.IntN(classes)}
		want := client.Answer{Frame: 7 * n, Steps: n, Latency: float64(n) / 8, Dropped: n / 2}
		var labels []string
		var quoted [][]byte
		for i := range classes {
			labels = append(labels, strings.Repeat(`<"é\`+"\n", i)+fmt.Sprint(i))
			quoted = append(quoted, quote(labels[i]))
			z := float32(rng.IntN(4)) // equal ones among them
			p.Logits, p.Probs = append(p.Logits, z), append(p.Probs, z*rng.Float32()*float32(math.Pow(10, float64(-rng.IntN(30)))))
		}
		for _, k := range p.Top(5) {
			want.Top = append(want.Top, client.Class{Label: labels[k], Probability: p.Probs[k]})
		}
		want.Label = labels[p.Class]
		var got client.Answer
		text := appendLine(nil, want.Frame, &p, quoted, time.Duration(want.Latency*1e6), want.Dropped)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	p := fdht.Prediction{Logits: []float32{0, 0}, Probs: []float32{float32(math.NaN()), float32(math.Inf(1))}}
	if text := appendLine(nil, 0, &p, [][]byte{quote("a"), quote("b")}, 0, 0); !json.Valid(text) {
		t.Errorf("%s", text)
	}
}

// TestQuietStreams: those that say nothing, do not begin, or do not take their answers are told so and closed.
func TestQuietStreams(t *testing.T) {
	s := newServer(t, Options{HelloTime: 80 * time.Millisecond, IdleTime: 120 * time.Millisecond}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	c := clientOf(t, addr, "")
	st, err := c.Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	var end *client.StreamError
	if _, err := st.Receive(within(t)); !errors.As(err, &end) || end.Code != 1008 || !strings.Contains(end.Reason, "nothing sent") {
		t.Errorf("silent: %v", err)
	}
	conn := dial(t, addr, "")
	if _, _, err := conn.Read(within(t)); closeCode(err) != 1008 || !strings.Contains(err.Error(), "no first message") {
		t.Errorf("no hello: %v", err)
	}
}
