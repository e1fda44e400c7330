package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/fdht/fdht/export/web"
)

//go:embed programs/browser.js
var browserScript string

// browser is the exported page's engine in headless Chromium.
func (m *made) browser() (result, error) {
	site, err := web.Build(m.f, 1<<30)
	if err != nil {
		return result{}, err
	}
	dir := filepath.Join(m.dir, "page")
	if err := site.Write(dir); err != nil {
		return result{}, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("/clips.bin", m.serveClips)
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	var out struct {
		Logits []float32
		MS     float64
		Memory int
		File   string
	}
	err = chromedp.Run(ctx, chromedp.Navigate(server.URL), chromedp.Evaluate(browserScript, &out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err != nil {
		return result{}, err
	}
	if want := len(m.clips.labels) * len(m.f.Config.Classes); len(out.Logits) != want {
		return result{}, fmt.Errorf("the page gave %d logits, want %d", len(out.Logits), want)
	}
	return result{logits: out.Logits, ms: out.MS, bytes: int(site.Bytes()), memory: strconv.Itoa(out.Memory), note: m.beside(out.Logits, "float") + "; " + out.File}, nil
}

// serveClips answers with a part of the file of clips.
func (m *made) serveClips(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(m.clipFile())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	from, _ := strconv.ParseInt(r.FormValue("from"), 10, 64)
	to, _ := strconv.ParseInt(r.FormValue("to"), 10, 64)
	_, _ = io.Copy(w, io.NewSectionReader(f, from, to-from)) // the page notices when it is cut short
}
