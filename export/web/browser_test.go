package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/fdht/fdht"
	"github.com/fdht/fdht/internal/browsertest"
	"github.com/fdht/fdht/model"
)

// What the tests take of the environment beside browsertest: another model, and clips for it, to measure it.
const (
	modelEnv = "FDHT_WEB_MODEL"
	clipsEnv = "FDHT_WEB_CLIPS" // files, separated like a PATH
)

// motion is a model of 24x32 frames as change, whose classes are the motions of package dataset's made clips. It was made with
//
//	fdht train --data made:train=2400,val=80,test=160,frames=16,seed=5 --input diff --lag 2 --frame 24x32 --steps 8 \
//	  --hidden 32 --modes-in 8,7,16 --modes-out 8,4,4 --rank 7 --pooling mean --epochs 30 --batch 16 --lr 1e-2 --schedule cosine \
//	  --warmup 1 --clip 1 --shift-x 4 --shift-y 3 --dropout 0 --label-smoothing 0 --out motion
func motion(t *testing.T) *model.File {
	t.Helper()
	path := filepath.Join("testdata", "motion.safetensors")
	if other := os.Getenv(modelEnv); other != "" {
		path = other
	}
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// browser is a page that is open, and its server.
type browser struct {
	*browsertest.Page
	url    string // of the page
	served *counter
	server *httptest.Server
}

// open serves a site and opens it in a fresh browser.
func open(t *testing.T, site *Site, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "page")
	if err := site.Write(dir); err != nil {
		t.Fatal(err)
	}
	b := &browser{served: &counter{handler: http.FileServer(http.Dir(dir))}}
	b.server = httptest.NewServer(b.served)
	t.Cleanup(b.server.Close)
	b.url = b.server.URL
	b.Page = browsertest.Start(t, flags...).Open(t, b.url)
	b.Run(t, browsertest.State("ready"))
	return b
}

// shot writes a screenshot, when somebody wants one.
func (b *browser) shot(t *testing.T, name string, width, height int64, scheme string) {
	t.Helper()
	b.Run(t, browsertest.Look(width, height, scheme))
	b.Shot(t, name)
}

// counter is a handler that counts what it sends.
type counter struct {
	handler http.Handler
	mu      sync.Mutex
	n       int64
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.handler.ServeHTTP(&countedWriter{w, c}, r)
}

func (c *counter) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

type countedWriter struct {
	http.ResponseWriter
	c *counter
}

func (w *countedWriter) Write(p []byte) (int, error) {
	w.c.mu.Lock()
	w.c.n += int64(len(p))
	w.c.mu.Unlock()
	return w.ResponseWriter.Write(p)
}

// clips are clips as webm files: made ones of 120x160, or those of the environment.
func clips(t *testing.T, n int) (paths []string) {
	t.Helper()
	raw := filepath.SplitList(os.Getenv(clipsEnv))
	if len(raw) == 0 {
		raw = browsertest.Made(t, 11, n, 16)
	}
	for _, path := range raw {
		paths = append(paths, browsertest.WebM(t, path))
	}
	return paths
}

