package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
)

// shotsEnv names a folder for screenshots, for people to look at.
const shotsEnv = "FDHT_WEB_SHOTS"

// needChromium skips without a browser.
func needChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("chromium is not installed: the page is tried out in it")
	return ""
}

// motion is a model of 24x32 frames as change, whose classes are the motions of package dataset's made clips. It was made with
//
//	fdht train --data made:train=2400,val=80,test=160,frames=16,seed=5 --input diff --lag 2 --frame 24x32 --steps 8 \
//	  --hidden 32 --modes-in 8,7,16 --modes-out 8,4,4 --rank 7 --pooling mean --epochs 30 --batch 16 --lr 1e-2 --schedule cosine \
//	  --warmup 1 --clip 1 --shift-x 4 --shift-y 3 --dropout 0 --label-smoothing 0 --out motion
func motion(t *testing.T) *model.File {
	t.Helper()
	m, err := model.Load(filepath.Join("testdata", "motion.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// browser is a page that is open, and what it asked for.
type browser struct {
	ctx    context.Context
	host   string // of the page
	served func() int64

	mu       sync.Mutex
	foreign  []string
	troubles []string
}

// open serves a site and opens it in a fresh browser.
func open(t *testing.T, site *Site, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	chromium := needChromium(t)
	dir := filepath.Join(t.TempDir(), "page")
	if err := site.Write(dir); err != nil {
		t.Fatal(err)
	}
	b := &browser{}
	count := &counter{handler: http.FileServer(http.Dir(dir))}
	server := httptest.NewServer(count)
	t.Cleanup(server.Close)
	b.host, b.served = strings.TrimPrefix(server.URL, "http://"), count.bytes
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless, chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("mute-audio", true), chromedp.WindowSize(1280, 860),
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(options, flags...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	b.ctx = ctx
	chromedp.ListenTarget(ctx, b.listen)
	b.run(t, network.Enable(), runtime.Enable(), chromedp.Navigate(server.URL), b.state("ready"))
	return b
}

// listen keeps requests to other hosts, and what the page complains of.
func (b *browser) listen(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Host != b.host {
			b.foreign = append(b.foreign, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			b.troubles = append(b.troubles, fmt.Sprint(e.Args))
		}
	}
}

func (b *browser) run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		var message, state string
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		_ = chromedp.Run(ctx, chromedp.Text("#message", &message), chromedp.AttributeValue("body", "data-state", &state, nil))
		t.Fatalf("%v; the page is in state %q and says %q; %v", err, state, message, b.troubles)
	}
}

// state waits until the page is in one of the states.
func (b *browser) state(names ...string) chromedp.Action {
	return chromedp.Poll(fmt.Sprintf("%q.split(' ').includes(document.body.dataset.state)", strings.Join(names, " ")), nil, chromedp.WithPollingInterval(50*time.Millisecond))
}

// text is the text of an element.
func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	var s string
	b.run(t, chromedp.Text(selector, &s))
	return s
}

// quiet fails when the page made requests elsewhere or had errors.
func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.foreign) > 0 {
		t.Errorf("requests to other hosts: %v", b.foreign)
	}
	if len(b.troubles) > 0 {
		t.Errorf("the page complains: %v", b.troubles)
	}
}

// shot writes a screenshot, when somebody wants one.
func (b *browser) shot(t *testing.T, name string, width, height int64, scheme string) {
	t.Helper()
	dir := os.Getenv(shotsEnv)
	if dir == "" {
		return
	}
	var png []byte
	b.run(t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)), chromedp.Sleep(300*time.Millisecond), chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		t.Fatal(err)
	}
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

