// Package browsertest tries web pages out in Chromium, for tests.
package browsertest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ShotsEnv names the environment variable with the folder for screenshots, where somebody wants them.
const ShotsEnv = "FDHT_WEB_SHOTS"

// Chromium is the program; without it the test is skipped.
func Chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("chromium is not installed: the page is tried out in it")
	return ""
}

// FakeCamera are flags with which a page gets a film as its camera, again and again, without asking: a y4m file of 4:2:0.
func FakeCamera(film string) []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film),
	}
}

// Browser is a browser.
type Browser struct{ ctx context.Context }

// Start starts a browser, which is gone when the test ends. Starting one takes far longer than opening a page in it.
func Start(t *testing.T, flags ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(Chromium(t)), chromedp.NoFirstRun, chromedp.Headless, chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("mute-audio", true), chromedp.WindowSize(1280, 860),
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(options, flags...)...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // it tells of events that it does not know; errors come from Run
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })                                  // waits until the browser is gone
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return &Browser{ctx}
}

// Page is a page in a tab of its own, and what it asked for. A page tells what it is doing in data-state of its body.
type Page struct {
	ctx  context.Context
	host string // scheme://host:port

	mu       sync.Mutex
	foreign  []string
	troubles []string
}

// Open opens a page, which is closed when the test ends. before runs before it is asked for.
func (b *Browser) Open(t *testing.T, address string, before ...chromedp.Action) *Page {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, _ := chromedp.NewContext(b.ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	p := &Page{ctx: ctx, host: u.Scheme + "://" + u.Host}
	chromedp.ListenTarget(ctx, p.listen)
	p.Run(t, append([]chromedp.Action{network.Enable(), runtime.Enable(), log.Enable()}, before...)...)
	p.Run(t, chromedp.Navigate(address), page.BringToFront()) // what is behind plays no video
	return p
}

// listen keeps requests to other hosts, and what the page complains of. That a request was refused is the page's to tell.
func (p *Page) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.asked(e.Request.URL)
	case *network.EventWebSocketCreated:
		p.asked("http" + strings.TrimPrefix(e.URL, "ws"))
	case *runtime.EventExceptionThrown:
		p.troubles = append(p.troubles, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			for _, arg := range e.Args {
				p.troubles = append(p.troubles, string(arg.Value))
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
			p.troubles = append(p.troubles, e.Entry.Text)
		}
	}
}

func (p *Page) asked(address string) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Scheme+"://"+u.Host != p.host {
		p.foreign = append(p.foreign, address)
	}
}

// Run runs actions; an error ends the test and tells what the page shows.
func (p *Page) Run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		var message, state string
		ctx, cancel := context.WithTimeout(p.ctx, time.Second)
		defer cancel()
		_ = chromedp.Run(ctx, chromedp.Text("#message", &message), chromedp.AttributeValue("body", "data-state", &state, nil))
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("%v; the page is in state %q and says %q; %v", err, state, message, p.troubles)
	}
}

// State waits until the page is in one of the states.
func State(names ...string) chromedp.Action {
	return Until(fmt.Sprintf("%q.split(' ').includes(document.body.dataset.state)", strings.Join(names, " ")))
}

// Until waits until an expression is true, for 20 seconds at the most.
func Until(expression string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		err := chromedp.Poll(expression, nil, chromedp.WithPollingInterval(40*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second)).Do(ctx)
		if err != nil {
			return fmt.Errorf("waiting until %s: %w", expression, err)
		}
		return nil
	})
}

// Await evaluates an expression that is a promise, into result unless that is nil.
func Await(expression string, result any) chromedp.Action {
	return chromedp.Evaluate(expression, result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
}

// Text is the text of an element, seen or not.
func (p *Page) Text(t *testing.T, selector string) string {
	t.Helper()
	var s string
	p.Run(t, chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).textContent", selector), &s))
	return s
}

// Drop lets a file fall on the page.
func Drop(t *testing.T, path, contentType string) chromedp.Action {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return chromedp.Evaluate(fmt.Sprintf(`{
		const files = new DataTransfer();
		files.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, { type: %q }));
		dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
	}`, base64.StdEncoding.EncodeToString(data), filepath.Base(path), contentType), nil)
}

// Look sets what the page is looked at with: the size of the window, and light or dark.
func Look(width, height int64, scheme string) chromedp.Action {
	return chromedp.Tasks{
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.EmulateViewport(width, height),
	}
}

// Shot writes a screenshot of the whole page, when somebody wants one.
func (p *Page) Shot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv(ShotsEnv)
	if dir == "" {
		return
	}
	var png []byte
	p.Run(t, chromedp.Sleep(300*time.Millisecond), chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Quiet fails when the page made requests elsewhere or had errors.
func (p *Page) Quiet(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.foreign) > 0 {
		t.Errorf("requests to other hosts: %v", p.foreign)
	}
	if len(p.troubles) > 0 {
		t.Errorf("the page complains: %v", p.troubles)
	}
}
