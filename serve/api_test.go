package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
)

// ask sends a request to the handler and returns the answer.
func ask(s *Server, method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// mustRefuse checks the status and the text of a problem.
func mustRefuse(t *testing.T, what string, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %s is no problem: %v", what, w.Code, w.Body, err)
		return
	}
	if w.Code != status || p.Status != status || !strings.Contains(p.Detail, text) {
		t.Errorf("%s: %d %q, want %d %q", what, w.Code, p.Detail, status, text)
	}
}

func TestModels(t *testing.T) {
	s := newServer(t, Options{}, modelOf(t, "diff"), modelOf(t, ""))
	var list client.Models
	if w := ask(s, "GET", "/v1/models", nil); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &list) != nil {
		t.Fatal(w.Code, w.Body)
	}
	if len(list.Models) != 2 || !list.Models[0].Default || list.Models[1].Default || !list.Models[0].Video || list.Models[1].Video || list.Limits.Queue != 2 {
		t.Errorf("%+v", list)
	}
	for path, name := range map[string]string{"/v1/model": "m0", "/v1/model?model=m1": "m1"} {
		var c client.Card
		w := ask(s, "GET", path, nil)
		if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c.Name != name || c.Bytes != 1234 {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	mustRefuse(t, "unknown", ask(s, "GET", "/v1/model?model=m2", nil), 404, `no model "m2"`)
}

// TestCard: the numbers of a card are those of the model it is of, for every kind of structure.
func TestCard(t *testing.T) {
	base := model.Config{Cell: "gru", Input: 20, Hidden: 8, Layers: 2, Pooling: "last", Classes: []string{"a", "b"}}
	for name, s := range map[string]factor.Spec{
		"ht": factor.HTSpec([]int{7, 4}, []int{6, 4}, 3, 1), "tt": factor.TTSpec([]int{7, 4}, []int{6, 4}, 3), "tr": factor.TRSpec([]int{7, 4}, []int{6, 4}, 2),
		"bt": factor.BTSpec([]int{7, 4}, []int{6, 4}, 2, 2), "dense": factor.DenseSpec(24, 28),
	} {
		for _, scope := range []factor.Scope{factor.Full, factor.Partial} {
			c := base
			c.Structure, c.Bidirectional = s.WithScope(scope), scope == factor.Partial
			f, err := model.New(c, 1)
			if err != nil {
				t.Fatalf("%s %s: %v", name, scope, err)
			}
			d, err := card("x", c, 5)
			if err != nil {
				t.Fatal(err)
			}
			w, b, h := f.Net.Count()
			sum, dense := int64(0), int64(0)
			params := map[string][]int{}
			for _, p := range f.Net.Params() {
				params[p.Name] = p.Shape
			}
			for _, m := range d.Matrices {
				sum, dense = sum+m.Weights, dense+m.DenseWeights
				for _, one := range m.Factors {
					if got, ok := params[m.Name+"."+one.Name]; !ok || len(got) != len(one.Shape) {
						t.Errorf("%s %s: factor %s of %s is none of the network's", name, scope, one.Name, m.Name)
					}
				}
				if (m.Tree != nil) != (m.Kind == "ht") {
					t.Errorf("%s: tree %v", m.Name, m.Tree)
				}
				if m.Tree != nil && (treeWeights(m.Tree) != m.Weights || m.Tree.Rank != 1 || len(m.Tree.Modes) != len(m.In)) {
					t.Errorf("%s: the tree has %d weights of %d", m.Name, treeWeights(m.Tree), m.Weights)
				}
			}
			if d.Weights != w || d.Biases != b || d.Head != h || sum != w || dense != d.DenseWeights || d.Total != w+b+h {
				t.Errorf("%s %s: %d weights (%d), %d biases, %d head, %d dense (%d): want %d, %d, %d", name, scope, d.Weights, sum, d.Biases, d.Head, d.DenseWeights, dense, w, b, h)
			}
		}
	}
}

func treeWeights(n *client.Node) int64 {
	sum := n.Weights
	for _, c := range n.Children {
		sum += treeWeights(c)
	}
	return sum
}

func form(t *testing.T, field, name string, data []byte) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("other", "no clip"); err != nil {
		t.Fatal(err)
	}
	p, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = p.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

// TestPredict: a clip comes to the same numbers as in a file, whichever way it is sent, and nothing is left of it.
func TestPredict(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	video, rows := modelOf(t, "diff"), modelOf(t, "")
	s := newServer(t, Options{}, video, rows)
	clip, array := y4m(t, 24, 20, frames(9, 24, 20)), npy(6, 20)
	dir := t.TempDir()
	for name, c := range map[string]struct {
		m     *fdht.Model
		query string
		data  []byte
		file  string
		how   fdht.Reading
	}{
		"video":     {video, "", clip, "clip.y4m", fdht.Reading{}},
		"all steps": {video, "&steps=0", clip, "clip.y4m", fdht.Reading{Steps: -1}},
		"two steps": {video, "&steps=2", clip, "clip.y4m", fdht.Reading{Steps: 2}},
		"repeated":  {video, "&steps=30&short=repeat", clip, "clip.y4m", fdht.Reading{Steps: 30, Repeat: true}},
		"rows":      {rows, "&model=m1", array, "rows.npy", fdht.Reading{}},
	} {
		path := filepath.Join(dir, c.file)
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		want, err := c.m.PredictReading(t.Context(), path, c.how)
		if err != nil {
			t.Fatal(err)
		}
		body, kind := form(t, "clip", "a b/"+c.file, c.data)
		raw := "application/octet-stream"
		if c.file == "rows.npy" {
			raw = "application/x-npy"
		}
		for way, w := range map[string]*httptest.ResponseRecorder{
			"form": ask(s, "POST", "/v1/predict?"+c.query[min(1, len(c.query)):], body, "Content-Type", kind),
			"body": ask(s, "POST", "/v1/predict?"+c.query[min(1, len(c.query)):], bytes.NewReader(c.data), "Content-Type", raw),
		} {
			var got client.Prediction
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
				t.Fatalf("%s, %s: %d %s", name, way, w.Code, w.Body)
			}
			input := map[string]string{"form": c.file, "body": "clip"}[way]
			if got.Label != want.Label || got.Frames != want.Frames || got.Input != input || got.Each != nil {
				t.Errorf("%s, %s: %+v, want %+v", name, way, got, want)
			}
			near(t, name, got.Logits, want.Logits)
			near(t, name, got.Probs, want.Probs)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "fdht-serve-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestPredictEach: after every step the clip is what a stream says.
func TestPredictEach(t *testing.T) {
	m := modelOf(t, "grey+diff")
	s := newServer(t, Options{}, m)
	list := frames(5, side, side)
	w := ask(s, "POST", "/v1/predict?each=true&steps=0", bytes.NewReader(y4m(t, side, side, list)))
	var got client.Prediction
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Each) != 5 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	st, err := m.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range list {
		p, err := st.Step(f)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "each", got.Each[i], p.Probs)
	}
	near(t, "the last", got.Each[4], got.Probs)
}

func TestPredictRefusals(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	both := model.Config{Cell: "gru", Bidirectional: true, Input: 20, Hidden: 8, Layers: 1, Pooling: "last", Classes: []string{"a", "b"}, Structure: factor.DenseSpec(24, 28)}
	s := newServer(t, Options{BodyBytes: 20 << 10, Frames: 8, FramePixels: 900}, modelOf(t, "grey"), modelOf(t, ""), from(t, both))
	good := y4m(t, side, side, frames(5, side, side))
	octets := []string{"Content-Type", "application/octet-stream"}
	noClip, noClipType := form(t, "file", "x.y4m", good)
	cutForm, cutType := form(t, "clip", "x.y4m", good)
	cutForm = io.LimitReader(cutForm, 900)
	for name, c := range map[string]struct {
		path    string
		body    io.Reader
		headers []string
		status  int
		text    string
	}{
		"no model":          {"/v1/predict?model=x", bytes.NewReader(good), octets, 404, "no model"},
		"bad steps":         {"/v1/predict?steps=many", bytes.NewReader(good), octets, 422, ""},
		"bad short":         {"/v1/predict?short=cut", bytes.NewReader(good), octets, 422, ""},
		"empty":             {"/v1/predict", strings.NewReader(""), octets, 422, "empty"},
		"too large":         {"/v1/predict", bytes.NewReader(make([]byte, 20<<10+1)), octets, 413, "more than 20480 bytes"},
		"too many frames":   {"/v1/predict", bytes.NewReader(y4m(t, side, side, frames(9, side, side))), octets, 413, "more than 8 frames"},
		"too many pixels":   {"/v1/predict", bytes.NewReader(y4m(t, 31, 30, frames(5, 31, 30))), octets, 413, "more than 900 pixels"},
		"huge header":       {"/v1/predict", strings.NewReader("YUV4MPEG2 W7680 H4320 C444\nFRAME\n"), octets, 413, "more than 900 pixels"},
		"endless header":    {"/v1/predict", strings.NewReader("YUV4MPEG2 " + strings.Repeat("X", 9000)), octets, 422, "line of more than"},
		"absurd header":     {"/v1/predict", strings.NewReader("YUV4MPEG2 W99999999999999999999 H2\n"), octets, 422, "W99999999999999999999"},
		"no frames":         {"/v1/predict", strings.NewReader("YUV4MPEG2 W16 H16 Cmono\n"), octets, 422, "no video frames"},
		"cut":               {"/v1/predict", bytes.NewReader(good[:len(good)-9]), octets, 422, "cut short"},
		"gif bomb":          {"/v1/predict", strings.NewReader("GIF89a\xff\xff\xff\xff\x00\x00\x00;"), octets, 413, "more than 900 pixels"},
		"too few frames":    {"/v1/predict?steps=7", bytes.NewReader(good), octets, 422, ""},
		"a form as a type":  {"/v1/predict", bytes.NewReader(good), []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/octet-stream"},
		"no type at all":    {"/v1/predict", bytes.NewReader(good), []string{"Content-Type", "???"}, 415, "content type"},
		"form, no clip":     {"/v1/predict", noClip, []string{"Content-Type", noClipType}, 400, "no field clip"},
		"form, cut":         {"/v1/predict", cutForm, []string{"Content-Type", cutType}, 400, "cut short"},
		"form, no boundary": {"/v1/predict", bytes.NewReader(good), []string{"Content-Type", "multipart/form-data"}, 400, "boundary"},
		"no array":          {"/v1/predict?model=m1", bytes.NewReader(good), []string{"Content-Type", "application/x-npy"}, 422, "not a .npy array"},
		"an archive":        {"/v1/predict?model=m1", strings.NewReader("PK\x03\x04 and so on"), octets, 415, "archive"},
		"wrong width":       {"/v1/predict?model=m1", bytes.NewReader(npy(3, 21)), octets, 422, "the model takes 20"},
		"too many rows":     {"/v1/predict?model=m1", bytes.NewReader(npy(9, 20)), octets, 413, "more than 8 frames"},
		"a lying array":     {"/v1/predict?model=m1", bytes.NewReader(npy(8, 20)[:90]), octets, 422, "needs a file of"},
		"video for rows":    {"/v1/predict?model=m1", bytes.NewReader(good), octets, 422, "not video"},
		"array for frames":  {"/v1/predict", bytes.NewReader(npy(3, 20)), octets, 422, "the model takes 256"},
		"too many steps":    {"/v1/predict?steps=9&short=repeat", bytes.NewReader(good), octets, 413, "at most 8"},
		"each of both ends": {"/v1/predict?model=m2&each=true", bytes.NewReader(npy(3, 20)), octets, 422, "both ends"},
	} {
		w := ask(s, "POST", c.path, c.body, c.headers...)
		mustRefuse(t, name, w, c.status, c.text)
		if strings.Contains(w.Body.String(), os.TempDir()) {
			t.Errorf("%s: a path of the server's: %s", name, w.Body)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "fdht-serve-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if w := ask(s, "POST", "/v1/predict", bytes.NewReader(good)); w.Code != 200 {
		t.Errorf("after all that: %d %s", w.Code, w.Body)
	}
}

// TestToken: what needs it and what does not, and every way of bringing a wrong one.
func TestToken(t *testing.T) {
	s := newServer(t, Options{Token: "right"}, modelOf(t, "grey"))
	for _, path := range []string{"/v1/models", "/v1/model", "/metrics", "/v1/nothing"} {
		for _, auth := range []string{"", "Bearer wrong", "Bearer ", "Bearer righ", "Bearer rightt", "Basic right", "right"} {
			w := ask(s, "GET", path, nil, "Authorization", auth)
			mustRefuse(t, path+" "+auth, w, 401, "token missing or wrong")
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		}
		if w := ask(s, "GET", path, nil, "Authorization", "bearer right"); w.Code == 401 {
			t.Errorf("%s: the right token: %d", path, w.Code)
		}
		if w := ask(s, "GET", path+"?token=right", nil); w.Code != 401 {
			t.Errorf("%s: a token in the query: %d", path, w.Code)
		}
	}
	mustRefuse(t, "predict", ask(s, "POST", "/v1/predict", nil), 401, "token")
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.json", "/docs"} {
		if w := ask(s, "GET", path, nil); w.Code != 200 {
			t.Errorf("%s without a token: %d", path, w.Code)
		}
	}
}

// TestHosts: a name that leads here but is not ours is refused where nothing else keeps strange pages out.
func TestHosts(t *testing.T) {
	s := newServer(t, Options{Hosts: []string{"video.example"}}, modelOf(t, "grey"))
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "localhost": 200, "LOCALHOST:1": 200, "[::1]:8080": 200, "::1": 200, "192.168.1.5": 200, "video.example:443": 200, "Video.Example.": 200,
		"evil.example": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example:80": 421, "": 421,
	} {
		if w := ask(s, "GET", "/v1/models", nil, "Host", host); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	w := ask(s, "POST", "/v1/predict", nil, "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site")
	mustRefuse(t, "a page of another host", w, 403, "another host")
	if h := w.Header().Get("Access-Control-Allow-Origin"); h != "" {
		t.Errorf("CORS is on: %s", h)
	}
}

// TestPages: no page of ours loads anything of another host, and all have the headers that see to it.
func TestPages(t *testing.T) {
	s := newServer(t, Options{}, modelOf(t, "grey"))
	other := regexp.MustCompile(`(?i)(src|href|action)="?(https?:)?//|@import|url\(["']?(https?:)?//|<script>|<style|\sstyle=|\son[a-z]+=`)
	for _, path := range []string{"/", "/docs", "/docs/docs.css"} {
		w := ask(s, "GET", path, nil)
		if w.Code != 200 || other.Match(w.Body.Bytes()) {
			t.Errorf("%s: %d, %q", path, w.Code, other.Find(w.Body.Bytes()))
		}
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Permissions-Policy": "camera=(self)",
		} {
			if !strings.Contains(w.Header().Get(header), want) {
				t.Errorf("%s: %s is %q", path, header, w.Header().Get(header))
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, csp)
		}
	}
	var spec struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`

		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Type  any `json:"type"` // one, or a list of them
					OneOf []struct {
						Type string `json:"type"`
					} `json:"oneOf"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	w := ask(s, "GET", "/openapi.json", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &spec); err != nil || !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Fatal(err, spec.OpenAPI)
	}
	docs := ask(s, "GET", "/docs", nil).Body.String()
	if lag := spec.Components.Schemas["Frame"].Properties["lag"]; lag.Type != nil || len(lag.OneOf) != 2 || lag.OneOf[0].Type != "integer" || lag.OneOf[1].Type != "array" {
		t.Errorf("lag is described as %+v", lag)
	}
	if !strings.Contains(docs, "integer or list of integer") {
		t.Error("/docs does not say that lag is a number or a list")
	}
	for _, path := range []string{"/v1/models", "/v1/model", "/v1/predict", "/v1/stream", "/healthz", "/readyz", "/metrics"} {
		if spec.Paths[path] == nil || !strings.Contains(docs, path) {
			t.Errorf("%s is not described", path)
		}
	}
	mustRefuse(t, "no such path", ask(s, "GET", "/v1/other", nil), 404, "no such path")
	mustRefuse(t, "no such method", ask(s, "GET", "/v1/predict", nil), 405, "POST")
	if w := ask(s, "GET", "/other", nil); w.Code != 404 {
		t.Errorf("/other: %d", w.Code)
	}
}

