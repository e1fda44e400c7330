package dataset

import (
	"github.com/fdht/fdht/internal/kernel"
	"github.com/fdht/fdht/lags"
)

// view is how a clip was augmented.
type view struct {
	dx, dy int // the picture moved right and down
	flip   bool
	bright float32 // factor; 1 = none
}

func plainView() view { return view{bright: 1} }

// pictures are the decoded frames that a row is made of, or the same part of each: [H][W][SourceChannels].
type pictures struct {
	cur []byte
	old [lags.Max][]byte // of the diff kinds: for each lag the frame so long before
}

// block is how many pixels are worked on at a time: their channels stay in the first cache.
const block = 256

// row writes the floats of a frame. It allocates nothing and may run in several goroutines.
func (in *Input) row(dst []float32, p *pictures, v view) {
	if v.dx == 0 && v.dy == 0 && !v.flip {
		in.span(dst[:in.Size()], p, 0, v.bright)
		return
	}
	oc := in.Channels()
	x0, x1 := max(0, v.dx), min(in.Width, in.Width+v.dx) // target columns that have a source
	for y := range in.Height {
		line := dst[y*in.Width*oc : (y+1)*in.Width*oc]
		sy := y - v.dy
		if sy < 0 || sy >= in.Height || x0 >= x1 {
			clear(line)
			continue
		}
		clear(line[:x0*oc])
		clear(line[x1*oc:])
		if v.flip {
			in.mirrored(line[x0*oc:x1*oc], p, sy*in.Width+in.Width-(x1-v.dx), v.bright)
		} else {
			in.span(line[x0*oc:x1*oc], p, sy*in.Width+x0-v.dx, v.bright)
		}
	}
}

// mirrored converts the neighbouring pixels from the one at from on, the last first.
func (in *Input) mirrored(dst []float32, p *pictures, from int, bright float32) {
	var room [(1 + lags.Max) * block]byte // the frame, and as many before it; or one frame of 3 bytes a pixel
	c, oc := in.SourceChannels(), in.Channels()
	var turned pictures
	for n := len(dst) / oc; n > 0; { // n pixels are left, those from on to from+n
		m := min(n, block)
		n -= m
		lo, hi := (from+n)*c, (from+n+m)*c
		turned.cur = reverse(room[:m*c], p.cur[lo:hi], c)
		for k := range in.Lag.Len() {
			turned.old[k] = reverse(room[(1+k)*block:][:m], p.old[k][lo:hi], 1)
		}
		in.span(dst[:m*oc], &turned, 0, bright)
		dst = dst[m*oc:]
	}
}

// reverse writes the pixels of src, of c bytes each, the last first.
func reverse(dst, src []byte, c int) []byte {
	if c == 1 {
		for i, v := range src {
			dst[len(src)-1-i] = v
		}
		return dst
	}
	for i := 0; i < len(src); i += c {
		copy(dst[len(src)-c-i:], src[i:i+c])
	}
	return dst
}

// span converts the neighbouring pixels from the one at from on, as many as dst takes.
func (in *Input) span(dst []float32, p *pictures, from int, bright float32) {
	const unit = float32(1) / 255
	switch oc := in.Channels(); {
	case in.Kind == RGB:
		kernel.FromU8(dst, p.cur[from*3:], unit*bright, 0)
	case in.Kind == Grey:
		kernel.FromU8(dst, p.cur[from:], unit, 0)
	case oc == 1:
		kernel.DiffU8(dst, p.cur[from:], p.old[0][from:], in.Gain*unit, -1, 1)
	default:
		in.interleaved(dst, oc, p, from)
	}
}

// interleaved converts pixels of several channels of grey: a block of each by itself, then side by side.
func (in *Input) interleaved(dst []float32, oc int, p *pictures, from int) {
	const unit = float32(1) / 255
	var room [2][block]float32
	for ; len(dst) > 0; from += block {
		n := min(len(dst)/oc, block)
		cur := p.cur[from:][:n]
		for c := range oc {
			ch := room[c%2][:n]
			lag := c
			if in.Kind == GreyDiff {
				lag--
			}
			if lag < 0 {
				kernel.FromU8(ch, cur, unit, 0)
			} else {
				kernel.DiffU8(ch, cur, p.old[lag][from:], in.Gain*unit, -1, 1)
			}
			if oc == 2 && c == 1 {
				kernel.Interleave(dst[:2*n], room[0][:n], ch)
			} else if oc > 2 {
				spread(dst[c:n*oc], ch, oc)
			}
		}
		dst = dst[n*oc:]
	}
}

// spread writes src to every step-th place of dst.
func spread(dst, src []float32, step int) {
	i := 0
	for _, v := range src {
		dst[i] = v
		i += step
	}
}
