package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/fdht/fdht/client"
)

var long = flag.Bool("long", false, "10,000 sockets rather than 1,000")

// dial opens a WebSocket and says nothing yet.
func dial(t *testing.T, addr, query string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(within(t), "ws://"+addr+"/v1/stream"+query, &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func closeCode(err error) int { return int(websocket.CloseStatus(err)) }

const greeting = `{"format":"grey","width":16,"height":16}`

// TestBadStreams: what is wrong with a stream is said with a code and a reason, and the server is there for the next one.
func TestBadStreams(t *testing.T) {
	s := newServer(t, Options{MessageBytes: 64 << 10, FramePixels: 20000}, modelOf(t, "grey"), modelOf(t, ""))
	addr, _ := up(t, s)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Clone(b.Bytes())
	copy(bomb[bytes.Index(bomb, []byte{0xff, 0xc0})+5:], []byte{0xff, 0xff, 0xff, 0xff}) // says 65,535 x 65,535
	nan := make([]byte, 80)
	binary.LittleEndian.PutUint32(nan[8:], 0x7fc00000)
	text, binaries := websocket.MessageText, websocket.MessageBinary
	for name, c := range map[string]struct {
		query string
		first string // text; "" = a binary message
		kind  websocket.MessageType
		then  []byte // nil: the first one is wrong already
		code  int
		text  string
	}{
		"binary first":        {"", "", 0, nil, 1003, "the first message must be text"},
		"no json":             {"", "grey 16 16", 0, nil, 1007, "first message"},
		"another key":         {"", `{"format":"grey","width":16,"height":16,"fps":3}`, 0, nil, 1007, "fps"},
		"two objects":         {"", greeting + greeting, 0, nil, 1007, "more follows"},
		"a wrong type":        {"", `{"format":7}`, 0, nil, 1007, "first message"},
		"another format":      {"", `{"format":"bgr","width":16,"height":16}`, 0, nil, 1007, "want grey, rgb, jpeg or float32"},
		"no size":             {"", `{"format":"grey"}`, 0, nil, 1007, "width 0 and height 0"},
		"negative":            {"", `{"format":"grey","width":-4,"height":-4}`, 0, nil, 1007, "width -4"},
		"too many pixels":     {"", `{"format":"grey","width":200,"height":101}`, 0, nil, 1007, "more than 20000 pixels"},
		"overflow":            {"", `{"format":"grey","width":4294967297,"height":4294967297}`, 0, nil, 1007, "more than 20000 pixels"},
		"size of a jpeg":      {"", `{"format":"jpeg","width":16,"height":16}`, 0, nil, 1007, "leave width and height out"},
		"rows for frames":     {"", `{"format":"float32"}`, 0, nil, 1007, "the model takes frames"},
		"frames for rows":     {"?model=m1", greeting, 0, nil, 1007, "the model takes rows"},
		"long first":          {"", `{"format":"` + strings.Repeat("x", 9000) + `"}`, 0, nil, 1009, ""},
		"short frame":         {"", greeting, binaries, make([]byte, 255), 1007, "frame 0: 255 bytes, grey of 16x16 has 256"},
		"empty frame":         {"", greeting, binaries, []byte{}, 1007, "0 bytes"},
		"long frame":          {"", greeting, binaries, make([]byte, 257), 1007, "more bytes than"},
		"huge frame":          {"", greeting, binaries, make([]byte, 40<<10), 1007, "more bytes than"},
		"text frame":          {"", greeting, text, []byte("hello"), 1007, "text message"},
		"no reset":            {"", greeting, text, []byte(`{"reset":false}`), 1007, "want"},
		"a jpeg that is none": {"", `{"format":"jpeg"}`, binaries, []byte("GIF89a"), 1007, "not a jpeg"},
		"an empty jpeg":       {"", `{"format":"jpeg"}`, binaries, []byte{}, 1007, "no bytes"},
		"a cut jpeg":          {"", `{"format":"jpeg"}`, binaries, b.Bytes()[:b.Len()/2], 1007, "frame 0"},
		"a jpeg bomb":         {"", `{"format":"jpeg"}`, binaries, bomb, 1009, "more than 20000 pixels"},
		"a huge jpeg":         {"", `{"format":"jpeg"}`, binaries, make([]byte, 65<<10), 1009, ""},
		"no number":           {"?model=m1", `{"format":"float32"}`, binaries, nan, 1007, "value 2 is NaN"},
		"a short row":         {"?model=m1", `{"format":"float32"}`, binaries, nan[:76], 1007, "76 bytes, float32 of 20 numbers has 80"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, ctx := dial(t, addr, c.query), within(t)
			kind, first := text, []byte(c.first)
			if c.first == "" {
				kind, first = binaries, []byte("1234")
			}
			if err := conn.Write(ctx, kind, first); err != nil {
				t.Fatal(err)
			}
			if c.then != nil {
				if _, ready, err := conn.Read(ctx); err != nil || !bytes.Contains(ready, []byte(`"ready":true`)) {
					t.Fatalf("%s, %v", ready, err)
				}
				_ = conn.Write(ctx, c.kind, c.then) // it may be refused before it is all there
			}
			_, got, err := conn.Read(ctx)
			if closeCode(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s, %v, want %d %q", got, err, c.code, c.text)
			}
		})
	}
	unharmed(t, s, addr)
}

// unharmed checks that a server still does its work.
func unharmed(t *testing.T, s *Server, addr string) {
	t.Helper()
	c := clientOf(t, addr, s.o.Token)
	st, err := c.Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, st, frames(3, side, side), -1)
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Predict(within(t), bytes.NewReader(y4m(t, side, side, frames(5, side, side))), "x.y4m", client.How{}); err != nil {
		t.Error(err)
	}
	waitFor(t, "no stream left", func() bool { return s.places.Load() == 0 })
}

