package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"
)

// Stream sends frames and receives what they come to. One goroutine may send while another receives.
type Stream struct {
	ready Ready
	conn  *websocket.Conn
}

// StreamError is how the server ended a stream: a WebSocket close code, and why in its words.
type StreamError struct {
	Code   int
	Reason string
}

func (e *StreamError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the server closed the stream with code %d", e.Code)
	}
	return e.Reason
}

// Stream opens a stream for a model; "" is the default one. hello says what is going to be sent; its token is put in here. ctx is for opening it.
func (c *Client) Stream(ctx context.Context, model string, hello Hello) (*Stream, error) {
	u := *c.base
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u.Path, u.RawQuery = strings.TrimSuffix(u.Path, "/")+"/v1/stream", query(model).Encode()
	conn, res, err := websocket.Dial(ctx, u.String(), c.dialOptions())
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols && res.Body != nil {
			return nil, refusal(res)
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("server %s: %w", c.base, err)
	}
	s := &Stream{conn: conn}
	text, err := json.Marshal(hello)
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, text)
	}
	if err == nil {
		conn.SetReadLimit(1 << 20) // a long list of labels
		err = s.receive(ctx, &s.ready)
	}
	if err != nil {
		conn.CloseNow()
		return nil, err
	}
	return s, nil
}

// Ready is what the server said before the first frame.
func (s *Stream) Ready() Ready { return s.ready }

// Send sends a frame as it was announced. It waits while the network is slower than the frames.
func (s *Stream) Send(ctx context.Context, frame []byte) error {
	return closed(s.conn.Write(ctx, websocket.MessageBinary, frame))
}

// Reset makes the next frame the first of a new sequence.
func (s *Stream) Reset(ctx context.Context) error {
	return closed(s.conn.Write(ctx, websocket.MessageText, []byte(`{"reset":true}`)))
}

// Receive waits for the next answer. Not every frame has one: Answer.Frame says whose it is. A stream that the server ended gives a *StreamError.
func (s *Stream) Receive(ctx context.Context) (Answer, error) {
	var a Answer
	return a, s.receive(ctx, &a)
}

func (s *Stream) receive(ctx context.Context, v any) error {
	kind, text, err := s.conn.Read(ctx)
	if err != nil {
		return closed(err)
	}
	if kind != websocket.MessageText {
		return errors.New("the server sent no text")
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// Close ends the stream.
func (s *Stream) Close() error { return s.conn.Close(websocket.StatusNormalClosure, "") }

// closed makes the reason of a close readable.
func closed(err error) error {
	var c websocket.CloseError
	if errors.As(err, &c) {
		return &StreamError{int(c.Code), c.Reason}
	}
	return err
}
