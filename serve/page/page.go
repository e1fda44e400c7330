// Package page is the web page of package serve: a few files for a browser, embedded, that need no build and ask no other host. A clip is dropped
// or a camera opened, and what the models say is shown as it comes; a model is drawn; the API has examples to copy.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// types are the content types of the files by extension: those of the machine it runs on may be others, or none.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

type file struct {
	contentType, etag string
	data              []byte
}

// Handler serves the page at / and its files beside it, to GET and HEAD, each with its content type and ETag; browsers ask again each time, and a file that
// has not changed is 304. Other paths are 404. The security headers are the caller's: the page works under
//
//	default-src 'self'; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
//
// and a permissions policy of camera=(self).
func Handler() http.Handler {
	files := read()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		if name == "/" {
			name = "/index.html"
		}
		f, ok := files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
	})
}

// read lists the embedded files by their path on the server.
func read() map[string]file {
	dir, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the name is a constant
	}
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		panic(err) // embedded files are always there
	}
	files := make(map[string]file, len(entries))
	for _, e := range entries {
		data, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		files["/"+e.Name()] = file{types[path.Ext(e.Name())], `"` + hex.EncodeToString(sum[:12]) + `"`, data}
	}
	return files
}