// TestStreamToken: the three ways that a stream may bring its token.
func TestStreamToken(t *testing.T) {
	s := newServer(t, Options{Token: "right/+"}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	hello := func(token string) string {
		return fmt.Sprintf(`{"format":"grey","width":16,"height":16,"token":%q}`, token)
	}
	for _, c := range []struct {
		protocols []string
		first     string
		code      int // 0 = welcome
	}{
		{[]string{"fdht.v1", "fdht.token.cmlnaHQvKw"}, greeting, 0},
		{[]string{"fdht.v1"}, hello("right/+"), 0},
		{nil, hello("right/+"), 0},
		{nil, greeting, 1008},
		{nil, hello("wrong"), 1008},
	} {
		conn := dial(t, addr, "", c.protocols...)
		if c.protocols != nil && conn.Subprotocol() != "fdht.v1" {
			t.Errorf("subprotocol %q", conn.Subprotocol())
		}
		if err := conn.Write(within(t), websocket.MessageText, []byte(c.first)); err != nil {
			t.Fatal(err)
		}
		_, got, err := conn.Read(within(t))
		if c.code == 0 && err != nil || c.code != 0 && closeCode(err) != c.code {
			t.Errorf("%v: %s, %v, want %d", c, got, err, c.code)
		}
		conn.CloseNow()
	}
	for _, protocols := range [][]string{{"fdht.v1", "fdht.token.d3Jvbmc"}, {"fdht.token.%%"}} {
		_, res, err := websocket.Dial(within(t), "ws://"+addr+"/v1/stream", &websocket.DialOptions{Subprotocols: protocols})
		if err == nil || res == nil || res.StatusCode != 401 {
			t.Errorf("%v: %v", protocols, err)
		}
	}
	_, res, err := websocket.Dial(within(t), "ws://"+addr+"/v1/stream", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer wrong"}}})
	if err == nil || res == nil || res.StatusCode != 401 {
		t.Errorf("a wrong header: %v", err)
	}
	_, res, err = websocket.Dial(within(t), "ws://"+addr+"/v1/stream", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer right/+"}, "Origin": {"http://evil.example"}}})
	if err == nil || res == nil || res.StatusCode != 403 {
		t.Errorf("a page of another host: %v", err)
	}
	unharmed(t, s, addr)
}

// TestTooMany: streams and connections beyond their number are refused with 503, and there is room again once others go.
func TestTooMany(t *testing.T) {
	s := newServer(t, Options{Streams: 2, Connections: 6}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	a, b := dial(t, addr, ""), dial(t, addr, "")
	_, res, err := websocket.Dial(within(t), "ws://"+addr+"/v1/stream", nil)
	if err == nil || res == nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("a third stream: %v", err)
	}
	a.CloseNow()
	b.CloseNow()
	http.DefaultClient.CloseIdleConnections()
	waitFor(t, "room for streams", func() bool { return s.places.Load() == 0 })
	var open []net.Conn
	for range 12 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	refused := 0
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && res.StatusCode == 503 {
			refused++
		}
	}
	if refused < 6 {
		t.Errorf("%d of 12 connections refused", refused)
	}
	for _, c := range open {
		c.Close()
	}
	waitFor(t, "room for connections", func() bool {
		res, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == 200
	})
	http.DefaultClient.CloseIdleConnections()
	unharmed(t, s, addr)
}

// TestDroppedSockets: sockets that are opened and dropped at every stage leave nothing behind.
func TestDroppedSockets(t *testing.T) {
	n := 1000
	if *long {
		n = 10000
	}
	if testing.Short() {
		n = 200
	}
	s := newServer(t, Options{}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	unharmed(t, s, addr)
	waitFor(t, "few goroutines", func() bool { return runtime.NumGoroutine() < 60 })
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 > 0 {
					_, _ = io.WriteString(c, "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n")
				}
				if i%5 > 1 {
					_, _ = io.WriteString(c, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
				}
				if i%5 > 2 {
					_, _ = c.Read(make([]byte, 64))
					_, _ = c.Write(masked(0x81, []byte(greeting)))
				}
				if i%5 > 3 {
					_, _ = c.Write(masked(0x82, make([]byte, 256))[:100+i%200]) // not the whole of a frame, mostly
				}
				if i%2 == 0 {
					_ = c.(*net.TCPConn).SetLinger(0) // a reset
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	waitFor(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
	unharmed(t, s, addr)
}

// masked is a frame of a WebSocket client.
func masked(first byte, data []byte) []byte {
	b := []byte{first, 0xfe, byte(len(data) >> 8), byte(len(data)), 1, 2, 3, 4}
	for i, v := range data {
		b = append(b, v^byte(i%4+1))
	}
	return b
}

// TestProtocolErrors: frames that no WebSocket client would send end the connection, and nothing else.
func TestProtocolErrors(t *testing.T) {
	s := newServer(t, Options{HelloTime: 300 * time.Millisecond}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	for name, raw := range map[string][]byte{
		"unmasked":            append([]byte{0x81, byte(len(greeting))}, greeting...),
		"reserved bits":       masked(0xf1, []byte(greeting)),
		"unknown opcode":      masked(0x87, nil),
		"continues nothing":   masked(0x80, []byte("abc")),
		"long control":        masked(0x89, make([]byte, 200)),
		"a length of 2^63":    {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		"a length of 2^40":    {0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5},
		"fragments for ever":  bytes.Repeat(masked(0x00, make([]byte, 100)), 60),
		"http again":          []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"a close that is bad": masked(0x88, []byte{1}),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		if name == "fragments for ever" {
			_, _ = c.Write(masked(0x01, []byte("{")))
		}
		_, _ = c.Write(raw)
		_ = c.SetReadDeadline(time.Now().Add(60 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the connection stays open", name)
		}
		c.Close()
	}
	unharmed(t, s, addr)
}

// TestSlowLoris: who takes for ever to say what it wants is cut off in time, and told so where HTTP has words for it; meanwhile others are served.
func TestSlowLoris(t *testing.T) {
	s := newServer(t, Options{HeaderTime: 300 * time.Millisecond, UploadTime: 400 * time.Millisecond, HelloTime: 300 * time.Millisecond, IdleTime: 400 * time.Millisecond, HeaderBytes: 4 << 10}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	upgrade := "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	var wg sync.WaitGroup
	for name, c := range map[string]struct {
		start string
		drip  string // again and again
		want  string // in the answer
	}{
		"headers":      {"GET / HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n", ""},
		"a body":       {"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", "Y", "HTTP/1.1 408"},
		"a form":       {"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"clip\"; filename=\"a\"\r\n\r\n", "Y", "HTTP/1.1 408"},
		"hello":        {upgrade, "", "no first message"},
		"half a text":  {upgrade + string(masked(0x81, []byte(greeting))[:20]), "", "no first message"},
		"half a frame": {upgrade + string(masked(0x81, []byte(greeting))) + string(masked(0x82, make([]byte, 256))[:100]), "", "nothing sent"},
		"nothing":      {"", "", ""},
	} {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.start)
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				for c.drip != "" {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						if _, err := io.WriteString(conn, c.drip); err != nil {
							return
						}
					}
				}
			}()
			_ = conn.SetReadDeadline(time.Now().Add(60 * time.Second))
			got, err := io.ReadAll(conn)
			if err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: the connection stays open", name)
			}
			if !strings.Contains(string(got), c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		})
	}
	unharmed(t, s, addr)
	wg.Wait()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: "+strings.Repeat("x", 20<<10)+"\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 431 {
		t.Errorf("long headers: %v, %v", res, err)
	}
	unharmed(t, s, addr)
}

// pipes is a listener for connections without buffers: who does not read stops who writes at once.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	select {
	case <-p.over:
	default:
		close(p.over)
	}
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// TestDeaf: a client that sends frames and never takes an answer is cut off in time, while its newest frames take the place of the others.
func TestDeaf(t *testing.T) {
	s := newServer(t, Options{WriteTime: 200 * time.Millisecond}, modelOf(t, "grey"))
	l := pipes{make(chan net.Conn), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	c, other := net.Pipe()
	defer c.Close()
	l.conns <- other
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	_, _ = io.WriteString(c, "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	r := bufio.NewReader(c)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	_, _ = c.Write(masked(0x81, []byte(greeting)))
	if head, err := r.ReadByte(); err != nil || head != 0x81 {
		t.Fatal(head, err)
	}
	_, _ = r.Discard(r.Buffered())
	frame := masked(0x82, make([]byte, 256))
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = c.Write(frame)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a deaf client may stay for a minute")
	}
	if n < 10 {
		t.Errorf("frames were not read while an answer was not taken: %d", n)
	}
	waitFor(t, "no stream left", func() bool { return s.places.Load() == 0 })
}

// TestFFmpegHangs: a decoder that hangs on a clip is killed in time with all that it started, the client is told, and others are served meanwhile.
func TestFFmpegHangs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: a shell script stands for ffmpeg")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	program := filepath.Join(dir, "ffmpeg")
	script := "#!/bin/sh\nsh -c 'sleep 600; exit' \"$0\" &\nwait\n"
	if err := os.WriteFile(program, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Options{FFmpeg: program, FFmpegTime: 300 * time.Millisecond, Predictions: 2, Uploads: 3}, modelOf(t, "grey"))
	addr, _ := up(t, s)
	codes := make(chan int, 8)
	var wg sync.WaitGroup
	for range 8 { // two at a time, one waits, the others are told to come back
		wg.Go(func() {
			res, err := http.Post("http://"+addr+"/v1/predict", "video/mp4", strings.NewReader("not what matters"))
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			var p client.Problem
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
				t.Error(err)
			}
			if res.StatusCode == 422 && !strings.Contains(p.Detail, "decoding takes more than 300ms") {
				t.Error(p.Detail)
			}
			codes <- res.StatusCode
		})
	}
	st, err := clientOf(t, addr, "").Stream(within(t), "", client.Hello{Format: "grey", Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, st, frames(3, side, side), -1)
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	close(codes)
	count := map[int]int{}
	for c := range codes {
		count[c]++
	}
	if count[422] < 1 || count[422]+count[503] != 8 {
		t.Errorf("statuses %v", count)
	}
	http.DefaultClient.CloseIdleConnections()
	waitFor(t, "the end of all that ffmpeg started", func() bool { return !running(dir) })
	left, err := filepath.Glob(filepath.Join(dir, "fdht-serve-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	unharmed(t, s, addr)
}

// running reports whether a process has text in its command line, where there is a /proc to ask.
func running(text string) bool {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range found {
		if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(text)) {
			return true
		}
	}
	return false
}
