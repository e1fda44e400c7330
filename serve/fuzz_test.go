package serve

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/internal/testutil"
)

// FuzzHello: no first message takes a server down or gets more than the limits, and no frame after it.
func FuzzHello(f *testing.F) {
	for _, seed := range []string{
		greeting, `{"format":"jpeg"}`, `{"format":"float32"}`, `{"format":"rgb","width":3,"height":2,"token":"x"}`, `{"reset":true}`, `{`, `null`, `[]`, "\xff",
		`{"format":"grey","width":1e3,"height":9223372036854775807}`, `{"format":"grey","width":16,"height":16}{}`, `{"Format":"grey","WIDTH":16,"height":16}`,
	} {
		f.Add([]byte(seed), []byte("0123456789abcdef"))
	}
	s := newServer(f, Options{FramePixels: 4096, MessageBytes: 8192}, modelOf(f, "diff"), modelOf(f, ""), modelOf(f, "rgb"))
	f.Fuzz(func(t *testing.T, text, frame []byte) {
		var h client.Hello
		var err error
		testutil.Bounded(t, 200*len(text)+1<<20, func() {
			_ = parseReset(text)
			h, err = parseHello(text)
		})
		if err != nil {
			return
		}
		for _, m := range s.models {
			n, err := s.frameBytes(m, h)
			if err != nil {
				continue
			}
			if n < 0 || n > 8192 || (n == 0) != (h.Format == "jpeg") {
				t.Fatalf("%+v: frames of %d bytes", h, n)
			}
			p, err := newPicture(m.Model.Config(), h, n, s.decoders)
			if err != nil {
				t.Fatal(err)
			}
			track, err := m.Model.NewTrack()
			if err != nil {
				t.Fatal(err)
			}
			for _, data := range [][]byte{frame, make([]byte, n)} {
				if err := p.give(track, data); err != nil {
					if n > 0 && len(data) == int(n) && h.Format != "float32" {
						t.Fatalf("%+v: a whole frame: %v", h, err)
					}
					continue
				}
				j := job{track: track, done: make(chan error, 1)}
				if err := m.engine.step(&j); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzClip: whatever is uploaded, in whatever it is wrapped, the answer is one that the API knows.
func FuzzClip(f *testing.F) {
	good := y4m(f, side, side, frames(4, side, side))
	form := "--x\r\nContent-Disposition: form-data; name=\"clip\"; filename=\"../a.npy\"\r\n\r\n" + string(npy(2, 20)) + "\r\n--x--\r\n"
	for _, seed := range []struct{ kind, query, body string }{
		{"application/octet-stream", "", string(good)}, {"video/x", "steps=2", string(good[:700])}, {"application/x-npy", "model=m1", string(npy(3, 20))},
		{"multipart/form-data; boundary=x", "model=m1&each=true", form}, {"multipart/form-data; boundary=x", "", form[:90]}, {"multipart/form-data", "", form},
		{"image/gif", "short=repeat", "GIF89a\x10\x00\x10\x00\x00\x00\x00,\x00\x00\x00\x00\x10\x00\x10\x00\x00\x02\x02\x4c\x01\x00;"}, {"", "steps=-7", "YUV4MPEG2 W16 H16 F1:0 Cmono\nFRAME\n"},
		{"text/html", "model=m1", "<p>"}, {"", "", "PK\x03\x04"}, {"", "", ""},
	} {
		f.Add(seed.kind, seed.query, []byte(seed.body))
	}
	f.Setenv("TMPDIR", f.TempDir())
	s := newServer(f, Options{FramePixels: 4096, BodyBytes: 16 << 10, Frames: 50, FFmpeg: "/no/such/ffmpeg"}, modelOf(f, "diff"), modelOf(f, ""))
	f.Fuzz(func(t *testing.T, kind, query string, body []byte) {
		for _, c := range query {
			if c < '!' || c > '~' || c == '#' { // no request line has it
				t.Skip()
			}
		}
		var w *httptest.ResponseRecorder
		testutil.Bounded(t, 200*len(body)+200*len(query)+32<<20, func() {
			w = ask(s, "POST", "/v1/predict?"+query, bytes.NewReader(body), "Content-Type", kind)
		})
		switch w.Code {
		case 200:
			var p client.Prediction
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Frames < 1 || len(p.Probs) != 7 {
				t.Fatalf("%s: %v", w.Body, err)
			}
		case 400, 404, 413, 415, 422, 503:
			var p client.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code {
				t.Fatalf("%s: %v", w.Body, err)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
