package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// canary stands where no operation may write.
const canary = -12345.5

// room is how many canaries stand on each side of a result.
const room = 40

func eachPath(t *testing.T, f func(t *testing.T)) {
	for _, p := range Paths() {
		t.Run(p.String(), func(t *testing.T) {
			defer Use(p)()
			f(t)
		})
	}
}

func randoms(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func absolute(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(math.Abs(float64(v)))
	}
	return y
}

// compare runs an operation and its reference on a C of size n, and holds every element to a tolerance relative to the sum of the absolute
// products. Elements the reference leaves alone must keep their bits.
func compare(n int, a, b []float32, seed uint64, run, reference func(c, a, b []float32)) error {
	r := rand.New(rand.NewPCG(seed, 1))
	got := make([]float32, n+2*room)
	for i := range got {
		got[i] = canary
	}
	start := randoms(r, n)
	copy(got[room:], start)
	want := append([]float32(nil), start...)
	size := absolute(start)
	run(got[room:room+n:room+n], a, b)
	reference(want, a, b)
	reference(size, absolute(a), absolute(b))
	for i, v := range got {
		if i < room || i >= room+n {
			if v != canary {
				return fmt.Errorf("wrote %g at %d, outside c of %d elements", v, i-room, n)
			}
			continue
		}
		w, s := want[i-room], size[i-room]
		if w == start[i-room] && v != w && s == float32(math.Abs(float64(w))) {
			return fmt.Errorf("changed c[%d] from %g to %g, which is in no product", i-room, w, v)
		}
		if d := math.Abs(float64(v - w)); !(d <= 1e-5*float64(s)+1e-30) {
			return fmt.Errorf("c[%d] = %g, the reference gives %g", i-room, v, w)
		}
	}
	return nil
}

func checkMul(p Mul, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 2))
	last := p.Batch - 1
	a := randoms(r, last*p.ABatch+(p.M-1)*p.ARow+max(0, p.K-1)*p.ACol+1)
	b := randoms(r, last*p.BBatch+max(0, p.K-1)*p.BRow+p.N)
	n := last*p.CBatch + (p.M-1)*p.CRow + p.N
	if err := compare(n, a, b, seed, p.Run, p.reference); err != nil {
		return fmt.Errorf("%v: %+v: %w", Current(), p, err)
	}
	return nil
}

func checkDot(p Dot, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 3))
	last := p.Batch - 1
	a := randoms(r, last*p.ABatch+(p.M-1)*p.ARow+p.K)
	b := randoms(r, last*p.BBatch+(p.N-1)*p.BRow+p.K)
	n := last*p.CBatch + (p.M-1)*p.CRow + (p.N-1)*p.CCol + 1
	if err := compare(n, a, b, seed, p.Run, p.reference); err != nil {
		return fmt.Errorf("%v: %+v: %w", Current(), p, err)
	}
	return nil
}

// shapes draws problems of every kind: tails, gaps between rows, batches apart, summed, sharing an operand and side by side.
type shapes struct{ *rand.Rand }

func (r shapes) size(most int) int {
	switch r.IntN(4) {
	case 0:
		return 1 + r.IntN(4)
	case 1:
		return 1 + r.IntN(max(1, most/8))
	}
	return 1 + r.IntN(most)
}

func (r shapes) gap() int {
	if r.IntN(2) == 0 {
		return 0
	}
	return r.IntN(9)
}

func (r shapes) mul() Mul {
	p := Mul{M: r.size(80), N: r.size(150), K: r.size(60), Batch: 1, Add: r.IntN(2) == 0}
	if r.IntN(8) == 0 {
		p.K = r.IntN(1500)
		p.M, p.N = r.size(30), r.size(30)
	}
	if r.IntN(8) == 0 { // narrow
		p.M, p.N, p.K = 16+r.IntN(60), 1+r.IntN(8), 4+r.IntN(150)
	}
	if r.IntN(2) == 0 {
		p.Batch = 1 + r.IntN(5)
	}
	if r.IntN(2) == 0 {
		p.ACol = 1 + r.gap()
		p.ARow = max(1, p.K)*p.ACol + r.gap()
		p.ABatch = p.M * p.ARow
	} else {
		p.ARow = 1 + r.gap()
		p.ACol = p.M*p.ARow + r.gap()
		p.ABatch = p.K * p.ACol
	}
	p.BRow = p.N + r.gap()
	p.BBatch = p.K*p.BRow + r.gap()
	p.CRow = p.N + r.gap()
	p.CBatch = p.M*p.CRow + r.gap()
	switch r.IntN(6) {
	case 0:
		p.CBatch = 0
	case 1:
		p.BBatch = 0
	case 2:
		p.ABatch = 0
	case 3: // side by side
		p.ABatch = 0
		p.BBatch = p.N
		p.BRow = p.N*p.Batch + r.gap()
		p.CBatch = p.N
		p.CRow = p.N*p.Batch + r.gap()
	}
	return p
}