func TestNewErrors(t *testing.T) {
	m := modelOf(t, "grey")
	for want, f := range map[string]func() (*Server, error){
		"no model":      func() (*Server, error) { return New(nil, Options{}) },
		"name":          func() (*Server, error) { return New([]Named{{"a", m, 1}, {"a", m, 1}}, Options{}) },
		`model name ""`: func() (*Server, error) { return New([]Named{{"", m, 1}}, Options{}) },
		"Queue is -1":   func() (*Server, error) { return New([]Named{{"a", m, 1}}, Options{Queue: -1}) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := Open("x", filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "localhost:80": true, "[::1]:80": true, "127.9.9.9:80": true, "0.0.0.0:80": false, ":80": false, "[::]:80": false, "example.org:80": false, "127.0.0.1": false,
	} {
		if Loopback(addr) != want {
			t.Errorf("%s is loopback: %v", addr, !want)
		}
	}
}

// TestClient goes through the client of this API.
func TestClient(t *testing.T) {
	s := newServer(t, Options{Token: "right"}, modelOf(t, "grey"), modelOf(t, ""))
	addr, _ := up(t, s)
	ctx, c := within(t), clientOf(t, addr, "right")
	list, err := c.Models(ctx)
	if err != nil || len(list.Models) != 2 {
		t.Fatal(list, err)
	}
	card, err := c.Model(ctx, "m1")
	if err != nil || card.Name != "m1" {
		t.Fatal(card, err)
	}
	steps := 3
	p, err := c.Predict(ctx, bytes.NewReader(y4m(t, side, side, frames(5, side, side))), "x.y4m", client.How{Steps: &steps, Each: true})
	if err != nil || p.Frames != 3 || len(p.Each) != 3 || p.Input != "x.y4m" {
		t.Fatal(p, err)
	}
	var e *client.Error
	if _, err = c.Predict(ctx, strings.NewReader("YUV4MPEG2 W"), "x.y4m", client.How{}); !errors.As(err, &e) || e.Status != 422 || !strings.Contains(e.Detail, "x.y4m: ") {
		t.Error(err)
	}
	if _, err = clientOf(t, addr, "wrong").Models(ctx); !errors.As(err, &e) || e.Status != 401 {
		t.Error(err)
	}
	if _, err = clientOf(t, addr, "wrong").Stream(ctx, "", client.Hello{}); !errors.As(err, &e) || e.Status != 401 {
		t.Error(err)
	}
	if _, err = c.Stream(ctx, "m9", client.Hello{}); !errors.As(err, &e) || e.Status != 404 {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Models(gone); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, bad := range []string{"127.0.0.1:80", "ftp://x", "http://", "http://x/?a=b", "http://x\x00"} {
		if _, err := client.New(bad, client.Options{}); err == nil {
			t.Errorf("server %q", bad)
		}
	}
}
