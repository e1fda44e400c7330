package serve

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// clip is an upload in a file of its own. The path is made here: nothing of it comes from the request.
type clip struct {
	path string
	name string // for people
	dir  string
}

func (c *clip) remove() { os.RemoveAll(c.dir) }

// renamed is the text of an error with the client's name for the file.
func (c *clip) renamed(err error) string { return strings.ReplaceAll(err.Error(), c.path, c.name) }

// receive writes the clip of a request to a file, within the limits of bytes and time.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (*clip, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.o.UploadTime)) // a connection without one is a test's
	body := &source{ReadCloser: http.MaxBytesReader(w, r.Body, s.o.BodyBytes)}
	from, name, array, err := s.part(r, body)
	if err != nil {
		return nil, s.uploadProblem(w, body, err)
	}
	c, err := keep(from, array)
	if err != nil {
		return nil, s.uploadProblem(w, body, err)
	}
	c.name = shown(name)
	_ = control.SetReadDeadline(time.Time{})
	return c, nil
}

// source is a request's body that knows whether reading it failed: what else fails is not the client's doing.
type source struct {
	io.ReadCloser
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

// part finds the clip in a request: the body itself, or the field clip of a form. array: it says that it is one.
func (s *Server) part(r *http.Request, body io.ReadCloser) (from io.Reader, name string, array bool, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, "", false, problem(http.StatusUnsupportedMediaType, "content type %.100q: cannot be read", r.Header.Get("Content-Type"))
	}
	if kind != "multipart/form-data" {
		array, err := accepted(kind)
		return body, "clip", array, err
	}
	r.Body = body
	form, err := r.MultipartReader()
	if err != nil {
		return nil, "", false, problem(http.StatusBadRequest, "form: %v", err)
	}
	const fields = 16
	for range fields {
		p, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, "", false, problem(http.StatusBadRequest, "form: %v", err)
		}
		if p.FormName() != "clip" {
			continue
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			kind = "application/octet-stream"
		}
		array, err := accepted(kind)
		if name = p.FileName(); name == "" {
			name = "clip"
		}
		return p, name, array || strings.EqualFold(filepath.Ext(name), ".npy"), err
	}
	return nil, "", false, problem(http.StatusBadRequest, "form: no field clip among the first %d: put the file there", fields)
}

// accepted says whether a content type may be that of a clip, and whether it is that of an array.
func accepted(kind string) (array bool, err error) {
	switch {
	case kind == "application/x-npy" || kind == "application/npy":
		return true, nil
	case kind == "", kind == "application/octet-stream", strings.HasPrefix(kind, "video/"), strings.HasPrefix(kind, "image/"), kind == "application/x-yuv4mpeg":
		return false, nil
	}
	return false, problem(http.StatusUnsupportedMediaType, "content type %.100q: send the clip as application/octet-stream, application/x-npy or video/*, or in the field clip of multipart/form-data", kind)
}

var npyMagic = []byte("\x93NUMPY")

// keep writes a clip to a file in a folder of its own, whose name goes by the first bytes.
func keep(from io.Reader, array bool) (c *clip, err error) {
	head := make([]byte, len(npyMagic))
	n, err := io.ReadFull(from, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	head = head[:n]
	name := "clip"
	switch {
	case n == 0:
		return nil, problem(http.StatusUnprocessableEntity, "the clip is empty")
	case bytes.Equal(head, npyMagic):
		name = "clip.npy"
	case array:
		return nil, problem(http.StatusUnprocessableEntity, "not a .npy array, whatever its type or name says")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, problem(http.StatusUnsupportedMediaType, "an archive: send the .npy array that is in it")
	}
	dir, err := os.MkdirTemp("", "fdht-serve-")
	if err != nil {
		return nil, err
	}
	c = &clip{path: filepath.Join(dir, name), dir: dir}
	defer func() {
		if err != nil {
			c.remove()
		}
	}()
	f, err := os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(head); err == nil {
		_, err = io.Copy(f, from)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return c, err
}

// uploadProblem says what went wrong on the way. What is left of the request is not read: the connection ends with the answer.
func (s *Server) uploadProblem(w http.ResponseWriter, body *source, err error) error {
	w.Header().Set("Connection", "close")
	var large *http.MaxBytesError
	var known interface{ GetStatus() int }
	switch {
	case errors.As(body.failed, &large):
		return problem(http.StatusRequestEntityTooLarge, "more than %d bytes", large.Limit)
	case errors.Is(body.failed, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, "the upload took more than %v", s.o.UploadTime)
	case body.failed != nil:
		return problem(http.StatusBadRequest, "the upload is cut short: %v", body.failed)
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF): // the end of a form is missing
		return problem(http.StatusBadRequest, "form: cut short")
	}
	s.o.Log.Error("upload", "error", err)
	return problem(http.StatusInternalServerError, "the upload could not be kept: see the server's log")
}

// shown is a client's name for a file as it may be shown: no path, nothing that moves a terminal's cursor.
func shown(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if most := 200; len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	if name == "" {
		return "clip"
	}
	return name
}
