package page_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/internal/browsertest"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/serve"
)

// motion is a model of 24x32 frames as change, 8 steps, whose classes are the motions of package dataset's made clips; the test of the exported page says
// how it was made.
const motion = "../../export/web/testdata/motion.safetensors"

func named(t *testing.T, path string) serve.Named {
	t.Helper()
	n, err := serve.Open(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func from(t *testing.T, f *model.File) *fdht.Model {
	t.Helper()
	m, err := fdht.From(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func server(t *testing.T, o serve.Options, models ...serve.Named) *serve.Server {
	t.Helper()
	s, err := serve.New(models, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// start serves models and returns the address of the page.
func start(t *testing.T, o serve.Options, models ...serve.Named) string {
	t.Helper()
	ts := httptest.NewServer(server(t, o, models...).Handler())
	t.Cleanup(ts.Close)
	return ts.URL + "/"
}

// swap is a handler that may be another one later.
type swap struct{ h atomic.Value }

func (s *swap) Store(h http.Handler) { s.h.Store(&h) }

func (s *swap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.h.Load().(*http.Handler)).ServeHTTP(w, r)
}

// npy writes an array of so many rows and columns.
func npy(t *testing.T, rows, columns int) string {
	t.Helper()
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, columns)
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	b := []byte("\x93NUMPY\x01\x00\x76\x00" + head)
	for i := range rows * columns {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i%7)))
	}
	path := filepath.Join(t.TempDir(), "rows.npy")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// predict is what fdht predict says of a clip.
func predict(t *testing.T, path string) string {
	t.Helper()
	p, err := named(t, motion).Model.Predict(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return p.Label
}

// watch keeps the page's cameras and sockets where a test can see whether they end.
var watch = chromedp.ActionFunc(func(ctx context.Context) error {
	_, err := page.AddScriptToEvaluateOnNewDocument(`
		window.cameras = [];
		window.sockets = [];
		const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
		devices.getUserMedia = async (want) => (cameras.push(await open(want)), cameras.at(-1));
		window.WebSocket = class extends WebSocket { constructor(...a) { super(...a); sockets.push(this); } };
	`).Do(ctx)
	return err
})

const over = `sockets.every((s) => s.readyState === WebSocket.CLOSED) && cameras.every((c) => c.getTracks().every((t) => t.readyState === "ended"))`

// TestBrowser tries the page out in a browser, a tab a test, whose camera shows a film.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browsertest.Chromium(t)
	roll := browsertest.Roll(t)
	film := browsertest.Film(t, roll)
	tabs := browser{browsertest.Start(t, browsertest.FakeCamera(film)...)}
	t.Run("page", func(t *testing.T) { testPage(t, tabs, roll, film) })
	t.Run("drawings", func(t *testing.T) { testDrawings(t, tabs) })
	t.Run("token", func(t *testing.T) { testToken(t, tabs) })
	t.Run("lost", func(t *testing.T) { testLost(t, tabs) })
}

type browser struct{ *browsertest.Browser }

// open opens the page, until it has a model or asks for a token.
func (b browser) open(t *testing.T, url string) *browsertest.Page {
	t.Helper()
	p := b.Open(t, url, watch, browsertest.Look(1280, 860, "light"))
	p.Run(t, browsertest.Until(`document.body.dataset.state !== "loading" || document.querySelector("#ask").open`))
	return p
}

// testPage does what a person may do with the page one after the other.
func testPage(t *testing.T, tabs browser, roll, film string) {
	rows := testmodels.All(t)["gru-tr-split"]
	url := start(t, serve.Options{}, named(t, motion), serve.Named{Name: "rows & numbers", Model: from(t, rows), Bytes: 4000})
	b := tabs.open(t, url)
	if got := b.Text(t, "#title"); got != "motion" {
		t.Errorf("the page is of model %q, want the default one, motion", got)
	}
	b.Shot(t, "ready")
	t.Run("clip", func(t *testing.T) { testClip(t, b, film) })
	t.Run("broken", func(t *testing.T) { testBroken(t, b, url) })
	t.Run("camera", func(t *testing.T) { testCamera(t, b, predict(t, roll)) })
	t.Run("javascript", func(t *testing.T) { testJavaScript(t, b) })
	t.Run("commands", func(t *testing.T) { testCommands(t, b) })
	t.Run("rows", func(t *testing.T) { testRows(t, b, npy(t, 9, rows.Config.Input)) })
	b.Quiet(t)
}

// testClip gives clips to the page, by its button and by dropping them, and expects what fdht predict says.
func testClip(t *testing.T, b *browsertest.Page, film string) {
	clip := browsertest.WebM(t, browsertest.Made(t, 11, 1, 32)[0])
	gives := map[string]struct {
		path string
		give chromedp.Action
	}{
		"chosen":                                {clip, chromedp.SetUploadFiles("#file", []string{clip}, chromedp.NodeReady)},
		"dropped":                               {clip, browsertest.Drop(t, clip, "video/webm")},
		"a file that the browser does not play": {film, browsertest.Drop(t, film, "")},
	}
	for name, c := range gives {
		want := predict(t, c.path)
		b.Run(t, chromedp.Evaluate(`document.body.dataset.state = "before"`, nil), c.give, browsertest.State("done", "error"))
		if got := b.Text(t, "#label"); got != want {
			t.Errorf("%s: the page says %q (%s), fdht predict %q", name, got, b.Text(t, "#text"), want)
		}
		if got := b.Text(t, "#rows .first .name"); got != want {
			t.Errorf("%s: the chart has %q first, want %q", name, got, want)
		}
		if got, want := b.Text(t, "#progress"), "8 steps"; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if got := b.Text(t, "#summary"); !strings.Contains(got, want) {
			t.Errorf("%s: a screen reader is told %q, want %s in it", name, got, want)
		}
		if got, want := b.Text(t, "#story li:last-child"), regexp.MustCompile(`^steps? .*8: `+want+`$`); !want.MatchString(got) {
			t.Errorf("%s: as text it ends with %q, want %v", name, got, want)
		}
	}
	b.Run(t, browsertest.Drop(t, clip, "video/webm"), browsertest.Until(`!document.querySelector("#video").hidden`), browsertest.State("done"))
	for _, look := range looks {
		b.Run(t, browsertest.Look(look.width, look.height, look.scheme))
		b.Shot(t, "clip-"+look.name)
		var wide int64
		b.Run(t, chromedp.Evaluate("document.documentElement.scrollWidth", &wide))
		if wide > look.width {
			t.Errorf("%s: the page is %d wide in a window of %d", look.name, wide, look.width)
		}
		t.Run(look.name, func(t *testing.T) { b.Accessible(t) })
	}
	b.Run(t, browsertest.Look(1280, 860, "light"))
}

// testBroken gives the page what is no clip, and expects the server's words.
func testBroken(t *testing.T, b *browsertest.Page, url string) {
	notes := filepath.Join(t.TempDir(), "notes.mp4")
	if err := os.WriteFile(notes, []byte("no clip"), 0o666); err != nil {
		t.Fatal(err)
	}
	b.Run(t, chromedp.SetUploadFiles("#file", []string{notes}, chromedp.NodeReady), browsertest.State("error"))
	r, err := http.Post(url+"v1/predict", "video/mp4", strings.NewReader("no clip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var problem client.Problem
	if err := json.NewDecoder(r.Body).Decode(&problem); err != nil || problem.Detail == "" {
		t.Fatalf("%d %+v %v", r.StatusCode, problem, err)
	}
	_, why, _ := strings.Cut(problem.Detail, ": ")
	if got := b.Text(t, "#text"); !strings.HasPrefix(got, "notes.mp4: ") || !strings.HasSuffix(got, why) {
		t.Errorf("the page says %q, want the server's %q of notes.mp4", got, problem.Detail)
	}
	var again bool
	b.Run(t, chromedp.Evaluate(`document.querySelector("#again").hidden`, &again))
	if !again {
		t.Error("the page offers to send a broken file again")
	}
	t.Run("accessible", func(t *testing.T) { b.Accessible(t) })
}

// testCamera starts the camera, by the keyboard, stops it, and starts it again.
func testCamera(t *testing.T, b *browsertest.Page, want string) {
	says := browsertest.Until(fmt.Sprintf(`document.body.dataset.state === "error" || document.querySelector("#label").textContent === %q`, want))
	seen := fmt.Sprintf(`(() => {
		const view = document.querySelector("#view"), { data } = view.getContext("2d").getImageData(0, 0, view.width, view.height);
		return view.width === 32 && view.height === 24 && new Set(data).size > 8 && data.every((v, i) => i %% 4 === 3 || v === data[i - i %% 4]);
	})()`)
	for n := 1; n <= 2; n++ {
		b.Run(t, chromedp.Focus("#camera"), chromedp.KeyEvent(kb.Enter), browsertest.State("camera", "error"), says)
		if got := b.Text(t, "#label"); got != want {
			t.Fatalf("the page says %q (%s) of the camera, fdht predict %q", got, b.Text(t, "#text"), want)
		}
		b.Run(t, browsertest.Until(`document.querySelector("#summary").textContent !== ""`), browsertest.Until(seen))
		if facts := b.Text(t, "#live"); !regexp.MustCompile(`answer[0-9.]+ msround trip[0-9.]+ msframes a second[0-9]+dropped[0-9]+`).MatchString(facts) {
			t.Errorf("the page says of the stream: %q", facts)
		}
		if n == 1 {
			for _, look := range looks {
				b.Run(t, browsertest.Look(look.width, look.height, look.scheme))
				b.Shot(t, "camera-"+look.name)
			}
			b.Run(t, browsertest.Look(1280, 860, "light"))
			t.Run("accessible", func(t *testing.T) { b.Accessible(t) })
		}
		b.Run(t, chromedp.Click("#camera"), browsertest.State("stopped"), browsertest.Until(over), browsertest.Until(fmt.Sprintf("sockets.length === %d", n)))
	}
}

// testJavaScript runs the page's example of a browser.
func testJavaScript(t *testing.T, b *browsertest.Page) {
	code := b.Text(t, "#code-javascript")
	b.Run(t, chromedp.Evaluate(`window.said = []; console.log = (...a) => said.push(a); (async () => {`+code+`})().catch((e) => said.push([String(e)])); true`, nil),
		browsertest.Until("said.length > 9"),
		browsertest.Await("new Promise((answered) => (sockets.at(-1).onmessage = answered)).then(() => { sockets.at(-1).close(); cameras.at(-1).getTracks().forEach((t) => t.stop()); })", nil))
	var said [][]any
	b.Run(t, chromedp.Evaluate("said", &said))
	for _, line := range said {
		p, ok := line[len(line)-1].(float64)
		if len(line) != 2 || !ok || p <= 0 || p > 1 {
			t.Fatalf("the example prints %v, want a label and its probability", line)
		}
	}
}

// testCommands runs the page's examples in a shell and in Python, where these have what they need.
func testCommands(t *testing.T, b *browsertest.Page) {
	clip := browsertest.Convert(t, browsertest.Made(t, 11, 1, 16)[0], "clip.mp4", "-preset", "ultrafast")
	want := predict(t, clip)
	run := func(t *testing.T, name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = filepath.Dir(clip)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
		return string(out)
	}
	t.Run("curl", func(t *testing.T) {
		if _, err := exec.LookPath("curl"); err != nil {
			t.Skip("curl is not installed: one of the page's examples is of it")
		}
		var p client.Prediction
		if out := run(t, "sh", "-c", b.Text(t, "#code-curl")); json.Unmarshal([]byte(out), &p) != nil || p.Label != want {
			t.Errorf("the example prints %s, fdht predict %q", out, want)
		}
	})
	t.Run("python", func(t *testing.T) {
		python := "python3"
		if exec.Command(python, "-c", "import websocket").Run() != nil {
			python = "/usr/bin/python3" // where another one comes first on the PATH
		}
		if exec.Command(python, "-c", "import websocket").Run() != nil {
			t.Skip("Python's websocket (python3-websocket) is not installed: one of the page's examples is of it")
		}
		out := run(t, python, "-c", b.Text(t, "#code-python"))
		if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 16 || !strings.HasPrefix(lines[15], want+" ") {
			t.Errorf("the example prints %q, want a line for each of 16 frames, the last of them %s", out, want)
		}
	})
}

// testRows goes to a model of rows, which has no camera, and gives it an array.
func testRows(t *testing.T, b *browsertest.Page, array string) {
	choose := func(name string) chromedp.Action {
		return chromedp.Tasks{chromedp.SetValue("#models", name), chromedp.Evaluate(`document.querySelector("#models").dispatchEvent(new Event("change"))`, nil),
			browsertest.Until(fmt.Sprintf(`document.querySelector("#title").textContent === %q && document.body.dataset.state === "ready"`, name))}
	}
	b.Run(t, choose("rows & numbers"))
	var disabled bool
	b.Run(t, chromedp.Evaluate(`document.querySelector("#camera").disabled`, &disabled))
	if !disabled {
		t.Error("a model of rows has a camera")
	}
	b.Run(t, chromedp.SetUploadFiles("#file", []string{array}, chromedp.NodeReady), browsertest.State("done", "error"))
	if got := b.Text(t, "#progress"); got != "9 steps" {
		t.Errorf("%q (%s), want 9 steps", got, b.Text(t, "#text"))
	}
	b.Run(t, chromedp.Reload(), browsertest.State("ready"))
	if got := b.Text(t, "#title"); got != "rows & numbers" {
		t.Errorf("after a reload the page is of model %q", got)
	}
	b.Run(t, choose("motion"))
}

// testDrawings looks at the drawing of every kind of structure: a circle for each factor of a tree or a chain, and of the first block.
func testDrawings(t *testing.T, tabs browser) {
	all := testmodels.All(t)
	var models []serve.Named
	want := map[string]int{"lstm-ht-partial": 5, "gru-tt-full": 3, "rnn-tr-split": 6, "lstm-bt-full": 4, "gru-dense-partial": 0}
	for name := range want {
		models = append(models, serve.Named{Name: name, Model: from(t, all[name]), Bytes: 1 << 12})
	}
	url := start(t, serve.Options{}, models...)
	b := tabs.open(t, url)
	for name, circles := range want {
		b.Run(t, chromedp.Navigate(url+"?model="+name), browsertest.State("ready"))
		var n, layers int
		b.Run(t, chromedp.Evaluate(`document.querySelectorAll(".node").length`, &n))
		layers = all[name].Config.Layers
		if n != circles*layers {
			t.Errorf("%s: %d circles, want %d in each of %d layers", name, n, circles, layers)
		}
		b.Shot(t, name)
		t.Run(name, func(t *testing.T) { b.Accessible(t) })
	}
	b.Quiet(t)
}

// testToken opens the page of a server that wants a token: a wrong one, then the right one, which the stream has, too.
func testToken(t *testing.T, tabs browser) {
	const token = "s3cret/+~token"
	url := start(t, serve.Options{Token: token}, named(t, motion))
	b := tabs.open(t, url)
	asked := browsertest.Until(`document.querySelector("#ask").open`)
	b.Run(t, asked)
	for _, look := range looks[:2] {
		b.Run(t, browsertest.Look(look.width, look.height, look.scheme))
		b.Shot(t, "token-"+look.name)
		t.Run(look.name, func(t *testing.T) { b.Accessible(t) })
	}
	b.Run(t, chromedp.SendKeys("#token", "guess"+kb.Enter), browsertest.Until(`document.querySelector("#ask-wrong").textContent !== ""`), asked,
		chromedp.SendKeys("#token", token+kb.Enter), browsertest.State("ready"))
	if code := b.Text(t, "#code-curl"); !strings.Contains(code, "Authorization: Bearer $FDHT_TOKEN") || strings.Contains(code, token) {
		t.Errorf("the example does not say how to send a token, or says this one: %s", code)
	}
	b.Run(t, chromedp.Click("#camera"), browsertest.State("camera", "error"))
	if text := b.Text(t, "#text"); text != "" {
		t.Errorf("the page says %q of a stream with a token", text)
	}
	b.Run(t, chromedp.Click("#camera"), browsertest.State("stopped"), browsertest.Until(over), chromedp.Reload(), browsertest.State("ready")) // the tab keeps it
	b.Quiet(t)
}

// testLost ends the server during a stream: the camera stops, and the page offers to go on, which works once there is a server again.
func testLost(t *testing.T, tabs browser) {
	var front swap
	old := server(t, serve.Options{}, named(t, motion))
	front.Store(old.Handler())
	ts := httptest.NewServer(&front)
	t.Cleanup(ts.Close)
	b := tabs.open(t, ts.URL+"/")
	b.Run(t, browsertest.State("ready"), chromedp.Click("#camera"), browsertest.State("camera"), browsertest.Until(`document.querySelector("#live").textContent !== ""`))
	front.Store(http.NotFoundHandler())
	old.Drain()
	b.Run(t, browsertest.State("error"), browsertest.Until(over))
	if text := b.Text(t, "#text"); !strings.Contains(text, "the server ended the stream") && !strings.Contains(text, "the connection was lost") {
		t.Errorf("the page says %q", text)
	}
	b.Run(t, chromedp.Evaluate(`document.body.dataset.state = "before"`, nil), chromedp.Click("#again"), browsertest.State("error"), browsertest.Until(over))
	front.Store(server(t, serve.Options{}, named(t, motion)).Handler())
	b.Run(t, chromedp.Click("#again"), browsertest.State("camera"), chromedp.Click("#camera"), browsertest.State("stopped"), browsertest.Until(over))
	b.Quiet(t)
}

// looks are the ways in which the page is looked at.
var looks = []struct {
	name          string
	width, height int64
	scheme        string
}{{"light", 1280, 860, "light"}, {"dark", 1280, 860, "dark"}, {"phone", 360, 740, "light"}, {"phone-dark", 360, 740, "dark"}}
