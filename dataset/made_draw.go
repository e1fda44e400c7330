package dataset

import "math"

// How the class is kept out of single frames. A shape has a place, a size, a look, all drawn the same way in every
// class; a motion changes the place or the size, each in a range that is closed in a circle, so that a uniform draw
// stays uniform however far it has moved:
//
//   - places live on a torus: what leaves at one edge comes in at the other. left, right, up, down move along it;
//     clockwise and counter-clockwise swing each shape around a centre of its own, all shapes in step, and a point
//     at any angle from a uniform centre is uniform.
//   - sizes are the smallest times a ratio to the power u, u uniform on a circle: grow and shrink move u, and a shape
//     that has become largest goes on as the smallest.
//
// So at every time step place and size of every shape are independent and uniform in all classes.

// madeScene is a clip before it is drawn. Lengths are in pixels.
type madeScene struct {
	shapes []madeShape
	class  int
	travel float64 // pixels moved, turns swung or part of the size circle grown through, over the clip
	angle  float64 // of the motion's deviation from its axis, or of the swing at the start
	radius float64 // of the swing
}

type madeShape struct {
	x, y   float64 // place or centre of the swing, 0..W and 0..H
	u      float64 // size, 0..1
	turn   float64 // how the shape lies
	form   int
	weave  int
	pitch  float64    // waves of the texture across the shape
	tone   [2][3]byte // the two colours of the texture
	sin    float64
	cos    float64
	cx, cy float64 // at the frame being drawn
	r      float64 // the same
}

const (
	madeForms  = 5
	madeWeaves = 4
	// sizes: radius as parts of the frame's shorter side, smallest and largest
	madeSmall, madeLarge = 0.07, 0.2
)

// scene draws everything of clip i but its pixels. Nothing is drawn differently for different classes.
func (m *Made) scene(i int, rng *source) madeScene {
	side := float64(min(m.o.Input.Height, m.o.Input.Width))
	s := madeScene{class: m.Label(i)}
	s.shapes = make([]madeShape, 1+rng.intN(m.o.Shapes))
	for k := range s.shapes {
		p := &s.shapes[k]
		p.x, p.y = rng.between(0, float64(m.o.Input.Width)), rng.between(0, float64(m.o.Input.Height))
		p.u, p.turn = rng.float(), rng.between(0, 2*math.Pi)
		p.form, p.weave = rng.intN(madeForms), rng.intN(madeWeaves)
		p.pitch = rng.between(3, 8)
		p.sin, p.cos = math.Sincos(p.turn)
		for c := range 3 {
			light := rng.between(120, 250)
			p.tone[0][c] = byte(light)
			p.tone[1][c] = byte(light * rng.between(0.55, 0.9))
		}
	}
	pace := rng.float()
	s.angle = rng.between(-1, 1)
	s.radius = side * rng.between(0.14, 0.24)
	switch MadeClasses()[s.class] {
	case "left", "right", "up", "down":
		s.travel = side * (0.45 + 0.4*pace)
		s.angle *= math.Pi / 12
	case "clockwise", "counter-clockwise":
		s.travel = 0.8 + 0.6*pace
		s.angle *= math.Pi
	default:
		s.travel = 0.5 + 0.3*pace
	}
	return s
}

// pose puts the shapes where they are at frame t of n. Screen coordinates: y goes down, so growing angles turn
// clockwise.
func (s *madeScene) pose(t, n int, h, w float64) {
	at := s.travel * (float64(t)/float64(n-1) - 0.5)
	var dx, dy, du float64
	sin, cos := math.Sincos(s.angle)
	switch MadeClasses()[s.class] {
	case "right":
		dx, dy = at*cos, at*sin
	case "left":
		dx, dy = -at*cos, -at*sin
	case "down":
		dx, dy = -at*sin, at*cos
	case "up":
		dx, dy = at*sin, -at*cos
	case "clockwise":
		dy, dx = math.Sincos(s.angle + 2*math.Pi*at)
	case "counter-clockwise":
		dy, dx = math.Sincos(s.angle - 2*math.Pi*at)
	case "grow":
		du = at
	case "shrink":
		du = -at
	}
	if c := MadeClasses()[s.class]; c == "clockwise" || c == "counter-clockwise" {
		dx, dy = dx*s.radius, dy*s.radius
	}
	side := min(h, w)
	for k := range s.shapes {
		p := &s.shapes[k]
		p.cx, p.cy = wrap(p.x+dx, w), wrap(p.y+dy, h)
		p.r = side * madeSmall * math.Pow(madeLarge/madeSmall, wrap(p.u+du, 1))
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
