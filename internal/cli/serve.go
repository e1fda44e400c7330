package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fdht/fdht/serve"
)

// serveCmd is fdht serve.
type serveCmd struct {
	Model     []string `required:"" sep:"none" placeholder:"M" group:"model" help:"Model file, or the folder of a run; NAME=M gives it a name of its own. Several --model serve several; the first one is the default."`
	Addr      string   `default:"127.0.0.1:8080" placeholder:"HOST:PORT" group:"server" help:"Where to listen (${default}); port 0 takes a free one. Any address but loopback needs --token-file or --insecure."`
	TokenFile string   `placeholder:"FILE" group:"server" help:"The token that requests must bring, the first line of FILE; without it FDHT_TOKEN of the environment, if set."`
	Insecure  bool     `group:"server" help:"Listen on any address without a token: whoever reaches it may use it."`
	Host      []string `placeholder:"NAME" group:"server" help:"A name that this server is reached by, where there is no token. IP addresses and localhost are known."`
	FFmpeg    string   `name:"ffmpeg" placeholder:"PROGRAM" group:"server" help:"The ffmpeg program; left out: the one on the PATH."`
	serveLimits
	common
}

// serveLimits are the bounds, each a flag.
type serveLimits struct {
	MaxBody        byteSize      `default:"64MiB" placeholder:"SIZE" group:"limits" help:"Bytes of an upload (${default})."`
	MaxUploads     int           `default:"32" placeholder:"N" group:"limits" help:"Uploads at the same time; more are refused (${default})."`
	UploadTime     time.Duration `default:"30s" group:"limits" help:"For a request to arrive as a whole (${default})."`
	MaxPixels      int           `default:"2088960" placeholder:"N" group:"limits" help:"Height x width of a frame, in a clip or a stream (${default})."`
	MaxFrames      int           `default:"3000" placeholder:"N" group:"limits" help:"Frames, or rows, of a clip (${default})."`
	FFmpegTime     time.Duration `name:"ffmpeg-time" default:"30s" group:"limits" help:"To decode a clip (${default}); then ffmpeg is killed."`
	FFmpegMemory   byteSize      `name:"ffmpeg-memory" default:"2GiB" placeholder:"SIZE" group:"limits" help:"Address space of an ffmpeg process, on Linux (${default})."`
	MaxPredictions int           `default:"0" placeholder:"N" group:"limits" help:"Clips decoded at the same time; others wait (0: one a processor)."`
	MaxStreams     int           `default:"1024" placeholder:"N" group:"limits" help:"Streams at the same time; more are refused (${default})."`
	Queue          int           `default:"2" placeholder:"N" group:"limits" help:"Frames of a stream that wait; one more drops the oldest (${default})."`
	Batch          int           `default:"32" placeholder:"N" group:"limits" help:"Streams in one step of the network (${default})."`
	Workers        int           `default:"0" placeholder:"N" group:"limits" help:"Steps of a model at the same time (0: one a processor)."`
	MaxMessage     byteSize      `default:"8MiB" placeholder:"SIZE" group:"limits" help:"Bytes of a message of a stream (${default})."`
	HelloTime      time.Duration `default:"5s" group:"limits" help:"For the first message of a stream (${default})."`
	IdleTime       time.Duration `default:"60s" group:"limits" help:"Without a message until a stream ends, or without a request a connection (${default})."`
	WriteTime      time.Duration `default:"10s" group:"limits" help:"For a client to take an answer (${default})."`
	MaxConnections int           `default:"4096" placeholder:"N" group:"limits" help:"Connections at the same time; more are refused (${default})."`
	MaxHeader      byteSize      `default:"16KiB" placeholder:"SIZE" group:"limits" help:"Bytes of a request's headers (${default})."`
	HeaderTime     time.Duration `default:"5s" group:"limits" help:"For them to arrive (${default})."`
	DrainTime      time.Duration `default:"10s" group:"limits" help:"For what is under way when the server is told to stop (${default})."`
}

// Help is the long help.
func (*serveCmd) Help() string {
	return `Examples:

  fdht serve --model runs/first
  fdht serve --model first=runs/first --model small=small.safetensors --addr 0.0.0.0:8080 --token-file token.txt
  curl -F clip=@clip.mp4 http://127.0.0.1:8080/v1/predict

The page is at the address itself, the API's text at /docs and /openapi.json. Ctrl-C or SIGTERM ends it when what is under way is done. Frames of a stream that
come faster than they are answered are dropped, the oldest first, and the client is told how many.`
}