// predict is what fdht predict says of a clip.
func predict(t *testing.T, m *model.File, path string) fdht.Prediction {
	t.Helper()
	net, err := fdht.From(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.Predict(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPage tries the page out in a browser, for what a person may do with it one after the other.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browsertest.Chromium(t)
	m := motion(t)
	site, err := Build(m, mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	film := browsertest.Film(t, browsertest.Roll(t))
	b := open(t, site, browsertest.FakeCamera(film)...)
	b.shot(t, "empty", 1280, 860, "light")
	testClips(t, b, m)
	testAccessible(t, b)
	testBadClip(t, b)
	if os.Getenv(modelEnv) == "" { // another one knows nothing of the film
		testCamera(t, b, predict(t, m, film).Label)
	}
	testOffline(t, b)
	b.Quiet(t)
}

// testClips gives clips to the page and expects what fdht predict says.
func testClips(t *testing.T, b *browser, m *model.File) {
	steps := m.Config.Steps
	for i, path := range clips(t, 2) {
		want := predict(t, m, path)
		give := chromedp.SetUploadFiles("#file", []string{path}, chromedp.NodeReady)
		if i == 1 {
			give = browsertest.Drop(t, path, "video/webm")
		}
		b.Run(t, chromedp.Evaluate(`document.body.dataset.state = "before"`, nil), give, browsertest.State("done", "error"))
		if got := b.Text(t, "#label"); got != want.Label {
			t.Errorf("%s: the page says %q (%s), fdht predict %q", filepath.Base(path), got, b.Text(t, "#message"), want.Label)
		}
		if got, want := b.Text(t, "#progress"), fmt.Sprintf("%d of %d", steps, steps); got != want {
			t.Errorf("steps: %q, want %q", got, want)
		}
	}
	t.Logf("%s a frame, %d bytes sent", b.Text(t, "#time"), b.served.bytes())
	if n := b.served.bytes(); n > mostBytes {
		t.Errorf("%d bytes sent, want %d at most", n, mostBytes)
	}
	b.shot(t, "clip-light", 1280, 860, "light")
	b.shot(t, "clip-dark", 1280, 860, "dark")
	b.shot(t, "clip-phone", 390, 844, "light")
	b.shot(t, "clip-phone-dark", 390, 844, "dark")
	b.Run(t, chromedp.Focus("#scrub"), chromedp.KeyEvent(kb.ArrowLeft))
	if got, want := b.Text(t, "#progress"), fmt.Sprintf("%d of %d", steps-1, steps); got != want {
		t.Errorf("after the left arrow: %q, want %q", got, want)
	}
}

// testAccessible looks for what shuts people out, while an answer is shown.
func testAccessible(t *testing.T, b *browser) {
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			t.Run(fmt.Sprintf("%s %d", scheme, width), func(t *testing.T) {
				b.Run(t, browsertest.Look(width, 860, scheme))
				b.Accessible(t)
			})
		}
	}
}

// testBadClip gives the page what is no clip.
func testBadClip(t *testing.T, b *browser) {
	notes := filepath.Join(t.TempDir(), "notes.mp4")
	if err := os.WriteFile(notes, []byte("no clip"), 0o666); err != nil {
		t.Fatal(err)
	}
	b.Run(t, chromedp.SetUploadFiles("#file", []string{notes}, chromedp.NodeReady), browsertest.State("error"))
	if got, want := b.Text(t, "#message"), "this browser cannot play notes.mp4: try an mp4 or webm file"; got != want {
		t.Errorf("the page says %q, want %q", got, want)
	}
}

// testCamera starts the camera, by the keyboard, and stops it.
func testCamera(t *testing.T, b *browser, want string) {
	b.Run(t, chromedp.SetValue("#span", "1"), chromedp.Focus("#camera"), chromedp.KeyEvent(kb.Enter), browsertest.State("camera", "error"),
		chromedp.Poll("document.querySelector('#progress').textContent === '' && document.querySelector('li.first') !== null", nil))
	if got := b.Text(t, "#label"); got != want {
		t.Errorf("the page says %q (%s) of the camera, fdht predict %q", got, b.Text(t, "#message"), want)
	}
	b.shot(t, "camera-light", 1280, 860, "light")
	b.shot(t, "camera-phone", 390, 844, "dark")
	b.Run(t, chromedp.Click("#camera"), browsertest.State("ready"))
}

// testOffline opens the page again when its server is gone.
func testOffline(t *testing.T, b *browser) {
	b.Run(t, browsertest.Await("navigator.serviceWorker.ready.then(() => true)", nil))
	b.server.Close()
	b.Run(t, chromedp.Navigate(b.url), browsertest.State("ready"))
}

// mostBytes is what a visitor may have to load.
const mostBytes = 150_000
