// Package cli is the program fdht: one file a subcommand, and ui.go with all that is printed for people.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1 // a check failed: the command did its work and found something wrong
	ExitUsage  = 2 // the command line or a configuration file is wrong; nothing was done
	ExitError  = 3 // something went wrong while running, or the run was stopped
)

// Command is the program with what it reads from and writes to.
type Command struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// root is the command line.
type root struct {
	Demo       demoCmd       `cmd:"" help:"Make motion clips, train a small network on them and show what it can do: one minute, no download."`
	Plan       planCmd       `cmd:"" help:"Propose structures for a matrix: modes, tree and ranks under a weight budget, with what each costs."`
	Train      trainCmd      `cmd:"" help:"Train a network on labelled clips."`
	Eval       evalCmd       `cmd:"" help:"Measure a model on labelled clips: top-1, top-5, each class, confusion."`
	Predict    predictCmd    `cmd:"" help:"Say what is in video files, image folders or feature arrays."`
	Info       infoCmd       `cmd:"" help:"Say what a model file holds and costs."`
	Compress   compressCmd   `cmd:"" help:"Make a trained network small: its matrices as HT, TT, TR or BT."`
	Quantize   quantizeCmd   `cmd:"" help:"Make a model file of 8- or 16-bit integers, and say what it costs in accuracy."`
	Import     importCmd     `cmd:"" help:"Make a model of a PyTorch state dict."`
	Export     exportCmd     `cmd:"" help:"Write a model for other programs."`
	Serve      serveCmd      `cmd:"" help:"Put models behind an address: an HTTP API, live streams, and a page to try them."`
	Data       dataCmd       `cmd:"" help:"Look through, split or cache a data folder, or write made clips."`
	Experiment experimentCmd `cmd:"" help:"Train a matrix of networks, choose their settings by cross-validation, and write a page of results."`
	Features   featuresCmd   `cmd:"" help:"Compute the features of clips with a CNN in an ONNX file."`
	Bench      benchCmd      `cmd:"" help:"Measure the speed of this machine: kernels against its peak, frames, clips, training steps."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// Main runs the program on its arguments and returns the exit code. Ctrl-C stops it in order; a second one at once.
func (c Command) Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here the signal has its usual effect again
	return c.Run(ctx, args)
}

// exited is how kong's request to end the process comes back to us, after it has printed help.
type exited int

// Run runs the program until ctx ends.
func (c Command) Run(ctx context.Context, args []string) (code int) {
	u := newUI(c)
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var cmd root
	parser, err := kong.New(&cmd,
		kong.Name("fdht"),
		kong.Description("Extremely compact recurrent networks (FDHT-LSTM) for video recognition.\n\nStart with: fdht demo"),
		kong.Writers(c.Stdout, c.Stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
		kong.WithHyphenPrefixedParameters(true),
		kong.ExplicitGroups(flagGroups()),
		kong.Bind(u),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // a mistake in our own struct tags
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return u.fail(ctx, parseError(err, args))
	}
	err = parsed.Run()
	if e := u.stopProfile(); err == nil {
		err = e
	}
	return u.fail(ctx, err)
}

// parseError makes a usage error of what the parser says.
func parseError(err error, args []string) error {
	var u *usageError
	if errors.As(err, &u) {
		return u
	}
	text := err.Error()
	hint := "run fdht --help"
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil {
		if sel := p.Context.Selected(); sel != nil {
			hint = "run fdht " + strings.TrimPrefix(sel.FullPath(), "fdht ") + " --help"
		}
	}
	return &usageError{err: errors.New(text), hint: hint}
}

// common are the flags of every command.
type common struct {
	Quiet   bool   `short:"q" help:"Print nothing but results and errors." config:"-" group:"common"`
	Verbose bool   `short:"v" help:"Say more on stderr." config:"-" group:"common"`
	Profile string `placeholder:"FILE" type:"path" help:"Write where the time goes to FILE, for go tool pprof." config:"-" group:"common"`
}

// AfterApply hands the flags to the ui.
func (c *common) AfterApply(u *ui) error {
	u.quiet, u.verbose = c.Quiet, c.Verbose
	return u.startProfile(c.Profile)
}

// jsonFlag is the flag of every command that reports.
type jsonFlag struct {
	JSON bool `name:"json" help:"Report as JSON on stdout." config:"-" group:"common"`
}

func flagGroups() []kong.Group {
	return []kong.Group{
		{Key: "data", Title: "Data:"},
		{Key: "split", Title: "Split:"},
		{Key: "frames", Title: "Frames:"},
		{Key: "torch", Title: "PyTorch state dict:"},
		{Key: "model", Title: "Model:"},
		{Key: "upper", Title: "Layers above the first:"},
		{Key: "recurrent", Title: "Hidden half, with --scope split:"},
		{Key: "training", Title: "Training:"},
		{Key: "augment", Title: "Augmentation:"},
		{Key: "server", Title: "Server:"},
		{Key: "limits", Title: "Limits:"},
		{Key: "common", Title: "Common:"},
	}
}
