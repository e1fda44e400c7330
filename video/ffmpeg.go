package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ffmpegArgs builds the command line. Frames leave as PGM or PPM pictures one after another, so that each says its own
// size and nothing has to be asked beforehand. setpts and -r 1 give the frames one tick each: every decoded frame
// comes out once, whatever the time stamps say, with every version of ffmpeg (the option for it was renamed).
func ffmpegArgs(input string, o Options, live bool) []string {
	args := append([]string{"-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe"}, o.Limits.ffmpegArgs()...)
	if live {
		// Frame threads hold frames back, and probing reads ahead: both cost latency. (-fflags nobuffer would cost
		// the frames that probing has read.)
		args = append(args, "-flags", "low_delay", "-probesize", "65536", "-analyzeduration", "0", "-threads", "1")
	} else if o.Threads > 0 {
		args = append(args, "-threads", strconv.Itoa(o.Threads))
	}
	filter, codec := "setpts=N/TB", "ppm"
	if o.Height > 0 && o.Box == nil { // a box is cut out here: ffmpeg has none that begins between two pixels or beyond the picture
		filter += fmt.Sprintf(",scale=%d:%d:flags=area+accurate_rnd+full_chroma_int+bitexact", o.Width, o.Height)
	}
	if o.channels() == 1 {
		filter, codec = filter+",format=gray", "pgm"
	} else {
		filter += ",format=rgb24"
	}
	return append(args, "-i", input, "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", filter, "-r", "1",
		"-c:v", codec, "-f", "image2pipe", "-flush_packets", "1", "pipe:1")
}

func findFFmpeg(name string) (string, error) {
	if name == "" {
		name = "ffmpeg"
	}
	p, err := exec.LookPath(name)
	if err != nil {
		if name != "ffmpeg" {
			return "", fmt.Errorf("ffmpeg program %s: %w", name, ErrNoFFmpeg)
		}
		return "", ErrNoFFmpeg
	}
	return p, nil
}

// readFFmpeg decodes a file, or r when it is not nil, through an ffmpeg process.
func readFFmpeg(caller context.Context, path string, r io.Reader, o Options, out func(Frame) bool) error {
	prog, err := findFFmpeg(o.FFmpeg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(caller)
	defer cancel()
	input := "pipe:0"
	if r == nil {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		input = "file:" + abs // a name that looks like an option or a protocol stays a file name
	}
	cmd := exec.CommandContext(ctx, prog, ffmpegArgs(input, o, r != nil)...)
	alone(cmd)
	cmd.Stdin = r
	cmd.WaitDelay = 2 * time.Second // a source that blocks must not keep us after the process is gone
	var complaint tail
	cmd.Stderr = &complaint
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", prog, err)
	}
	if err := o.Limits.confine(cmd.Process.Pid); err != nil && !errors.Is(err, syscall.ESRCH) { // unless it is over already
		cancel()
		_ = cmd.Wait()
		return fmt.Errorf("cannot bound the memory of %s: %w", prog, err)
	}
	defer context.AfterFunc(ctx, func() { pipe.Close() })() // whoever else may have the other end
	in := bufio.NewReaderSize(pipe, 1<<16)
	count := 0
	var pix []byte
	var readErr error
	stopped, rest := false, shaper{o: o} // what ffmpeg was not asked to do
	for !stopped {
		var f Frame
		f, readErr = readPNM(in, pix)
		if readErr != nil {
			break
		}
		pix = f.Pix
		count++
		stopped = !out(rest.frame(f.Pix, f.Height, f.Width, f.Channels))
	}
	if stopped {
		cancel()
		_ = cmd.Wait() // killed by us: its error says nothing
		return nil
	}
	if readErr != io.EOF {
		cancel()
	}
	waitErr := cmd.Wait()
	said := complaint.text()
	switch {
	case caller.Err() != nil:
		return context.Cause(caller)
	case readErr != io.EOF:
		return fmt.Errorf("what ffmpeg sent is cut short or unreadable after frame %d (%w)%s", count, readErr, orSaid(said))
	case waitErr != nil && !(errors.Is(waitErr, exec.ErrWaitDelay) && count > 0):
		return fmt.Errorf("ffmpeg cannot decode it after frame %d: %s; get a whole copy, or convert it to y4m or images", count, orElse(said, waitErr.Error()))
	case count == 0:
		return fmt.Errorf("%w%s", ErrNoFrames, orSaid(said))
	}
	if said != "" && o.Warn != nil {
		o.Warn(said)
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func orSaid(s string) string {
	if s == "" {
		return ""
	}
	return ": ffmpeg says: " + s
}

// readPNM reads one P5 or P6 picture as ffmpeg writes it, into buf when that is large enough. io.EOF = no more.
func readPNM(r *bufio.Reader, buf []byte) (Frame, error) {
	var f Frame
	magic, err := pnmWord(r)
	if err != nil {
		return f, err
	}
	switch magic {
	case "P5":
		f.Channels = 1
	case "P6":
		f.Channels = 3
	default:
		return f, fmt.Errorf("picture header %q", magic)
	}
	var v [3]int
	for i := range v {
		w, err := pnmWord(r)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return f, err
		}
		if v[i], err = strconv.Atoi(w); err != nil || v[i] <= 0 || v[i] > MaxPixels {
			return f, fmt.Errorf("picture header value %q", w)
		}
	}
	f.Width, f.Height = v[0], v[1]
	if v[2] != 255 || int64(f.Width)*int64(f.Height) > MaxPixels {
		return f, fmt.Errorf("picture of %dx%d, largest value %d", f.Width, f.Height, v[2])
	}
	if f.Pix, err = readGrowing(r, buf, f.Height*f.Width*f.Channels); err != nil {
		return f, io.ErrUnexpectedEOF
	}
	return f, nil
}

// pnmWord reads up to the next white space, which it swallows.
func pnmWord(r *bufio.Reader) (string, error) {
	var word []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && len(word) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			return string(word), nil
		}
		if word = append(word, c); len(word) > 10 {
			return "", fmt.Errorf("picture header word %q", word)
		}
	}
}

// tail keeps the first bytes of what a process writes to its standard error and drops the rest.
type tail struct{ buf []byte }

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[:min(len(p), tailSize-len(t.buf))]...)
	return len(p), nil
}

var (
	addressTag = regexp.MustCompile(`^\[([^\]@]*?) ?@ ?0x[0-9a-f]+\] ?`)
	fileTag    = regexp.MustCompile(`^(file|pipe):.*: `)
)

// text is the complaint on one line: at most three different lines of it, without addresses and paths.
func (t *tail) text() string {
	var lines []string
	seen := map[string]bool{}
	said := string(t.buf)
	if len(said) == tailSize { // the last line is not whole
		said = said[:strings.LastIndexByte(said, '\n')+1]
	}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		line = addressTag.ReplaceAllString(line, "$1: ")
		line = fileTag.ReplaceAllString(line, "")
		line = strings.ToValidUTF8(line, "?")
		if line == "" || seen[line] {
			continue
		}
		seen[line] = true
		if lines = append(lines, line); len(lines) == 3 {
			break
		}
	}
	return strings.Join(lines, "; ")
}
