package video

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const (
	y4mMagic    = "YUV4MPEG2"
	y4mMaxLine  = 1024    // of the header and of each FRAME line
	y4mMaxFrame = 1 << 27 // bytes of a frame, planes together
)

// y4mHeader is what the first line of a y4m stream says.
type y4mHeader struct {
	w, h   int
	cw, ch int  // size of each chroma plane; 0 = mono
	full   bool // samples use 0..255 rather than 16..235
}

// parseY4M reads a header line without its line end.
func parseY4M(line string, l Limits) (y4mHeader, error) {
	var hd y4mHeader
	words := strings.Split(line, " ")
	if words[0] != y4mMagic {
		return hd, fmt.Errorf("not a y4m stream: it does not begin with %s", y4mMagic)
	}
	space, mono := "420jpeg", false
	colourRange := ""
	for _, w := range words[1:] {
		if w == "" {
			continue
		}
		var err error
		switch v := w[1:]; w[0] {
		case 'W':
			hd.w, err = strconv.Atoi(v)
		case 'H':
			hd.h, err = strconv.Atoi(v)
		case 'C':
			space = v
		case 'X':
			if r, ok := strings.CutPrefix(v, "COLORRANGE="); ok {
				colourRange = r
			}
		case 'F', 'A':
			n, d, ok := strings.Cut(v, ":")
			if !ok || !digits(n) || !digits(d) {
				err = errors.New("want two numbers with a colon between")
			}
		case 'I':
			if len(v) != 1 || !strings.Contains("?ptbm", v) {
				err = errors.New("want one of ? p t b m")
			}
		default:
			err = errors.New("unknown field")
		}
		if err != nil {
			var num *strconv.NumError
			if errors.As(err, &num) {
				err = num.Err
			}
			return hd, fmt.Errorf("y4m header field %q: %w", w, err)
		}
	}
	if err := l.checkSize(hd.w, hd.h); err != nil {
		return hd, fmt.Errorf("y4m %w", err)
	}
	switch space {
	case "420", "420jpeg", "420mpeg2", "420paldv":
		hd.cw, hd.ch = (hd.w+1)/2, (hd.h+1)/2
	case "422":
		hd.cw, hd.ch = (hd.w+1)/2, hd.h
	case "444":
		hd.cw, hd.ch = hd.w, hd.h
	case "mono":
		mono = true
	default:
		return hd, fmt.Errorf("y4m colour space C%s is not read here: want C420, C422, C444 or Cmono with 8 bits (ffmpeg -pix_fmt yuv420p makes one)", space)
	}
	switch colourRange {
	case "":
		hd.full = mono // grey pictures are full range where nothing is said
	case "FULL":
		hd.full = true
	case "LIMITED":
	default:
		return hd, fmt.Errorf("y4m colour range %q: want FULL or LIMITED", colourRange)
	}
	if hd.bytes() > y4mMaxFrame {
		return hd, fmt.Errorf("y4m frames of %d bytes: at most %d", hd.bytes(), y4mMaxFrame)
	}
	return hd, nil
}

func digits(s string) bool {
	return s != "" && len(s) < 10 && strings.Trim(s, "0123456789") == ""
}

func (hd y4mHeader) bytes() int { return hd.w*hd.h + 2*hd.cw*hd.ch }

// readY4M yields the frames of a y4m stream as they come.
func readY4M(ctx context.Context, r *bufio.Reader, o Options, out func(Frame) bool) error {
	line, err := y4mLine(r)
	if err != nil {
		return fmt.Errorf("y4m header: %w", err)
	}
	hd, err := parseY4M(line, o.Limits)
	if err != nil {
		return err
	}
	var raw, pix []byte
	s := shaper{o: o}
	grey := o.channels() == 1
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := y4mLine(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("y4m frame %d: %w", n, err)
		}
		if line != "FRAME" && !strings.HasPrefix(line, "FRAME ") {
			return fmt.Errorf("y4m frame %d: it should begin with FRAME; the stream is damaged before it", n)
		}
		if raw, err = readGrowing(r, raw, hd.bytes()); err != nil {
			return fmt.Errorf("y4m frame %d: %w", n, err)
		}
		c := 3
		if grey || hd.cw == 0 {
			c = 1
		}
		if pix == nil {
			pix = make([]byte, hd.w*hd.h*c)
		}
		if c == 1 {
			hd.grey(pix, raw)
		} else {
			hd.rgb(pix, raw)
		}
		if !out(s.frame(pix, hd.h, hd.w, c)) {
			return nil
		}
	}
}

