package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/fdht/fdht/export/c"
	"github.com/fdht/fdht/internal/program"
	"github.com/fdht/fdht/quant"
)

// exportCCmd is fdht export c.
type exportCCmd struct {
	Model  string `required:"" placeholder:"M" group:"model" help:"Model file, or the folder of a run; of floats, or what quantize wrote."`
	Out    string `required:"" placeholder:"DIR" help:"Folder to make; it must not be there."`
	Name   string `default:"fdht" placeholder:"NAME" help:"What files and C names begin with (${default})."`
	Bits   int    `placeholder:"N" help:"32, 16 or 8: an error if the model file has others (those of the model file)."`
	Memory int    `default:"65536" placeholder:"BYTES" help:"Floats: memory that the blocks of an input may take, where it can be done with so little (${default}). Of integers quantize decides it."`
	jsonFlag
	common
}

// Help is the long help.
func (*exportCCmd) Help() string {
	return `Examples:

  fdht export c --model runs/first --out c
  cc -std=c99 -O2 -c c/fdht.c
  fdht quantize --model runs/first --bits 8 --out small.safetensors
  fdht export c --model small.safetensors --out c8 --name gesture

NAME.h, NAME.c and NAME_weights.h: C99 without allocation and without a library. NAME.h says how it is used. A frame goes in whole or in parts, as
bytes or as numbers. examples/cortex-m runs such an export on a microcontroller.`
}

// exportedC is what export c --json prints.
type exportedC struct {
	Out       string  `json:"out"`
	Bits      int     `json:"bits"`
	Constants int     `json:"constant_bytes"`
	Workspace int     `json:"workspace_bytes"`
	Ring      int     `json:"ring_bytes,omitempty"` // models of differences: the frames that they look back on
	MAC       float64 `json:"mac_per_frame"`
}

// Run exports.
func (x *exportCCmd) Run(u *ui) error {
	if _, err := os.Lstat(x.Out); err == nil {
		return usage("name a new folder, or remove it", "--out %s: it exists", x.Out)
	}
	if x.Memory < 1 {
		return usage("", "--memory %d: want 1 byte or more", x.Memory)
	}
	f, q, err := quant.Open(modelPath(x.Model))
	if err != nil {
		return err
	}
	bits := 32
	if q != nil {
		bits = q.Bits
	}
	if x.Bits != 0 && x.Bits != bits {
		hint := fmt.Sprintf("make one with fdht quantize --bits %d", x.Bits)
		if x.Bits != 8 && x.Bits != 16 {
			hint = ""
		}
		return usage(hint, "--bits %d: the model file has weights of %d bits", x.Bits, bits)
	}
	var b *c.Build
	if q != nil {
		b, err = c.IntBuild(q)
	} else {
		b, err = c.FloatBuild(f, x.Memory)
	}
	if errors.Is(err, program.ErrBidirectional) {
		return usage("train one without --bidirectional", "--model %s: %w", x.Model, err)
	}
	if err != nil {
		return fmt.Errorf("--model %s: %w", x.Model, err)
	}
	files, err := b.Files(x.Name)
	if err != nil {
		return usage("", "--%w", err)
	}
	if err := c.Write(x.Out, files); err != nil {
		return err
	}
	if x.JSON {
		return u.json(exportedC{x.Out, bits, b.Bytes(), b.Workspace(), b.Ring(), b.MAC})
	}
	ring := ""
	if n := b.Ring(); n > 0 {
		ring = ", frames to look back on " + size(int64(n))
	}
	u.note("%s is written: %s.h, %s.c and %s_weights.h; constants %s, working memory %s%s", x.Out, x.Name, x.Name, x.Name, size(int64(b.Bytes())), size(int64(b.Workspace())), ring)
	return nil
}
