package dataset

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
)

func newMade(t *testing.T, o MadeOptions) *Made {
	t.Helper()
	m, err := NewMade(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Render(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMadeIsAFunctionOfItsSeed(t *testing.T) {
	o := MadeOptions{Input: Input{Kind: RGB, Height: 24, Width: 32}, Train: 9, Val: 3, Test: 8, Seed: 5}
	a, b := newMade(t, o), newMade(t, o)
	o.Seed = 6
	c := newMade(t, o)
	for i := range a.Len() {
		if !slices.Equal(a.Pixels(i), b.Pixels(i)) {
			t.Errorf("clip %d differs", i)
		}
		if slices.Equal(a.Pixels(i), c.Pixels(i)) {
			t.Errorf("clip %d is the same with another seed", i)
		}
		if n := 12 * 24 * 32 * 3; len(a.Pixels(i)) != n {
			t.Errorf("clip %d has %d bytes, want %d", i, len(a.Pixels(i)), n)
		}
	}
	s, err := MakeSplit(a, SplitOptions{})
	if err != nil || len(s.Train) != 9 || len(s.Val) != 3 || len(s.Test) != 8 || s.Test[0] != 12 {
		t.Error(s, err)
	}
	if a.ID(13) != "down-left/test-000001" || a.Label(13) != 1 || a.Group(9) != "val" {
		t.Error(a.ID(13), a.Label(13), a.Group(9))
	}
	// another number of training clips leaves the others' looks alone only within the part: ids stay apart
	if a.ID(0) == a.ID(12) {
		t.Error("two clips with one id")
	}
}

func TestMadeErrors(t *testing.T) {
	for _, o := range []MadeOptions{
		{Input: Input{Kind: "x"}}, {Input: Input{Height: 8, Width: 8}}, {Frames: 1}, {Train: -1}, {Shapes: 99}, {Noise: 200},
	} {
		if _, err := NewMade(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// nearestMean learns class means of features on half of the rows, each feature brought to deviation 1, and returns the
// accuracy on the other half.
func nearestMean(features [][]float64, labels []int, classes int) float64 {
	n, half := len(features[0]), len(features)/2
	mean, std := make([]float64, n), make([]float64, n)
	for _, f := range features[:half] {
		for k, v := range f {
			mean[k] += v / float64(half)
		}
	}
	for _, f := range features[:half] {
		for k, v := range f {
			std[k] += (v - mean[k]) * (v - mean[k]) / float64(half)
		}
	}
	centre := make([][]float64, classes)
	count := make([]float64, classes)
	for c := range centre {
		centre[c] = make([]float64, n)
	}
	for i, f := range features[:half] {
		count[labels[i]]++
		for k, v := range f {
			centre[labels[i]][k] += (v - mean[k]) / (math.Sqrt(std[k]) + 1e-9)
		}
	}
	right := 0
	for i, f := range features[half:] {
		best, at := math.Inf(1), -1
		for c := range centre {
			d := 0.0
			for k, v := range f {
				e := (v-mean[k])/(math.Sqrt(std[k])+1e-9) - centre[c][k]/count[c]
				d += e * e
			}
			if d < best {
				best, at = d, c
			}
		}
		if at == labels[half+i] {
			right++
		}
	}
	return float64(right) / float64(len(features)-half)
}

// lookOf measures one grey frame: brightness, contrast, what is bright and where it is and how it is spread, the halves,
// a coarse picture.
func lookOf(f []byte, h, w int) []float64 {
	var sum, square, bright, mx, my, xx, yy float64
	coarse := make([]float64, 24)
	for y := range h {
		for x := range w {
			v := float64(f[y*w+x])
			sum += v
			square += v * v
			coarse[y*4/h*6+x*6/w] += v
			if v > 100 {
				bright++
				mx += float64(x)
				my += float64(y)
				xx += float64(x * x)
				yy += float64(y * y)
			}
		}
	}
	n := float64(h * w)
	b := bright + 1
	mx, my = mx/b, my/b
	return append([]float64{sum / n, math.Sqrt(square/n - sum*sum/n/n), bright, mx, my, xx/b - mx*mx, yy/b - my*my}, coarse...)
}

// TestMadeFramesTellNothing: no single frame gives the class away, whether the first, a middle or the last one.
func TestMadeFramesTellNothing(t *testing.T) {
	const h, w, clips = 36, 48, 1600
	m := newMade(t, MadeOptions{Input: Input{Kind: Grey, Height: h, Width: w}, Frames: 7, Train: clips, Seed: 3})
	for _, frame := range []int{0, 3, 6} {
		var features [][]float64
		var labels []int
		for i := range clips {
			features = append(features, lookOf(m.frame(i, frame).Pix, h, w))
			labels = append(labels, m.Label(i))
		}
		// Chance is 1/8, its deviation over 800 clips 0.012: four of them above it.
		if a := nearestMean(features, labels, 8); a > 0.125+4*0.012 {
			t.Errorf("frame %d alone tells the class with %.3f", frame, a)
		}
	}
}

// flowOf measures the motion of a clip: how far a frame moves right and down, on the average, by least squares over the
// brightness constancy equation.
func flowOf(m *Made, i int) []float64 {
	h, w := m.Input().Height, m.Input().Width
	n := m.Frames(i)
	var mu, mv float64
	for t := 1; t < n; t++ {
		a, b := m.frame(i, t-1).Pix, m.frame(i, t).Pix
		var xx, xy, yy, xt, yt float64
		for y := 1; y < h-1; y++ {
			for x := 1; x < w-1; x++ {
				p := y*w + x
				gx := float64(a[p+1]) - float64(a[p-1]) + float64(b[p+1]) - float64(b[p-1])
				gy := float64(a[p+w]) - float64(a[p-w]) + float64(b[p+w]) - float64(b[p-w])
				gt := 4 * (float64(b[p]) - float64(a[p]))
				if gx*gx+gy*gy < 2000 {
					continue
				}
				xx, xy, yy, xt, yt = xx+gx*gx, xy+gx*gy, yy+gy*gy, xt+gx*gt, yt+gy*gt
			}
		}
		det := xx*yy - xy*xy + 1
		mu += (xy*yt - yy*xt) / det
		mv += (xy*xt - xx*yt) / det
	}
	length := math.Hypot(mu, mv) + 1e-9
	return []float64{mu / length, mv / length}
}

// TestMadeMotionTells: the direction of motion, measured crudely, is enough to know the class.
func TestMadeMotionTells(t *testing.T) {
	const clips = 240
	m := newMade(t, MadeOptions{Input: Input{Kind: Grey, Height: 48, Width: 64}, Frames: 14, Train: clips, Seed: 4})
	var features [][]float64
	var labels []int
	for i := range clips {
		features = append(features, flowOf(m, i))
		labels = append(labels, m.Label(i))
	}
	a := nearestMean(features, labels, 8)
	t.Logf("the direction of motion tells the class with %.3f", a)
	if a < 0.9 {
		t.Errorf("the direction of motion tells the class with %.3f only", a)
	}
}

// TestMadeFiles writes clips as files and reads them back.
func TestMadeFiles(t *testing.T) {
	for _, format := range []string{"y4m", "png"} {
		in := Input{Kind: RGB, Height: 24, Width: 32}
		m := newMade(t, MadeOptions{Input: in, Frames: 3, Train: 8, Val: 8, Test: 8})
		dir := filepath.Join(t.TempDir(), "made")
		if err := m.WriteFiles(t.Context(), dir, format); err != nil {
			t.Fatal(err)
		}
		if err := m.WriteFiles(t.Context(), dir, format); err == nil {
			t.Error("written over what is there")
		}
		o := opts(t)
		o.Input = in
		f, rep := openFolder(t, dir, o)
		if f.Len() != 24 || len(rep.Bad) != 0 {
			t.Fatal(f.Len(), rep)
		}
		s, err := MakeSplit(f, SplitOptions{List: filepath.Join(dir, "split.txt")})
		if err != nil || len(s.Train) != 8 || len(s.Val) != 8 || len(s.Test) != 8 {
			t.Fatal(s, err)
		}
		ids := map[string]int{}
		for i := range m.Len() {
			ids[named{m, format}.ID(i)] = i
		}
		worst := 0.0
		var a, b Clip
		for i := range f.Len() {
			if err := f.Clip(&a, i, Sample{}); err != nil {
				t.Fatal(err)
			}
			if err := m.Clip(&b, ids[f.ID(i)], Sample{}); err != nil {
				t.Fatal(err)
			}
			x, y := rows(t, &a), rows(t, &b)
			for k := range y {
				for j := range y[k] {
					worst = max(worst, math.Abs(float64(x[k][j]-y[k][j])))
				}
			}
		}
		if limit := map[string]float64{"y4m": 2.5 / 255, "png": 0}[format]; worst > limit {
			t.Errorf("%s: values differ by %v", format, worst)
		}
	}
	m := newMade(t, MadeOptions{Input: Input{Kind: Diff, Height: 24, Width: 32}, Train: 1})
	if err := m.WriteFiles(t.Context(), t.TempDir(), "mp4"); err == nil {
		t.Error("mp4 is taken")
	}
}

func BenchmarkMade(b *testing.B) {
	m, err := NewMade(MadeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		m.draw(i % m.Len())
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, kind := range []string{RGB, Diff, GreyDiff} {
		b.Run(kind, func(b *testing.B) {
			m, err := NewMade(MadeOptions{Input: Input{Kind: kind}, Train: 1})
			if err != nil {
				b.Fatal(err)
			}
			var c Clip
			if err := m.Clip(&c, 0, Sample{Train: true, Augment: Augment{ShiftX: 5, ShiftY: 5}}); err != nil {
				b.Fatal(err)
			}
			row := make([]float32, c.Width())
			b.SetBytes(int64(4 * len(row)))
			for b.Loop() {
				c.Load(row, 5)
			}
		})
	}
}

func ExampleNewMade() {
	m, err := NewMade(MadeOptions{Input: Input{Kind: Grey, Height: 30, Width: 40}, Train: 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	var clip Clip
	if err := m.Clip(&clip, 3, Sample{Steps: 6}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.ID(3), clip.Len(), "rows of", clip.Width())
	// Output: left/train-000003 6 rows of 1200
}
