package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/video"
)

// stream is one WebSocket. The goroutine of its request reads messages into a short queue, dropping the oldest when there is no room; another, serve, takes
// frames from the queue one at a time: it makes the model's frame of the message, stands in the engine's line, and writes the answer.
// What is dropped has cost no more than to read it.
type stream struct {
	s       *Server
	m       *served
	conn    *websocket.Conn
	wire    net.Conn // below conn
	job     job
	picture *picture
	wake    chan struct{} // capacity 1: there is something for serve to look at
	one     [1]byte

	heard   atomic.Int64 // when the last message came, or began to come; Unix ns
	writing atomic.Int64 // since when an answer is being written; 0: none is
	ending  sync.Once
	code    atomic.Int64 // that it was closed with
	ready   atomic.Bool  // hello is said

	mu       sync.Mutex
	queue    []message // waiting, the oldest first; its capacity is all there will be
	free     [][]byte
	dropped  int
	gone     bool // nothing more comes or goes
	draining bool
}

// message is a frame as it came.
type message struct {
	data   []byte
	number int
	at     time.Time
	reset  bool // a new sequence begins with it
}

// stream is GET /v1/stream.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	m, err := s.model(r.URL.Query().Get("model"))
	if err != nil {
		refuse(w, problem(http.StatusNotFound, "%s", err.Error()))
		return
	}
	if m.engine == nil {
		refuse(w, problem(http.StatusUnprocessableEntity, "model %s reads a sequence from both ends: it cannot take one a frame at a time", m.Name))
		return
	}
	if s.places.Add(1) > int64(s.o.Streams) {
		s.places.Add(-1)
		refuse(w, problem(http.StatusServiceUnavailable, "%d streams are open already: try again", s.o.Streams))
		return
	}
	defer s.places.Add(-1)
	known := s.token(r) == right
	s.handlers.Add(1)
	defer s.handlers.Done()
	if s.draining.Load() { // after Add: Drain either sees this stream or is seen by it
		refuse(w, problem(http.StatusServiceUnavailable, "the server stops"))
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"fdht.v1"}})
	if err != nil {
		return // it has answered
	}
	st := &stream{s: s, m: m, conn: conn, wire: w.(*response).conn, wake: make(chan struct{}, 1)}
	st.heard.Store(time.Now().UnixNano())
	s.metrics.streams.Inc()
	s.mu.Lock()
	s.streams[st] = struct{}{}
	s.mu.Unlock()
	if s.draining.Load() {
		st.drain()
	}
	defer func() {
		conn.CloseNow()
		s.mu.Lock()
		delete(s.streams, st)
		s.mu.Unlock()
		s.metrics.streams.Dec()
		s.metrics.closed.WithLabelValues(strconv.FormatInt(st.code.Load(), 10)).Inc()
	}()
	if !st.hello(known) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(st.serve)
	st.read()
	conn.CloseNow()
	st.mu.Lock()
	st.gone = true
	st.m.engine.metrics.waiting.Sub(float64(len(st.queue)))
	st.queue = nil
	st.mu.Unlock()
	st.look()
	wg.Wait()
}

// end closes the stream with a code and a reason, once.
func (st *stream) end(code websocket.StatusCode, format string, args ...any) {
	st.ending.Do(func() {
		st.code.Store(int64(code))
		reason := fmt.Sprintf(format, args...)
		if len(reason) > 120 { // a close frame has no room for more
			reason = reason[:120]
		}
		st.s.o.Log.Debug("stream ends", "model", st.m.Name, "code", int(code), "reason", reason)
		impatient := time.AfterFunc(goodbye, func() { st.wire.Close() })
		defer impatient.Stop()
		st.conn.Close(code, reason)
	})
}

// goodbye is how long a client has to answer a close.
const goodbye = time.Second

// cut ends the stream at once.
func (st *stream) cut() {
	st.wire.Close()
	st.conn.CloseNow()
}