// readGrowing fills n bytes, taking memory only as data comes: a header may promise more than there is.
func readGrowing(r io.Reader, buf []byte, n int) ([]byte, error) {
	if cap(buf) >= n {
		buf = buf[:n]
		if _, err := io.ReadFull(r, buf); err != nil {
			return buf, errors.New("cut short; get a whole copy or leave it out")
		}
		return buf, nil
	}
	var b bytes.Buffer
	if m, err := io.CopyN(&b, r, int64(n)); err != nil {
		return nil, fmt.Errorf("cut short: %d of %d bytes; get a whole copy or leave it out", m, n)
	}
	return b.Bytes(), nil
}

// y4mLine reads a line without its end. io.EOF = nothing was left.
func y4mLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		c, err := r.ReadByte()
		if err == io.EOF && len(line) > 0 {
			return "", errors.New("cut short; get a whole copy or leave it out")
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(line), nil
		}
		if line = append(line, c); len(line) > y4mMaxLine {
			return "", fmt.Errorf("line of more than %d bytes", y4mMaxLine)
		}
	}
}

// grey writes the luma plane as full range [h,w].
func (hd y4mHeader) grey(dst, raw []byte) {
	if hd.full {
		copy(dst, raw)
		return
	}
	for i := range dst {
		dst[i] = clamp8((int(raw[i])-16)*lumaGain + 1<<15)
	}
}

// Fixed-point (16 bits) Rec. 601 factors: limited-range luma to full, and chroma to full-range R, G, B.
const (
	lumaGain   = 76309 // 255/219
	crR, cbB   = 104597, 132201
	cbG, crG   = 25675, 53279
	fullR      = 91881 // 1.402
	fullB      = 116130
	fullGb     = 22554
	fullGr     = 46802
	fixedShift = 16
)

// rgb writes [h,w,3] from the planes; each chroma sample stands for the pixels it covers.
func (hd y4mHeader) rgb(dst, raw []byte) {
	luma, cb := raw[:hd.w*hd.h], raw[hd.w*hd.h:]
	cr := cb[hd.cw*hd.ch:]
	gain, base, r, gb, gr, b := lumaGain, 16, crR, cbG, crG, cbB
	if hd.full {
		gain, base, r, gb, gr, b = 1<<fixedShift, 0, fullR, fullGb, fullGr, fullB
	}
	sx, sy := 0, 0
	if hd.cw != hd.w {
		sx = 1
	}
	if hd.ch != hd.h {
		sy = 1
	}
	i := 0
	for y := range hd.h {
		row := (y >> sy) * hd.cw
		for x := range hd.w {
			v := (int(luma[y*hd.w+x])-base)*gain + 1<<15
			u, w := int(cb[row+x>>sx])-128, int(cr[row+x>>sx])-128
			dst[i] = clamp8(v + r*w)
			dst[i+1] = clamp8(v - gb*u - gr*w)
			dst[i+2] = clamp8(v + b*u)
			i += 3
		}
	}
}

func clamp8(fixed int) byte { return byte(min(max(fixed>>fixedShift, 0), 255)) }

// readFile opens a GIF or y4m file.
func readFile(ctx context.Context, path string, kind Kind, o Options, out func(Frame) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(fileErr(path, err))
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	if kind == KindGIF {
		return readGIF(ctx, r, o, out)
	}
	return readY4M(ctx, r, o, out)
}

// readStream tells the kind by the first bytes.
func readStream(ctx context.Context, r io.Reader, o Options, out func(Frame) bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	head, err := in.Peek(len(y4mMagic))
	if err != nil {
		if err == io.EOF && len(head) == 0 {
			return errors.New("nothing came")
		}
		if err == io.EOF {
			return fmt.Errorf("only %d bytes came, which is no video", len(head))
		}
		return err
	}
	switch sniff(head) {
	case KindY4M:
		return readY4M(ctx, in, o, out)
	case KindGIF:
		return readGIF(ctx, in, o, out)
	}
	return readFFmpeg(ctx, "", in, o, out)
}
