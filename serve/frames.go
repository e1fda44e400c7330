package serve

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/coder/websocket"

	"github.com/fdht/fdht/video"
)

// read queues messages until the connection ends. What is dropped has cost no more than to read it.
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
		st.queue.put(message{data, number, now, reset})
		number, reset = number+1, false
	}
}

var errLonger = errors.New("longer than announced")

// body reads a binary message into memory that is free.
func (st *stream) body(r io.Reader) ([]byte, error) {
	data := st.queue.memory()
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

// serve answers frame after frame: it makes the model's frame of a message, stands in the engine's line, and writes the answer.
func (st *stream) serve() {
	var line []byte
	for range st.queue.wake {
		for {
			m, dropped, ok, over := st.queue.get()
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
			st.queue.release(m.data)
		}
	}
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
