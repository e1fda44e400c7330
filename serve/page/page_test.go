package page

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, path, etag string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/index.html", 200, "text/html; charset=utf-8"},
		{"GET", "/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/icon.svg", 200, "image/svg+xml"},
		{"GET", "/page.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/../page.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/static/app.js", 404, "text/plain; charset=utf-8"},
		{"POST", "/app.js", 405, "text/plain; charset=utf-8"},
	} {
		r := get(t, c.method, c.path, "")
		if r.StatusCode != c.status || r.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s %s: %d, %q, want %d, %q", c.method, c.path, r.StatusCode, r.Header.Get("Content-Type"), c.status, c.contentType)
		}
	}
	first := get(t, "GET", "/app.js", "")
	if r := get(t, "GET", "/app.js", first.Header.Get("ETag")); r.StatusCode != 304 {
		t.Errorf("with its ETag: %d, want 304", r.StatusCode)
	}
	if r := get(t, "GET", "/style.css", first.Header.Get("ETag")); r.StatusCode != 200 {
		t.Errorf("with the ETag of another file: %d, want 200", r.StatusCode)
	}
}

// mostBytes is what the page may weigh in all.
const mostBytes = 120_000

// TestFiles looks at what is embedded: all of it has a type and is small, and nothing of it needs more than the strict policy or names another host.
func TestFiles(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|innerHTML|insertAdjacentHTML|document\.write|\beval\(`)
	host := regexp.MustCompile(`(?i)https?://[^\s"'<>]+`)
	total := 0
	for name, f := range read() {
		total += len(f.data)
		if f.contentType == "" {
			t.Errorf("%s has no content type", name)
		}
		if bad := inline.FindString(string(f.data)); bad != "" {
			t.Errorf("%s has %q, which the policy forbids or which puts text into the page as markup", name, bad)
		}
		for _, u := range host.FindAllString(string(f.data), -1) {
			if !strings.HasPrefix(u, "http://www.w3.org/") { // the name of SVG
				t.Errorf("%s names another host: %s", name, u)
			}
		}
	}
	if total > mostBytes {
		t.Errorf("the page has %d bytes, at most %d", total, mostBytes)
	}
	var embedded int
	if err := fs.WalkDir(static, "static", func(_ string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			embedded++
		}
		return err
	}); err != nil || embedded != len(read()) {
		t.Errorf("%d files are embedded, %d served, %v", embedded, len(read()), err)
	}
}
