// Package client talks to a server of package serve: what is in a clip, what a stream of frames is so far, which models there are.
package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// Client is a server and how to talk to it. Several goroutines may use one.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Options are what a Client may need. The zero value is for a server without a token.
type Options struct {
	Token string       // that the server asks for
	HTTP  *http.Client // nil: http.DefaultClient
}

// New prepares to talk to the server at address, such as http://127.0.0.1:8080. Nothing is sent yet.
func New(address string, o Options) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("server %s: not a URL: want http://HOST:PORT", address)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server %s: want http://HOST:PORT", address)
	}
	c := &Client{base: u, token: o.Token, http: o.HTTP}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	return c, nil
}

// Error is what the server refused, in its own words.
type Error struct {
	Problem
	RetryAfter string // seconds, where it says so
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("the server answers %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Detail
}

// answerBytes is the most that is read of an answer.
const answerBytes = 256 << 20

// Models lists the models of the server, and its limits.
func (c *Client) Models(ctx context.Context) (Models, error) {
	var m Models
	return m, c.get(ctx, "v1/models", nil, &m)
}

// Model describes a model in full; "" is the default one.
func (c *Client) Model(ctx context.Context, name string) (Card, error) {
	var m Card
	return m, c.get(ctx, "v1/model", query(name), &m)
}

func query(model string) url.Values {
	if model == "" {
		return nil
	}
	return url.Values{"model": {model}}
}

// How says how a clip is to be read.
type How struct {
	Model  string // "": the default one
	Steps  *int   // frames taken of the clip, evenly, 0 = all; nil: as many as in training
	Repeat bool   // a clip with fewer frames repeats some; else it is an error
	Each   bool   // say what it is after every step, too
}

// Predict sends a clip, a video or a .npy array, called name, and says what it is. It is read from r while it is sent.
func (c *Client) Predict(ctx context.Context, r io.Reader, name string, how How) (Prediction, error) {
	q := url.Values{}
	if how.Model != "" {
		q.Set("model", how.Model)
	}
	if how.Steps != nil {
		q.Set("steps", fmt.Sprint(*how.Steps))
	}
	if how.Repeat {
		q.Set("short", "repeat")
	}
	if how.Each {
		q.Set("each", "true")
	}
	out, in := io.Pipe()
	form := multipart.NewWriter(in)
	sent := make(chan struct{})
	go func() { // ends when the request does: the transport closes its body, and with it the pipe
		defer close(sent)
		part, err := form.CreateFormFile("clip", name)
		if err == nil {
			_, err = io.Copy(part, r)
		}
		if err == nil {
			err = form.Close()
		}
		in.CloseWithError(err)
	}()
	defer func() {
		out.Close()
		<-sent
	}()
	req, err := c.request(ctx, http.MethodPost, "v1/predict", q, out)
	if err != nil {
		return Prediction{}, err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	var p Prediction
	return p, c.do(req, &p)
}

func (c *Client) get(ctx context.Context, path string, q url.Values, v any) error {
	req, err := c.request(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	return c.do(req, v)
}

func (c *Client) request(ctx context.Context, method, path string, q url.Values, body io.Reader) (*http.Request, error) {
	u := *c.base
	u.Path, u.RawQuery = strings.TrimSuffix(u.Path, "/")+"/"+path, q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

func (c *Client) do(req *http.Request, v any) error {
	res, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("server %s: %w", c.base, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return refusal(res)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, answerBytes)).Decode(v); err != nil {
		return fmt.Errorf("server %s: its answer cannot be read: %w", c.base, err)
	}
	return nil
}

// refusal is the error in an answer.
func refusal(res *http.Response) error {
	e := &Error{RetryAfter: res.Header.Get("Retry-After")}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	_ = json.Unmarshal(text, &e.Problem) // what is no problem JSON is told by its status
	e.Status = res.StatusCode
	return e
}

// subprotocols are those that a stream offers: a browser can bring the token in no other way, so this is the one way for all.
func (c *Client) subprotocols() []string {
	all := []string{"fdht.v1"}
	if c.token != "" {
		all = append(all, "fdht.token."+base64.RawURLEncoding.EncodeToString([]byte(c.token)))
	}
	return all
}