func (r shapes) dot() Dot {
	p := Dot{M: r.size(40), N: r.size(40), K: r.size(150), Batch: 1, Add: r.IntN(2) == 0}
	if r.IntN(8) == 0 {
		p.K = r.IntN(1500)
		p.M, p.N = r.size(10), r.size(10)
	}
	if r.IntN(8) == 0 { // more than the first cache holds
		p.M, p.N, p.K = 4+r.IntN(20), 30+r.IntN(40), 250+r.IntN(300)
	}
	if r.IntN(6) == 0 { // few columns beside the rows
		p.M, p.N, p.K, p.Add = 16+r.IntN(90), 2+r.IntN(31), 4+r.IntN(50), false
	}
	if r.IntN(2) == 0 {
		p.Batch = 1 + r.IntN(5)
	}
	p.ARow, p.BRow = p.K+r.gap(), p.K+r.gap()
	p.ABatch, p.BBatch = p.M*p.ARow+r.gap(), p.N*p.BRow+r.gap()
	if r.IntN(2) == 0 {
		p.CCol = 1 + r.gap()
		p.CRow = p.N*p.CCol + r.gap()
		p.CBatch = p.M * p.CRow
	} else {
		p.CRow = 1 + r.gap()
		p.CCol = p.M*p.CRow + r.gap()
		p.CBatch = p.N * p.CCol
	}
	switch r.IntN(6) {
	case 0:
		p.CBatch = 0
	case 1:
		p.BBatch = 0
	case 2:
		p.ABatch = 0
	case 3:
		p.ARow = 0
	}
	return p
}