// y4m writes frames for others to read: 4:2:0, which is all that Chromium's fake camera takes.
func y4m(t *testing.T, path string, fps int, frames [][]byte, h, w int) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", w, h, fps)
	for _, rgb := range frames {
		b.WriteString("FRAME\n")
		y, u, v := make([]byte, h*w), make([]float64, h/2*(w/2)), make([]float64, h/2*(w/2))
		for i := range y {
			r, g, bl := float64(rgb[3*i]), float64(rgb[3*i+1]), float64(rgb[3*i+2])
			luma := 0.299*r + 0.587*g + 0.114*bl
			y[i] = byte(16 + luma*219/255 + 0.5)
			c := i/w/2*(w/2) + i%w/2
			u[c] += (bl - luma) / 1.772 / 4
			v[c] += (r - luma) / 1.402 / 4
		}
		b.Write(y)
		for _, plane := range [][]float64{u, v} {
			for _, c := range plane {
				b.WriteByte(byte(128 + c*224/255 + 0.5))
			}
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// clips are made clips of 120x160 as webm files, with their labels.
func clips(t *testing.T, n int) (paths []string) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed: it makes the clips")
	}
	made, err := dataset.NewMade(dataset.MadeOptions{Frames: 16, Test: n, Seed: 11})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := made.Input()
	for i := range n {
		var frames [][]byte
		size := in.Height * in.Width * 3
		for pix := made.Pixels(i); len(pix) > 0; pix = pix[size:] {
			frames = append(frames, pix[:size])
		}
		raw, path := filepath.Join(dir, fmt.Sprint(i, ".y4m")), filepath.Join(dir, fmt.Sprint(i, ".webm"))
		y4m(t, raw, 15, frames, in.Height, in.Width)
		out, err := exec.Command(ffmpeg, "-v", "error", "-i", raw, "-c:v", "libvpx", "-b:v", "2M", path).CombinedOutput()
		if err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
		paths = append(paths, path)
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

// TestClipInBrowser gives clips to the page and expects what fdht predict says; then it is opened without a network.
func TestClipInBrowser(t *testing.T) {
	needChromium(t)
	m := motion(t)
	site, err := Build(m, 150_000)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, site)
	b.shot(t, "empty", 1280, 860, "light")
	for _, path := range clips(t, 4) {
		want := predict(t, m, path)
		b.run(t, chromedp.SetUploadFiles("#file", []string{path}, chromedp.NodeReady), b.state("done", "error"))
		if got := b.text(t, "#label"); got != want.Label {
			t.Errorf("%s: the page says %q (%s), fdht predict %q", filepath.Base(path), got, b.text(t, "#message"), want.Label)
		}
		if got := b.text(t, "#progress"); got != "8 of 8" {
			t.Errorf("steps: %q", got)
		}
	}
	b.shot(t, "clip-light", 1280, 860, "light")
	b.shot(t, "clip-dark", 1280, 860, "dark")
	b.shot(t, "clip-phone", 390, 844, "light")
	b.shot(t, "clip-phone-dark", 390, 844, "dark")
	t.Logf("%s a frame, %d bytes sent", b.text(t, "#time"), b.served())
	b.quiet(t)
}

// TestCameraInBrowser films a picture that moves steadily.
func TestCameraInBrowser(t *testing.T) {
	needChromium(t)
	made, err := dataset.NewMade(dataset.MadeOptions{Frames: 2, Test: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	in := made.Input()
	first := made.Pixels(0)[:in.Height*in.Width*3]
	const shift = 8 // pixels a frame: after 20 frames it begins again, without a jump
	var frames [][]byte
	for k := range in.Width / shift {
		f := make([]byte, len(first))
		for i := range in.Height * in.Width {
			x := (i%in.Width + shift*k) % in.Width
			copy(f[3*(i-i%in.Width+x):][:3], first[3*i:])
		}
		frames = append(frames, f)
	}
	path := filepath.Join(t.TempDir(), "camera.y4m")
	y4m(t, path, 15, frames, in.Height, in.Width)
	m := motion(t)
	want := predict(t, m, path)
	t.Log(want.Label, want.Probs)
	site, err := Build(m, 150_000)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, site, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", path))
	b.run(t, chromedp.Click("#camera"), b.state("camera", "error"),
		chromedp.Poll("document.querySelector('#progress').textContent === '' && document.querySelector('li.first') !== null", nil))
	if got := b.text(t, "#label"); got != want.Label {
		t.Errorf("the page says %q (%s), fdht predict %q", got, b.text(t, "#message"), want.Label)
	}
	b.shot(t, "camera-light", 1280, 860, "light")
	b.shot(t, "camera-phone", 390, 844, "dark")
	b.run(t, chromedp.Click("#camera"), b.state("ready"))
	b.quiet(t)
}
