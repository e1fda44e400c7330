package video

// resizer resamples 8-bit pictures of one size to another, with the area each target pixel covers when it shrinks
// and linearly when it grows, rows and columns apart. It keeps its tables and workspace between frames.
type resizer struct {
	h, w, c, toH, toW int
	rows, cols        []span
	straight          bool      // a row is taken as it is
	line              []float32 // [toW*c], one resampled source row
	acc               []float32 // [toW*c]
}

// span is what one target position takes from source positions at..at+len(weight)-1; weights sum to 1, or to less where a part of the target
// lies outside of the source.
type span struct {
	at     int
	weight []float32
}

func newResizer(h, w, c, toH, toW int, b *Box) *resizer {
	straight := b == nil && w == toW
	if b == nil {
		b = &Box{Height: float64(h), Width: float64(w)}
	}
	return &resizer{h, w, c, toH, toW, spans(h, toH, b.Y, b.Height), spans(w, toW, b.X, b.Width), straight, make([]float32, toW*c), make([]float32, toW*c)}
}

// The conversions of products keep processors that could from adding at once: frames are the same on all.

// spans makes `to` positions of the stretch of `size` source positions that begins at origin; there are `from` of them.
func spans(from, to int, origin, size float64) []span {
	out := make([]span, to)
	step := size / float64(to)
	for i := range out {
		if step < 1 { // grow: the two source pixels around the target's centre
			x := origin + float64((float64(i)+0.5)*step) - 0.5
			if x < -0.5 || x > float64(from)-0.5 {
				continue // outside
			}
			x = min(max(x, 0), float64(from-1))
			at := min(int(x), max(from-2, 0))
			f := float32(x - float64(at))
			out[i] = span{at, []float32{1 - f, f}}
			if from == 1 {
				out[i].weight = []float32{1}
			}
			continue
		}
		lo, hi := origin+float64(float64(i)*step), origin+float64(float64(i+1)*step)
		at, end := int(max(lo, 0)), min(int(max(hi, 0)+0.999999), from)
		weight := make([]float32, max(end-at, 0))
		for k := range weight {
			part := min(hi, float64(at+k+1)) - max(lo, float64(at+k))
			weight[k] = float32(max(part, 0) / step)
		}
		out[i] = span{at, weight}
	}
	return out
}

// run resamples src [h,w,c] into dst [toH,toW,c].
func (r *resizer) run(dst, src []byte) {
	c := r.c
	for y, rs := range r.rows {
		clear(r.acc)
		for k, wy := range rs.weight {
			row := src[(rs.at+k)*r.w*c : (rs.at+k+1)*r.w*c]
			r.across(row)
			for i, v := range r.line {
				r.acc[i] += float32(wy * v)
			}
		}
		out := dst[y*r.toW*c : (y+1)*r.toW*c]
		for i, v := range r.acc {
			out[i] = byte(min(v+0.5, 255))
		}
	}
}

func (r *resizer) across(row []byte) {
	c := r.c
	if r.straight {
		for i, v := range row {
			r.line[i] = float32(v)
		}
		return
	}
	for x, cs := range r.cols {
		for ch := range c {
			var s float32
			for k, wx := range cs.weight {
				s += float32(wx * float32(row[(cs.at+k)*c+ch]))
			}
			r.line[x*c+ch] = s
		}
	}
}

// luma is Rec. 601 luma of full-range RGB, rounded.
func luma(r, g, b byte) byte {
	return byte((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// shaper turns pictures as they were read into frames as they were asked for.
type shaper struct {
	o    Options
	size *resizer
	grey []byte
	out  []byte
}

// frame makes the frame that o asks for of src [h,w,c]. The result may share memory with src or with the last frame.
func (s *shaper) frame(src []byte, h, w, c int) Frame {
	want := s.o.channels()
	if c != want {
		n := h * w
		if cap(s.grey) < n*want {
			s.grey = make([]byte, n*want)
		}
		conv := s.grey[:n*want]
		if want == 1 {
			for i := range conv {
				conv[i] = luma(src[3*i], src[3*i+1], src[3*i+2])
			}
		} else {
			for i, v := range src[:n] {
				conv[3*i], conv[3*i+1], conv[3*i+2] = v, v, v
			}
		}
		src, c = conv, want
	}
	if s.o.Height == 0 || (s.o.Box == nil && s.o.Height == h && s.o.Width == w) {
		return Frame{h, w, c, src}
	}
	if s.size == nil || s.size.h != h || s.size.w != w {
		s.size = newResizer(h, w, c, s.o.Height, s.o.Width, s.o.Box)
		s.out = make([]byte, s.o.Height*s.o.Width*c)
	}
	s.size.run(s.out, src)
	return Frame{s.o.Height, s.o.Width, c, s.out}
}