func TestMulAgrees(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		r := shapes{rand.New(rand.NewPCG(7, 7))}
		for i := range 500 {
			if err := checkMul(r.mul(), uint64(i)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDotAgrees(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		r := shapes{rand.New(rand.NewPCG(8, 8))}
		for i := range 500 {
			if err := checkDot(r.dot(), uint64(i)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestMulEveryTile goes through every small size, so that every micro-kernel and tail is met.
func TestMulEveryTile(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for m := 1; m <= 26; m++ {
			for n := 1; n <= 66; n += 1 + n/20 {
				k := 1 + (m*7+n*3)%11
				p := Mul{M: m, N: n, K: k, Batch: 1, ARow: k, ACol: 1, BRow: n, CRow: n, Add: n%2 == 0}
				if err := checkMul(p, uint64(m*n)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// fuzzMul makes a problem of arbitrary numbers: sizes, two bits of gap for each stride, and bits for the kind of strides.
func fuzzMul(m, n, k, batch uint8, gaps uint16, kind uint8) Mul {
	gap := func(i int) int { return int(gaps>>(2*i)) & 3 }
	p := Mul{M: int(m)%97 + 1, N: int(n)%161 + 1, K: int(k), Batch: int(batch)%6 + 1, Add: kind&1 != 0}
	p.ARow, p.ACol = max(1, p.K)+gap(0), 1
	if kind&2 != 0 {
		p.ARow, p.ACol = 1, p.M+gap(0)
	}
	p.ABatch = p.M*p.ARow*p.ACol + gap(1)
	p.BRow = p.N + gap(2)
	p.BBatch = p.K*p.BRow + gap(3)
	p.CRow = p.N + gap(4)
	p.CBatch = p.M*p.CRow + gap(5)
	switch kind >> 2 & 7 {
	case 1:
		p.CBatch = 0
	case 2:
		p.ABatch = 0
	case 3:
		p.BBatch = 0
	case 4: // side by side
		p.BBatch, p.BRow, p.CBatch, p.CRow = p.N, p.N*p.Batch, p.N, p.N*p.Batch
	case 5: // one below the other
		p.ABatch, p.BBatch, p.CBatch = p.M*p.ARow, 0, p.M*p.CRow
	case 6: // one long sum
		p.ABatch, p.BBatch, p.CBatch = p.K*p.ACol, p.K*p.BRow, 0
	}
	return p
}

// fuzzDot is fuzzMul for Dot.
func fuzzDot(m, n, k, batch uint8, gaps uint16, kind uint8) Dot {
	gap := func(i int) int { return int(gaps>>(2*i)) & 3 }
	p := Dot{M: int(m)%67 + 1, N: int(n)%67 + 1, K: int(k), Batch: int(batch)%6 + 1, Add: kind&1 != 0}
	p.ARow, p.BRow = p.K+gap(0), p.K+gap(1)
	p.ABatch, p.BBatch = p.M*p.ARow+gap(2), p.N*p.BRow+gap(3)
	p.CRow, p.CCol = p.N+gap(4), 1
	if kind&2 != 0 {
		p.CRow, p.CCol = 1, p.M+gap(4)
	}
	if kind&32 != 0 {
		p.CRow, p.CCol = 2*p.CRow, 2*p.CCol
	}
	p.CBatch = max(p.M*p.CRow, p.N*p.CCol) + gap(5)
	switch kind >> 2 & 7 {
	case 1:
		p.CBatch = 0
	case 2:
		p.ABatch = 0
	case 3:
		p.BBatch = 0
	case 4: // side by side
		p.ABatch, p.BBatch, p.CBatch = 0, p.N*p.BRow, p.N*p.CCol
	case 5: // one below the other
		p.ABatch, p.BBatch, p.CBatch = p.M*p.ARow, 0, p.M*p.CRow
	case 6: // one long sum
		p.ABatch, p.BBatch, p.CBatch = p.K, p.K, 0
	}
	if kind>>2&7 == 4 || kind>>2&7 == 5 { // room for the rows of all products
		p.CRow, p.CCol = p.N*p.Batch, 1
		if kind>>2&7 == 4 {
			p.CBatch = p.N
		} else {
			p.CBatch = p.M * p.CRow
		}
	}
	return p
}

func TestWrongShapesPanic(t *testing.T) {
	x := make([]float32, 100)
	ok := Mul{M: 4, N: 5, K: 6, Batch: 2, ARow: 6, ACol: 1, ABatch: 24, BRow: 5, BBatch: 30, CRow: 5, CBatch: 20}
	dot := Dot{M: 4, N: 5, K: 6, Batch: 2, ARow: 6, ABatch: 24, BRow: 6, BBatch: 30, CRow: 5, CCol: 1, CBatch: 20}
	negative, short := ok, dot
	negative.K = -1
	short.ABatch = -1
	for name, f := range map[string]func(){
		"short c":         func() { ok.Run(x[:39], x[:48], x[:60]) },
		"short a":         func() { ok.Run(x[:40], x[:47], x[:60]) },
		"short b":         func() { ok.Run(x[:40], x[:48], x[:59]) },
		"negative k":      func() { negative.Run(x, x, x) },
		"dot short c":     func() { dot.Run(x[:39], x[:48], x[:60]) },
		"dot short a":     func() { dot.Run(x[:40], x[:47], x[:60]) },
		"dot short b":     func() { dot.Run(x[:40], x[:48], x[:59]) },
		"negative stride": func() { short.Run(x, x, x) },
	} {
		eachPath(t, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		})
	}
	ok.Run(make([]float32, 40), x[:48], x[:60])
	dot.Run(make([]float32, 40), x[:48], x[:60])
}

func FuzzMul(f *testing.F) {
	f.Fuzz(func(t *testing.T, m, n, k, batch uint8, gaps uint16, kind uint8) {
		p := fuzzMul(m, n, k, batch, gaps, kind)
		for _, path := range Paths() {
			restore := Use(path)
			err := checkMul(p, uint64(gaps))
			restore()
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDot(f *testing.F) {
	f.Fuzz(func(t *testing.T, m, n, k, batch uint8, gaps uint16, kind uint8) {
		p := fuzzDot(m, n, k, batch, gaps, kind)
		for _, path := range Paths() {
			restore := Use(path)
			err := checkDot(p, uint64(gaps))
			restore()
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