// ended keeps the code of a stream that ended without our doing.
func (st *stream) ended(err error) {
	st.ending.Do(func() {
		code := websocket.CloseStatus(err)
		if errors.Is(err, websocket.ErrMessageTooBig) {
			code = websocket.StatusMessageTooBig
		}
		if code < 0 {
			code = websocket.StatusAbnormalClosure
		}
		st.code.Store(int64(code))
	})
}

// hello reads the first message and answers it.
func (st *stream) hello(known bool) bool {
	st.conn.SetReadLimit(textBytes)
	kind, text, err := st.conn.Read(context.Background())
	if err != nil {
		st.ended(err)
		return false
	}
	if kind != websocket.MessageText {
		st.end(websocket.StatusUnsupportedData, "the first message must be text: what is going to be sent")
		return false
	}
	h, err := parseHello(text)
	if err != nil {
		st.end(websocket.StatusInvalidFramePayloadData, "%v", err)
		return false
	}
	if !known && st.s.check(h.Token) != right {
		st.end(websocket.StatusPolicyViolation, "token missing or wrong")
		return false
	}
	size, err := st.s.frameBytes(st.m, h)
	if err != nil {
		st.end(websocket.StatusInvalidFramePayloadData, "%v", err)
		return false
	}
	if st.picture, err = newPicture(st.m.Model.Config(), h, size, st.s.decoders); err == nil {
		st.job.track, err = st.m.Model.NewTrack()
	}
	if err != nil {
		st.s.o.Log.Error("stream", "error", err)
		st.end(websocket.StatusInternalError, "an error inside: see the server's log")
		return false
	}
	st.job.done = make(chan error, 1)
	st.queue = make([]message, 0, st.s.o.Queue)
	answer, err := json.Marshal(client.Ready{Ready: true, Model: st.m.Name, Labels: st.m.card.Labels, Queue: st.s.o.Queue})
	if err != nil {
		st.end(websocket.StatusInternalError, "an error inside")
		return false
	}
	if size > 0 {
		st.conn.SetReadLimit(max(size, textBytes))
	} else {
		st.conn.SetReadLimit(st.s.o.MessageBytes)
	}
	st.ready.Store(true)
	return st.write(answer)
}

// write sends a line. watch ends the connection when the client does not take it.
func (st *stream) write(line []byte) bool {
	st.writing.Store(time.Now().UnixNano())
	err := st.conn.Write(context.Background(), websocket.MessageText, line)
	st.writing.Store(0)
	if err != nil {
		st.ended(err)
	}
	return err == nil
}

// read queues messages until the connection ends.
func (st *stream) read() {
	number, reset := 0, false
	for {
		kind, r, err := st.conn.Reader(context.Background())
		if err != nil {
			st.ended(err)
			return
		}
		now := time.Now()
		st.heard.Store(now.UnixNano())
		if kind == websocket.MessageText {
			text, err := io.ReadAll(io.LimitReader(r, textBytes+1))
			if err == nil {
				err = parseReset(text)
			}
			if err != nil {
				st.end(websocket.StatusInvalidFramePayloadData, "%v", err)
				return
			}
			reset = true
			continue
		}
		data, err := st.body(r)
		if err != nil {
			if websocket.CloseStatus(err) < 0 && errors.Is(err, errLonger) {
				st.end(websocket.StatusInvalidFramePayloadData, "frame %d: more bytes than %s has, %d", number, st.picture.announced(), st.picture.bytes)
				return
			}
			st.ended(err)
			return
		}
		st.put(message{data, number, now, reset})
		number, reset = number+1, false
	}
}

var errLonger = errors.New("longer than announced")

// body reads a binary message into memory that is free.
func (st *stream) body(r io.Reader) ([]byte, error) {
	st.mu.Lock()
	var data []byte
	if n := len(st.free); n > 0 {
		data, st.free = st.free[n-1], st.free[:n-1]
	}
	st.mu.Unlock()
	if size := int(st.picture.bytes); size > 0 {
		if cap(data) < size {
			data = make([]byte, size)
		}
		n, err := io.ReadFull(r, data[:size])
		if err == io.ErrUnexpectedEOF || err == io.EOF {
			return data[:n], nil // serve finds it too short
		}
		if err == nil {
			switch n, e := r.Read(st.one[:]); {
			case n > 0:
				err = errLonger
			case e != io.EOF:
				err = e
			}
		}
		return data[:n], err
	}
	data = data[:0]
	for {
		if len(data) == cap(data) {
			data = append(data, make([]byte, max(cap(data), 32<<10))...)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return data, err
		}
	}
}

