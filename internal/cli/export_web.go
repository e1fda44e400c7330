package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/fdht/fdht/export/web"
	"github.com/fdht/fdht/model"
)

// exportWebCmd is fdht export web.
type exportWebCmd struct {
	Model  string `required:"" placeholder:"M" group:"model" help:"Model file, or the folder of a run."`
	Out    string `required:"" placeholder:"DIR" help:"Folder to make; it must not be there."`
	MostKB int    `name:"max-kb" default:"150" placeholder:"N" help:"Most that a visitor may have to load, in KB of 1000 bytes (${default})."`
	jsonFlag
	common
}

// Help is the long help.
func (*exportWebCmd) Help() string {
	return `Examples:

  fdht export web --model runs/demo --out page
  cd page && python3 -m http.server

Any static host can serve the folder, under any path. The page takes a clip or a camera (which browsers give to https and localhost only),
runs the model in WebAssembly, and makes no request to another host. docs/guide-web.md says more.`
}

// exportedPage is what export web --json prints.
type exportedPage struct {
	Out   string `json:"out"`
	Bytes int64  `json:"bytes"`
}

// Run exports.
func (c *exportWebCmd) Run(u *ui) error {
	if c.MostKB < 1 {
		return usage("", "--max-kb %d: want 1 or more", c.MostKB)
	}
	if _, err := os.Lstat(c.Out); err == nil {
		return usage("name a new folder, or remove it", "--out %s: it exists", c.Out)
	}
	path := modelPath(c.Model)
	m, err := model.Load(path)
	if err != nil {
		return err
	}
	site, err := web.Build(m, 1000*int64(c.MostKB))
	var large *web.TooLargeError
	switch {
	case errors.Is(err, web.ErrNoFrames):
		return usage("fdht export onnx and fdht export c take such models", "--model %s: %w", c.Model, err)
	case errors.Is(err, web.ErrBidirectional):
		return usage("train one without --bidirectional", "--model %s: %w", c.Model, err)
	case errors.As(err, &large):
		return usage("allow it with --max-kb, or make the network smaller: fdht plan, fdht compress", "--model %s: %w", c.Model, err)
	case err != nil:
		return fmt.Errorf("--model %s: %w", c.Model, err)
	}
	if err := site.Write(c.Out); err != nil {
		return err
	}
	if c.JSON {
		return u.json(exportedPage{c.Out, site.Bytes()})
	}
	u.note("%s is written, %s; serve it with: cd %s && python3 -m http.server", c.Out, size(site.Bytes()), c.Out)
	return nil
}
