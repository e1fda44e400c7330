package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
)

// remoteFlags are those of a command that can leave its work to a server.
type remoteFlags struct {
	Server    string `placeholder:"URL" group:"model" help:"Ask the fdht serve at URL instead of loading a model."`
	TokenFile string `placeholder:"FILE" group:"model" help:"--server: the token it asks for, the first line of FILE; without it FDHT_TOKEN of the environment."`
}

// remote is a model of a server.
type remote struct {
	c    *client.Client
	card client.Card
}

// connect asks the server for a model; "" is its default one.
func (f *remoteFlags) connect(ctx context.Context, model string) (*remote, error) {
	t, err := token(f.TokenFile)
	if err != nil {
		return nil, err
	}
	c, err := client.New(f.Server, client.Options{Token: t})
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("--server: %w", err)}
	}
	card, err := c.Model(ctx, model)
	if err != nil {
		return nil, hintedRefusal(err)
	}
	return &remote{c, card}, nil
}

func (r *remote) labels() []string { return r.card.Labels }

func (r *remote) predict(ctx context.Context, path string, how fdht.Reading) (client.Prediction, error) {
	f, err := os.Open(path)
	if err != nil {
		return client.Prediction{}, fmt.Errorf("%s: %w", path, bare(err))
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return client.Prediction{}, usage("make one file of it: y4m, GIF or a video", "%s: a folder cannot be sent to a server", path)
	}
	h := client.How{Model: r.card.Name, Repeat: how.Repeat}
	if how.Steps != 0 {
		steps := max(how.Steps, 0) // less than 0 is all here
		h.Steps = &steps
	}
	name := filepath.Base(path)
	p, err := r.c.Predict(ctx, f, name, h)
	var e *client.Error
	if errors.As(err, &e) {
		e.Detail = path + ": " + strings.TrimPrefix(e.Detail, name+": ")
		return p, hintedRefusal(e)
	}
	return p, err
}

// hintedRefusal adds what to do about an error of the server.
func hintedRefusal(err error) error {
	var e *client.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Status == 401:
		return hinted{err, "--token-file FILE, or FDHT_TOKEN of the environment, brings the server's token"}
	case e.RetryAfter != "":
		return hinted{err, "try again in " + e.RetryAfter + " s"}
	}
	return err
}