// put queues a message; the newest wins: where there is no room, the oldest goes.
func (st *stream) put(m message) {
	st.mu.Lock()
	if st.draining {
		st.mu.Unlock()
		return
	}
	metrics := st.m.engine.metrics
	if len(st.queue) == cap(st.queue) {
		old := st.queue[0]
		copy(st.queue, st.queue[1:])
		st.queue = st.queue[:len(st.queue)-1]
		st.free = append(st.free, old.data)
		st.dropped++
		metrics.dropped.Inc()
		if next := &m; old.reset { // it begins with the one after it
			if len(st.queue) > 0 {
				next = &st.queue[0]
			}
			next.reset = true
		}
	} else {
		metrics.waiting.Inc()
	}
	st.queue = append(st.queue, m)
	st.mu.Unlock()
	st.look()
}

// look makes serve look at the queue.
func (st *stream) look() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// get takes the oldest message; ok is false when there is none. over: there will be none.
func (st *stream) get() (m message, dropped int, ok, over bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.gone {
		return m, 0, false, true
	}
	if len(st.queue) == 0 {
		return m, 0, false, st.draining
	}
	m = st.queue[0]
	copy(st.queue, st.queue[1:])
	st.queue = st.queue[:len(st.queue)-1]
	st.m.engine.metrics.waiting.Dec()
	return m, st.dropped, true, false
}

// serve answers frame after frame.
func (st *stream) serve() {
	var line []byte
	for range st.wake {
		for {
			m, dropped, ok, over := st.get()
			if over {
				st.end(websocket.StatusGoingAway, "the server stops")
				return
			}
			if !ok {
				break
			}
			if m.reset {
				st.job.track.Reset()
			}
			if err := st.picture.give(st.job.track, m.data); err != nil {
				code := websocket.StatusInvalidFramePayloadData
				if errors.Is(err, video.ErrLimit) {
					code = websocket.StatusMessageTooBig
				}
				st.end(code, "frame %d: %v", m.number, err)
				return
			}
			if err := st.m.engine.step(&st.job); err != nil {
				st.s.o.Log.Error("step", "error", err)
				st.end(websocket.StatusInternalError, "an error inside: see the server's log")
				return
			}
			p := st.job.track.Prediction()
			took := time.Since(m.at)
			line = appendLine(line[:0], m.number, &p, st.m.labels, took, dropped)
			metrics := st.m.engine.metrics
			metrics.frames.Inc()
			metrics.latency.Observe(took.Seconds())
			if !st.write(line) {
				return
			}
			st.mu.Lock()
			st.free = append(st.free, m.data)
			st.mu.Unlock()
		}
	}
}

// drain lets what waits be answered and then ends the stream.
func (st *stream) drain() {
	st.mu.Lock()
	st.draining = true
	st.mu.Unlock()
	if !st.ready.Load() {
		go st.end(websocket.StatusGoingAway, "the server stops")
		return
	}
	st.look()
}

// watch ends a stream that is silent or deaf for too long.
func (st *stream) watch(now time.Time) {
	o := &st.s.o
	if since := st.writing.Load(); since != 0 && now.Sub(time.Unix(0, since)) > o.WriteTime {
		st.ending.Do(func() { st.code.Store(int64(websocket.StatusPolicyViolation)) })
		st.cut() // it would not take a reason either
		return
	}
	silent := now.Sub(time.Unix(0, st.heard.Load()))
	switch {
	case !st.ready.Load() && silent > o.HelloTime:
		go st.end(websocket.StatusPolicyViolation, "no first message within %v", o.HelloTime)
	case silent > o.IdleTime:
		go st.end(websocket.StatusPolicyViolation, "nothing sent for %v", o.IdleTime)
	}
}
