package dataset

import "math"

// How the class is kept out of single frames. Shapes have places, sizes and looks, all drawn the same way in every class.
// A motion changes the place alone, on a torus: what leaves at one edge comes in at the other, so that a place drawn
// uniformly stays uniform however far it has moved. At every time step place, size and look of every shape are therefore
// independent of the class.

// madeScene is a clip before it is drawn. Lengths are in pixels.
type madeScene struct {
	shapes   []madeShape
	travel   float64 // moved over the clip
	sin, cos float64 // of the direction; y goes down
}

type madeShape struct {
	x, y   float64 // place at the middle of the clip, 0..W and 0..H
	r      float64 // size
	form   int
	weave  int
	pitch  float64    // waves of the texture across the shape
	tone   [2][3]byte // the two colours of the texture
	sin    float64    // of how the shape lies
	cos    float64
	cx, cy float64 // at the frame being drawn
}

const (
	madeForms  = 5
	madeWeaves = 4
	// sizes: radius as parts of the frame's shorter side, smallest and largest
	madeSmall, madeLarge = 0.07, 0.2
)

// madeEighths are the directions in eighths of a turn clockwise from right, in the order of MadeClasses.
func madeEighths() []int { return []int{2, 3, 1, 4, 0, 6, 5, 7} }

// scene draws everything of clip i but its pixels. Nothing but the direction depends on the class.
func (m *Made) scene(i int, rng *source) madeScene {
	side := float64(min(m.o.Input.Height, m.o.Input.Width))
	var s madeScene
	s.shapes = make([]madeShape, 1+rng.intN(m.o.Shapes))
	for k := range s.shapes {
		p := &s.shapes[k]
		p.x, p.y = rng.between(0, float64(m.o.Input.Width)), rng.between(0, float64(m.o.Input.Height))
		p.r = side * madeSmall * math.Pow(madeLarge/madeSmall, rng.float())
		p.sin, p.cos = math.Sincos(rng.between(0, 2*math.Pi))
		p.form, p.weave = rng.intN(madeForms), rng.intN(madeWeaves)
		p.pitch = rng.between(3, 8)
		for c := range 3 {
			light := rng.between(120, 250)
			p.tone[0][c] = byte(light)
			p.tone[1][c] = byte(light * rng.between(0.55, 0.9))
		}
	}
	s.travel = side * rng.between(0.45, 0.85)
	turn := float64(madeEighths()[m.Label(i)])*math.Pi/4 + rng.between(-1, 1)*math.Pi/24
	s.sin, s.cos = math.Sincos(turn)
	return s
}

// pose puts the shapes where they are at frame t of n.
func (s *madeScene) pose(t, n int, h, w float64) {
	at := s.travel * (float64(t)/float64(n-1) - 0.5)
	for k := range s.shapes {
		p := &s.shapes[k]
		p.cx, p.cy = wrap(p.x+at*s.cos, w), wrap(p.y+at*s.sin, h)
	}
}

// wrap brings v into 0..n.
func wrap(v, n float64) float64 {
	v = math.Mod(v, n)
	if v < 0 {
		v += n
	}
	return v
}

// draw makes the frames of clip i.
func (m *Made) draw(i int) []byte {
	in := m.o.Input
	h, w := in.Height, in.Width
	rng := newSource(m.o.Seed, 0x6d616465, i)
	s := m.scene(i, &rng)
	ground := madeGround(h, w, &rng)
	noise := mix(rng.pcg.Uint64())
	n := in.frameBytes()
	out := make([]byte, m.o.Frames*n)
	rgb := make([]byte, 3*h*w)
	for t := range m.o.Frames {
		s.pose(t, m.o.Frames, float64(h), float64(w))
		copy(rgb, ground)
		for k := range s.shapes {
			s.shapes[k].draw(rgb, h, w)
		}
		noise = addNoise(rgb, m.o.Noise, noise)
		frame := out[t*n : (t+1)*n]
		if in.SourceChannels() == 3 {
			copy(frame, rgb)
			continue
		}
		for p := range frame { // Rec. 601 luma
			frame[p] = byte((19595*uint32(rgb[3*p]) + 38470*uint32(rgb[3*p+1]) + 7471*uint32(rgb[3*p+2]) + 1<<15) >> 16)
		}
	}
	return out
}

