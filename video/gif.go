package video

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"io"
)

// readGIF yields an animated GIF as a viewer shows it: each picture laid over the canvas, then disposed of as its
// control block says. The standard decoder holds all pictures of a file at once, which a small hostile file can make
// gigabytes of; so the blocks are walked here and each picture is given to that decoder as a GIF of its own. At
// any time there are the canvas, a copy of it and one picture.
func readGIF(ctx context.Context, r *bufio.Reader, o Options, out func(Frame) bool) error {
	g := gifReader{r: r, limits: o.Limits}
	if err := g.header(); err != nil {
		return gifErr(err)
	}
	canvas := image.NewRGBA(image.Rect(0, 0, g.w, g.h)) // transparent, shown as black
	rgb := make([]byte, 3*g.w*g.h)
	var before []byte
	s := shaper{o: o}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		img, disposal, err := g.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("gif picture %d: %w", n+1, gifErr(err))
		}
		if disposal == gif.DisposalPrevious {
			before = append(before[:0], canvas.Pix...)
		}
		draw.Draw(canvas, img.Bounds(), img, img.Bounds().Min, draw.Over)
		dropAlpha(rgb, canvas.Pix)
		if !out(s.frame(rgb, g.h, g.w, 3)) {
			return nil
		}
		switch disposal {
		case gif.DisposalPrevious:
			copy(canvas.Pix, before)
		case gif.DisposalBackground:
			draw.Draw(canvas, img.Bounds(), image.Transparent, image.Point{}, draw.Src)
		}
	}
}

// gifReader walks the blocks of a GIF.
type gifReader struct {
	r    *bufio.Reader
	w, h int
	head []byte // header, screen descriptor and global colours: what every single picture needs before it
	one  bytes.Buffer

	limits Limits
}

func (g *gifReader) header() error {
	var b [13]byte
	if _, err := io.ReadFull(g.r, b[:]); err != nil {
		return err
	}
	if sniff(b[:]) != KindGIF {
		return errors.New("not a gif, whatever its name says")
	}
	g.w, g.h = int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))
	if err := g.limits.checkSize(g.w, g.h); err != nil {
		return fmt.Errorf("gif %w", err)
	}
	g.head = append(g.head, "GIF89a"...)
	g.head = append(g.head, b[6:]...)
	if b[10]&0x80 != 0 {
		colours := make([]byte, 3<<(b[10]&7+1))
		if _, err := io.ReadFull(g.r, colours); err != nil {
			return err
		}
		g.head = append(g.head, colours...)
	}
	return nil
}

// next reads up to and with the next picture. io.EOF = the trailer was reached.
func (g *gifReader) next() (image.Image, byte, error) {
	g.one.Reset()
	g.one.Write(g.head)
	var disposal byte
	for {
		c, err := g.r.ReadByte()
		if err != nil {
			return nil, 0, io.ErrUnexpectedEOF // a whole GIF ends with its trailer
		}
		switch c {
		case 0x3b: // trailer
			return nil, 0, io.EOF
		case 0x21: // extension
			label, err := g.r.ReadByte()
			if err != nil {
				return nil, 0, io.ErrUnexpectedEOF
			}
			mark := g.one.Len()
			g.one.Write([]byte{0x21, label})
			if err := g.blocks(); err != nil {
				return nil, 0, err
			}
			if block := g.one.Bytes()[mark:]; label == 0xf9 && len(block) == 8 && block[2] == 4 {
				disposal = block[3] >> 2 & 7
			} else {
				g.one.Truncate(mark) // comments and application data are no part of the picture
			}
		case 0x2c: // picture
			d := make([]byte, 9)
			if _, err := io.ReadFull(g.r, d); err != nil {
				return nil, 0, io.ErrUnexpectedEOF
			}
			g.one.WriteByte(0x2c)
			g.one.Write(d)
			if d[8]&0x80 != 0 {
				if _, err := io.CopyN(&g.one, g.r, 3<<(d[8]&7+1)); err != nil {
					return nil, 0, io.ErrUnexpectedEOF
				}
			}
			if _, err := io.CopyN(&g.one, g.r, 1); err != nil { // code size
				return nil, 0, io.ErrUnexpectedEOF
			}
			if err := g.blocks(); err != nil {
				return nil, 0, err
			}
			g.one.WriteByte(0x3b)
			img, err := gif.Decode(&g.one)
			return img, disposal, err
		default:
			return nil, 0, fmt.Errorf("unknown block 0x%02x", c)
		}
	}
}

// blocks copies data sub-blocks up to and with the empty one that ends them.
func (g *gifReader) blocks() error {
	for {
		n, err := g.r.ReadByte()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		g.one.WriteByte(n)
		if n == 0 {
			return nil
		}
		if _, err := io.CopyN(&g.one, g.r, int64(n)); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
}

func gifErr(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the gif is cut short; get a whole copy or leave it out")
	}
	return err
}