// Run serves until the command is told to stop.
func (c *serveCmd) Run(ctx context.Context, u *ui) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return usage("", "--addr %s: want HOST:PORT", c.Addr)
	}
	if o.Token == "" && !c.Insecure && !serve.Loopback(c.Addr) {
		return usage("--token-file FILE asks for a token; --insecure says that everyone who reaches this address may use it", "--addr %s can be reached from other machines and there is no token", c.Addr)
	}
	if err := c.positive(); err != nil {
		return err
	}
	level := slog.LevelInfo
	if u.verbose {
		level = slog.LevelDebug
	}
	if u.quiet {
		level = slog.LevelError
	}
	o.Log = slog.New(slog.NewTextHandler(u.err, &slog.HandlerOptions{Level: level}))
	var models []serve.Named
	for _, m := range c.Model {
		name, path := modelName(m)
		n, err := serve.Open(name, modelPath(path))
		if err != nil {
			return err
		}
		models = append(models, n)
	}
	s, err := serve.New(models, o)
	if err != nil {
		return &usageError{err: err}
	}
	defer s.Close()
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return usage("choose another one with --addr", "--addr %s: %w", c.Addr, bareNet(err))
	}
	u.note("serving %s at http://%s/ (API: http://%s/docs)", strings.Join(names(models), ", "), l.Addr(), l.Addr())
	return s.Serve(ctx, l)
}

// positive looks at the bounds whose flags take any number.
func (l *serveLimits) positive() error {
	for _, f := range []struct {
		flag     string
		n, least int
	}{
		{"max-uploads", l.MaxUploads, 1}, {"max-pixels", l.MaxPixels, 1}, {"max-frames", l.MaxFrames, 1}, {"max-streams", l.MaxStreams, 1}, {"queue", l.Queue, 1},
		{"batch", l.Batch, 1}, {"max-connections", l.MaxConnections, 1}, {"max-predictions", l.MaxPredictions, 0}, {"workers", l.Workers, 0},
	} {
		if f.n < f.least {
			return usage("leave it out for its default", "--%s %d: want %d or more", f.flag, f.n, f.least)
		}
	}
	for _, f := range []struct {
		flag string
		t    time.Duration
	}{
		{"upload-time", l.UploadTime}, {"ffmpeg-time", l.FFmpegTime}, {"hello-time", l.HelloTime}, {"idle-time", l.IdleTime}, {"write-time", l.WriteTime},
		{"header-time", l.HeaderTime}, {"drain-time", l.DrainTime},
	} {
		if f.t <= 0 {
			return usage("leave it out for its default", "--%s %v: want more than 0", f.flag, f.t)
		}
	}
	return nil
}

func (c *serveCmd) options() (serve.Options, error) {
	o := serve.Options{
		Hosts: c.Host, FFmpeg: c.FFmpeg,
		BodyBytes: int64(c.MaxBody), Uploads: c.MaxUploads, UploadTime: c.UploadTime, FramePixels: c.MaxPixels, Frames: c.MaxFrames,
		FFmpegTime: c.FFmpegTime, FFmpegMemory: int64(c.FFmpegMemory), Predictions: c.MaxPredictions,
		Streams: c.MaxStreams, Queue: c.Queue, Batch: c.Batch, Workers: c.Workers, MessageBytes: int64(c.MaxMessage),
		HelloTime: c.HelloTime, IdleTime: c.IdleTime, WriteTime: c.WriteTime,
		Connections: c.MaxConnections, HeaderBytes: int(c.MaxHeader), HeaderTime: c.HeaderTime, DrainTime: c.DrainTime,
	}
	var err error
	o.Token, err = token(c.TokenFile)
	return o, err
}

// token reads the token of a file, or of the environment; "" = there is none.
func token(file string) (string, error) {
	if file == "" {
		return os.Getenv("FDHT_TOKEN"), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", usage("", "--token-file %s: %w", file, bare(err))
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("put the token into its first line; openssl rand -hex 32 makes one", "--token-file %s: its first line is empty", file)
	}
	return line, nil
}

// modelName splits NAME=PATH. Without a name it is that of the run's folder, or of the file without its ending.
func modelName(text string) (name, path string) {
	if name, path, ok := strings.Cut(text, "="); ok && name != "" && !strings.ContainsAny(name, `/\.`) {
		return name, path
	}
	name = filepath.Base(filepath.Clean(text))
	if name == "model.safetensors" {
		if abs, err := filepath.Abs(text); err == nil {
			return filepath.Base(filepath.Dir(abs)), text
		}
	}
	return strings.TrimSuffix(name, ".safetensors"), text
}

func names(models []serve.Named) (out []string) {
	for _, m := range models {
		out = append(out, m.Name)
	}
	return out
}

// bareNet is why listening failed, without the address that the caller names.
func bareNet(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// byteSize is a number of bytes on the command line: 1048576, 64KiB, 8MiB, 2GiB.
type byteSize int64

// UnmarshalText reads one.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, shift := string(text), 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, shift = n, 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > 1<<50>>shift {
		return fmt.Errorf("%q: want a number of bytes, or of KiB, MiB or GiB, such as 64MiB", text)
	}
	*b = byteSize(n << shift)
	return nil
}
