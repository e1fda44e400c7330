package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/coder/websocket"

	"github.com/fdht/fdht/client"
)

// textBytes is the most that a text message of a stream may have.
const textBytes = 4096

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

// parseHello reads a stream's first message: one object, no other keys than Hello has.
func parseHello(text []byte) (client.Hello, error) {
	var h client.Hello
	if err := strict(text, &h); err != nil {
		return h, fmt.Errorf("first message: %w", err)
	}
	return h, nil
}

// parseReset reads any later text message: {"reset":true}, and nothing else.
func parseReset(text []byte) error {
	var m struct {
		Reset bool `json:"reset"`
	}
	if err := strict(text, &m); err != nil {
		return fmt.Errorf("text message: %w", err)
	}
	if !m.Reset {
		return errors.New(`text message: want {"reset":true}`)
	}
	return nil
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more follows the object")
	}
	return nil
}

// frameBytes checks an announcement against the model and the limits, and says how many bytes each frame has; 0: any number.
func (s *Server) frameBytes(m *served, h client.Hello) (int64, error) {
	c := m.card
	if rows := h.Format == "float32"; rows == c.Video && (rows || h.Format == "grey" || h.Format == "rgb" || h.Format == "jpeg") {
		if rows {
			return 0, errors.New("format float32: the model takes frames: grey, rgb or jpeg")
		}
		return 0, fmt.Errorf("format %s: the model takes rows of features: float32", h.Format)
	}
	var n int64
	switch h.Format {
	case "grey", "rgb":
		if h.Width < 1 || h.Height < 1 {
			return 0, fmt.Errorf("width %d and height %d: both must be 1 or more", h.Width, h.Height)
		}
		if most := s.o.FramePixels; h.Width > most || h.Height > most || int64(h.Width)*int64(h.Height) > int64(most) {
			return 0, fmt.Errorf("width %d and height %d: more than %d pixels", h.Width, h.Height, most)
		}
		if n = int64(h.Width) * int64(h.Height); h.Format == "rgb" {
			n *= 3
		}
	case "jpeg", "float32":
		if h.Width != 0 || h.Height != 0 {
			return 0, fmt.Errorf("format %s: leave width and height out", h.Format)
		}
		if h.Format == "float32" {
			n = 4 * int64(c.Input)
		}
	default:
		return 0, fmt.Errorf("format %.40q: want grey, rgb, jpeg or float32", h.Format)
	}
	if n > s.o.MessageBytes {
		return 0, fmt.Errorf("frames of %d bytes: a message has at most %d", n, s.o.MessageBytes)
	}
	return n, nil
}
