package train

import (
	"fmt"
	"math"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// made is a split of clips in which a bump runs along the features: each class at a speed of its own. In training the bump
// starts at a random place and there is noise, from the draw and the clip's number alone.
type made struct {
	clips, classes, width int
	first                 int         // number of the first clip
	broken                map[int]int // clip: epoch in which it cannot be read
	poison                bool        // rows are NaN
}

func (m *made) Len() int        { return m.clips }
func (m *made) Width() int      { return m.width }
func (m *made) Label(i int) int { return (m.first + i) % m.classes }

func (m *made) Clip(prev rnn.Sequence, i int, d Draw) (rnn.Sequence, error) {
	if e, ok := m.broken[i]; ok && e == d.Epoch && d.Train {
		return nil, fmt.Errorf("clip %d is broken", i)
	}
	s, ok := prev.(*madeClip)
	if !ok {
		s = new(madeClip)
	}
	*s = madeClip{steps: 6 + (m.first+i)%3, key: mix(77, uint64(m.first+i)), speed: 1 + float64(m.Label(i)), nan: m.poison}
	if d.Train {
		s.key = mix(mix(mix(d.Seed, 1000), uint64(d.Epoch)), uint64(m.first+i))
	}
	s.at = float64(s.key % 1000)
	return s, nil
}

type madeClip struct {
	steps     int
	key       uint64
	at, speed float64
	nan       bool
}

func (s *madeClip) Len() int { return s.steps }

func (s *madeClip) Load(dst []float32, t int) {
	for i := range dst {
		phase := 2 * math.Pi * (float64(i) - s.at - s.speed*float64(t)) / float64(len(dst))
		noise := float64(mix(s.key, uint64(t*len(dst)+i))>>40)/(1<<24) - 0.5
		dst[i] = float32(math.Exp(3*math.Cos(phase)-3) + 0.1*noise)
		if s.nan {
			dst[i] = float32(math.NaN())
		}
	}
}

// testConfig is an HT network for rows of 20 numbers and three classes.
func testConfig() model.Config {
	return model.Config{
		Cell: "lstm", Input: 20, Hidden: 8, Layers: 1,
		Structure: factor.HTSpec([]int{4, 7}, []int{8, 4}, 4, 4),
		Classes:   []string{"slow", "quick", "fast"}, Pooling: "last",
		Standardise: &model.Standardise{Mean: []float64{0.2}, Std: []float64{0.3}},
	}
}

func testModel(t testing.TB, seed uint64) *model.File {
	t.Helper()
	f, err := model.New(testConfig(), seed)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// testOptions is a short run with everything switched on.
func testOptions(t testing.TB) Options {
	s := DefaultSettings()
	s.Epochs, s.Batch, s.LR, s.EMA, s.Calibrate, s.Warmup = 5, 8, 0.02, 0.9, 10, 0.5
	return Options{
		Settings: s, Model: testModel(t, 1), Workers: 1,
		Train: &made{clips: 45, classes: 3, width: 20}, Val: &made{clips: 20, classes: 3, width: 20, first: 1000},
	}
}

func scaler(t testing.TB, o Options) *model.Scaler {
	t.Helper()
	by, err := model.NewScaler(o.Model.Config.Standardise, o.Model.Config.Input)
	if err != nil {
		t.Fatal(err)
	}
	return by
}
