package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/video"
	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// ui is all that goes to people: results on stdout, everything else on stderr.
type ui struct {
	in             io.Reader
	out, err       io.Writer
	quiet, verbose bool
	terminal       bool // stderr is one: progress bars are drawn

	mu   sync.Mutex
	bars *mpb.Progress // the one being drawn; notes go above it

	profile *os.File // where --profile writes
}

func newUI(c Command) *ui {
	u := &ui{in: c.Stdin, out: c.Stdout, err: c.Stderr}
	u.terminal = cupwriter.New(c.Stderr, false).IsTerminal()
	return u
}

// usageError is a mistake in the command line or a configuration file.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) Hint() string  { return e.hint }

// usage makes a usage error.
func usage(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// hinted is an error with a word on what to do.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }
func (e hinted) Hint() string  { return e.hint }

// errFailed is what a command returns that has reported what it found wrong.
var errFailed = errors.New("check failed")

// fail prints an error and what to do, and returns the exit code.
func (u *ui) fail(ctx context.Context, err error) int {
	if err == nil {
		return ExitOK
	}
	if errors.Is(err, errFailed) {
		return ExitFailed
	}
	if errors.Is(err, errReported) {
		return ExitError
	}
	u.complain(ctx, err)
	var ue *usageError
	if errors.As(err, &ue) {
		return ExitUsage
	}
	return ExitError
}

// errReported is what a command returns whose errors are printed already.
var errReported = errors.New("errors were reported")

// complain prints an error and its hint.
func (u *ui) complain(ctx context.Context, err error) {
	text := err.Error()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "stopped")
	}
	fmt.Fprintf(u.err, "fdht: %s\n", text)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(u.err, "hint: %s\n", hint)
	}
}

// hintFor is what an error says to do by itself, or what we know to do about it.
func hintFor(err error) string {
	var h interface{ Hint() string }
	switch {
	case errors.As(err, &h):
		return h.Hint()
	case errors.Is(err, video.ErrNoFFmpeg): // its text says all
	case errors.Is(err, dataset.ErrTooManyBad):
		return "fdht data check PATH looks through all of the data"
	case errors.Is(err, errNoSpace):
		return "make room on the disk, or choose another folder"
	}
	return ""
}

// note says something on stderr, unless told to be quiet.
func (u *ui) note(format string, args ...any) {
	if !u.quiet {
		u.say(format, args...)
	}
}

// detail says something that only --verbose wants to know.
func (u *ui) detail(format string, args ...any) {
	if u.verbose {
		u.say(format, args...)
	}
}

func (u *ui) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	u.mu.Lock()
	bars := u.bars
	u.mu.Unlock()
	if bars != nil {
		if _, err := bars.Write([]byte(text)); err == nil {
			return
		}
	}
	io.WriteString(u.err, text)
}

// print writes to stdout.
func (u *ui) print(format string, args ...any) error {
	_, err := fmt.Fprintf(u.out, format, args...)
	return err
}

// json writes v to stdout as one line.
func (u *ui) json(v any) error {
	enc := json.NewEncoder(u.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// bar is a progress bar; off a terminal, and with --quiet, it draws nothing.
type bar struct {
	u   *ui
	all *mpb.Progress
	one *mpb.Bar

	mu    sync.Mutex
	text  string
	since time.Time
	from  int // what was done when it began
}

// bar begins one. Only one may be there at a time; end it with done.
func (u *ui) bar(name string) *bar {
	b := &bar{u: u}
	if !u.terminal || u.quiet {
		return b
	}
	b.all = mpb.New(mpb.WithOutput(u.err), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	b.one = b.all.New(0, mpb.BarStyle().Lbound(" ").Rbound(" ").Filler("━").Tip("━").Padding("╌"),
		mpb.PrependDecorators(decor.Name(name)),
		mpb.AppendDecorators(
			decor.Percentage(decor.WC{W: 5}),
			decor.Any(func(decor.Statistics) string {
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.text
			}),
		))
	u.mu.Lock()
	u.bars = b.all
	u.mu.Unlock()
	return b
}

// set moves the bar and replaces the words behind it.
func (b *bar) set(done, total int, format string, args ...any) {
	if b.one == nil {
		return
	}
	b.mu.Lock()
	b.text = "  " + fmt.Sprintf(format, args...)
	if left := b.left(done, total); left != "" {
		b.text += "  " + left
	}
	b.mu.Unlock()
	b.one.SetTotal(int64(total), false)
	b.one.SetCurrent(int64(done))
}

// left is the time that the rest will take, once there is something to go by.
func (b *bar) left(done, total int) string {
	if b.since.IsZero() {
		b.since, b.from = time.Now(), done
	}
	took := time.Since(b.since)
	if done <= b.from || took < time.Second {
		return ""
	}
	rest := time.Duration(float64(took) * float64(total-done) / float64(done-b.from))
	return rest.Round(time.Second).String() + " left"
}

// count is set in the form that dataset and train call.
func (b *bar) count(done, total int) { b.set(done, total, "%d/%d", done, total) }

// done takes the bar away.
func (b *bar) done() {
	if b.one == nil {
		return
	}
	b.one.Abort(true)
	b.all.Wait()
	b.u.mu.Lock()
	b.u.bars = nil
	b.u.mu.Unlock()
}

// self is how the program was called, for commands that it proposes.
func self() string {
	exe, err := os.Executable()
	if err != nil {
		return "fdht"
	}
	if strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run ./cmd/fdht"
	}
	name := os.Args[0]
	if filepath.Base(name) == name || strings.ContainsAny(name, " \t'\"") {
		return strings.TrimSuffix(filepath.Base(name), ".exe")
	}
	return name
}

// percent writes a share.
func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		s = "-" + s
	}
	return s
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%s bytes", thousands(n))
	case n < 10_000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	case n < 10_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
