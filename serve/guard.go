package serve

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// problem is an error as a client gets it.
func problem(status int, format string, args ...any) *huma.ErrorModel {
	return &huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, p *huma.ErrorModel) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="fdht"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// guard is what every request goes through: it is counted, a panic becomes a 500, the host and the token are looked at, and the headers are set that make
// browsers careful.
func (s *Server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, problem(http.StatusForbidden, "asked from a page of another host"))
	}))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: rw, patience: s.o.WriteTime}
		began := time.Now()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.o.Log.Error("panic", "what", fmt.Sprint(p), "stack", string(debug.Stack()))
				if w.status == 0 {
					refuse(w, problem(http.StatusInternalServerError, "an error inside: see the server's log"))
				}
			}
			s.observe(w, r, time.Since(began))
		}()
		secure(w.Header())
		switch {
		case !s.knows(r.Host):
			refuse(w, problem(http.StatusMisdirectedRequest, "host %.100q is not a name of this server: --host adds one", r.Host))
		case needsToken(r.URL.Path) && !s.admits(r):
			refuse(w, problem(http.StatusUnauthorized, "token missing or wrong: send Authorization: Bearer TOKEN"))
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

// observe counts a request. Paths that are no endpoint are counted as one, whatever they are.
func (s *Server) observe(w *response, r *http.Request, took time.Duration) {
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok || path == "/" {
		path = "other"
	}
	code := w.status
	if code == 0 {
		code = http.StatusOK
	}
	s.metrics.requests.WithLabelValues(path, strconv.Itoa(code)).Inc()
	if path != streamPath {
		s.metrics.latency.WithLabelValues(path).Observe(took.Seconds())
	}
	s.o.Log.Debug("request", "method", r.Method, "path", path, "status", code, "took", took.Round(time.Microsecond))
}

// secure sets the headers that make browsers careful. Nothing of another host is loaded, no script or style stands in a page itself, no page shows this one in a
// frame, and the camera is for this page alone.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// knows reports whether the Host of a request may be this server. A page of another host can have its own name lead here (DNS rebinding) and then is of the same origin
// for a browser; where a token keeps it out there is nothing to fear.
func (s *Server) knows(host string) bool {
	if s.o.Token != "" {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(s.o.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

func needsToken(path string) bool { return path == "/metrics" || strings.HasPrefix(path, "/v1/") }

// What there is to say of a request's token.
type verdict int

const (
	right verdict = iota
	missing
	wrong
)

// token looks at the token of a request: in its header, or of a WebSocket among its subprotocols.
func (s *Server) token(r *http.Request) verdict {
	if s.o.Token == "" {
		return right
	}
	if got := r.Header.Get("Authorization"); got != "" {
		scheme, token, _ := strings.Cut(got, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return wrong
		}
		return s.check(strings.TrimSpace(token))
	}
	if r.URL.Path != streamPath {
		return missing
	}
	for _, list := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(list, ",") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(name), "fdht.token."); ok {
				token, err := base64.RawURLEncoding.DecodeString(text)
				if err != nil {
					return wrong
				}
				return s.check(string(token))
			}
		}
	}
	return missing
}

// admits reports whether a request may go on by its token. A stream that brings none yet may still do so in its first message.
func (s *Server) admits(r *http.Request) bool {
	v := s.token(r)
	return v == right || v == missing && r.URL.Path == streamPath
}

// check compares in a time that says nothing of where, or of how long the right one is.
func (s *Server) check(token string) verdict {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.o.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return right
	}
	return wrong
}

// response keeps the status of an answer, and gives the client a time to take it.
type response struct {
	http.ResponseWriter
	status   int
	patience time.Duration
	conn     net.Conn // once it was taken over
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack is for WebSockets.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.conn = conn
	return conn, rw, err
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.patience)) // where the connection has one
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}