// madeGround is a dim background: three waves across the picture and a grain, of a colour of its own.
func madeGround(h, w int, rng *source) []byte {
	type wave struct {
		fx, fy, phase float64
		size          [3]float64
	}
	var base [3]float64
	var waves [3]wave
	for c := range base {
		base[c] = rng.between(30, 60)
	}
	for k := range waves {
		f, a := rng.between(0.5, 6), rng.between(0, 2*math.Pi)
		sin, cos := math.Sincos(a)
		waves[k] = wave{fx: 2 * math.Pi * f * cos / float64(w), fy: 2 * math.Pi * f * sin / float64(w), phase: rng.between(0, 2*math.Pi)}
		for c := range 3 {
			waves[k].size[c] = rng.between(2, 9)
		}
	}
	grain := rng.between(2, 10)
	out := make([]byte, 3*h*w)
	i := 0
	for y := range h {
		for x := range w {
			v := base
			for k := range waves {
				s := math.Sin(waves[k].fx*float64(x) + waves[k].fy*float64(y) + waves[k].phase)
				for c := range v {
					v[c] += s * waves[k].size[c]
				}
			}
			g := grain * (2*rng.float() - 1)
			for c := range v {
				out[i] = byte(min(max(v[c]+g, 0), 255))
				i++
			}
		}
	}
	return out
}

// addNoise adds uniform noise to every value and returns the state it ended with.
func addNoise(pix []byte, most int, state uint64) uint64 {
	if most == 0 {
		return state
	}
	span := uint32(2*most + 1)
	var word uint64
	for i := range pix {
		if i&7 == 0 {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			word = state
		}
		d := int(uint32(byte(word))*span>>8) - most
		word >>= 8
		pix[i] = byte(min(max(int(pix[i])+d, 0), 255))
	}
	return state
}

// draw paints the shape, and again where it reaches over an edge.
func (p *madeShape) draw(rgb []byte, h, w int) {
	reach := p.r*1.1 + 1
	for _, oy := range []float64{-float64(h), 0, float64(h)} {
		for _, ox := range []float64{-float64(w), 0, float64(w)} {
			cx, cy := p.cx+ox, p.cy+oy
			x0, x1 := max(int(cx-reach), 0), min(int(cx+reach)+1, w-1)
			y0, y1 := max(int(cy-reach), 0), min(int(cy+reach)+1, h-1)
			if cx+reach < 0 || cy+reach < 0 {
				continue
			}
			for y := y0; y <= y1; y++ {
				for x := x0; x <= x1; x++ {
					p.pixel(rgb[3*(y*w+x):], float64(x)-cx, float64(y)-cy)
				}
			}
		}
	}
}

// pixel mixes the shape's colour into one pixel, dx and dy from the shape's centre.
func (p *madeShape) pixel(rgb []byte, dx, dy float64) {
	a, b := (p.cos*dx+p.sin*dy)/p.r, (p.cos*dy-p.sin*dx)/p.r
	cover := min(max(0.5-p.edge(a, b)*p.r, 0), 1)
	if cover == 0 {
		return
	}
	var mixed float64
	switch p.weave {
	case 0: // stripes
		mixed = 0.5 + 0.5*math.Sin(p.pitch*a)
	case 1: // checks
		mixed = 0.5 + 0.5*math.Sin(p.pitch*a)*math.Sin(p.pitch*b)
	case 2: // rings
		mixed = 0.5 + 0.5*math.Cos(p.pitch*math.Hypot(a, b))
	default: // shaded to one side
		mixed = 0.5 + 0.5*a
	}
	mixed = min(max(mixed, 0), 1)
	for c := range 3 {
		v := float64(p.tone[0][c])*mixed + float64(p.tone[1][c])*(1-mixed)
		rgb[c] = byte(float64(rgb[c])*(1-cover) + v*cover + 0.5)
	}
}

// edge is about the distance outside of the shape's edge, in radii, at a point in the shape's own frame.
func (p *madeShape) edge(a, b float64) float64 {
	x, y := math.Abs(a), math.Abs(b)
	switch p.form {
	case 0: // disc
		return math.Hypot(a, b) - 0.9
	case 1: // square
		return max(x, y) - 0.75
	case 2: // triangle
		return max(-b, 0.866*x+0.5*b) - 0.5
	case 3: // ring
		return math.Abs(math.Hypot(a, b)-0.7) - 0.27
	}
	return min(max(x-0.33, y-0.95), max(y-0.33, x-0.95)) // cross
}
