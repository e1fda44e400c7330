package serve

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// stream is one WebSocket: how it begins and ends. The goroutine of its request reads messages into a short queue, see read; another takes them from there one
// at a time and answers them, see serve.
type stream struct {
	s       *Server
	m       *served
	conn    *websocket.Conn
	wire    net.Conn // below conn
	job     job
	picture *picture
	queue   *queue
	one     [1]byte

	heard   atomic.Int64 // when the last message came, or began to come; Unix ns
	writing atomic.Int64 // since when an answer is being written; 0: none is
	ending  sync.Once
	code    atomic.Int64 // that it was closed with
	ready   atomic.Bool  // hello is said
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
	st := &stream{s: s, m: m, conn: conn, wire: w.(*response).conn, queue: newQueue(s.o.Queue, m.engine.metrics)}
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
	st.queue.close()
	wg.Wait()
}

// end closes the stream with a code and a reason, once.
func (st *stream) end(code websocket.StatusCode, format string, args ...any) {
	st.ending.Do(func() {
		st.code.Store(int64(code))
		reason := fmt.Sprintf(format, args...)
		if len(reason) > 120 { // a close frame has no room for more
			reason = strings.ToValidUTF8(reason[:120], "")
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

// drain lets what waits be answered and then ends the stream.
func (st *stream) drain() {
	st.queue.drain()
	if !st.ready.Load() {
		go st.end(websocket.StatusGoingAway, "the server stops")
	}
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
