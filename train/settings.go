package train

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Settings are the choices that a run's numbers depend on. A checkpoint holds them; a run goes on only with the same.
// The JSON keys are also the names of the flags and of the keys in a configuration file.
type Settings struct {
	Epochs    int     `json:"epochs"`
	Batch     int     `json:"batch"`           // clips a step
	Seed      uint64  `json:"seed"`            // of the clips' order, random frames, augmentation, dropout
	LR        float64 `json:"lr"`              // peak learning rate
	MinLR     float64 `json:"min-lr"`          // where the cosine schedule ends
	Schedule  string  `json:"schedule"`        // cosine | onecycle | constant
	Warmup    float64 `json:"warmup"`          // epochs of linear warm-up
	Beta1     float64 `json:"beta1"`           // AdamW
	Beta2     float64 `json:"beta2"`           // AdamW
	Eps       float64 `json:"eps"`             // AdamW
	Decay     float64 `json:"weight-decay"`    // AdamW; biases do not decay
	Clip      float64 `json:"clip"`            // limit of the gradient's norm; 0: none
	Dropout   float64 `json:"dropout"`         // share of the pooled state that is dropped in training
	Smoothing float64 `json:"label-smoothing"` // 0: none
	Noise     float64 `json:"noise,omitempty"` // deviation of the noise on the standardised numbers of training clips; 0: none
	EMA       float64 `json:"ema"`             // decay of the weights' moving average, which is then what is evaluated and saved; 0: none
	Patience  int     `json:"patience"`        // epochs without a better one before the run ends; 0: never
	Calibrate int     `json:"calibrate"`       // training clips from which the scale of fresh weights is fitted; 0: none, for weights that are trained already
	Views     int     `json:"views,omitempty"` // samplings of a clip at validation, see EvalOptions; 0: 1
	Data      string  `json:"data,omitempty"`  // what the data is, in the caller's words; compared only
}

// DefaultSettings are settings that small structured networks train well with. The weight decay is large for their sake: W is a product of factors, steps of Adam
// make all of them grow, and with the hidden half of W the gradient through time. With it the root mean square of a factor stays near sqrt(LR / (2 Decay)).
func DefaultSettings() Settings {
	return Settings{
		Epochs: 40, Batch: 16, Seed: 1, LR: 3e-3, Schedule: Cosine, Warmup: 1,
		Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 0.1, Clip: 1, Dropout: 0.2, Smoothing: 0.1, Calibrate: 32,
	}
}

// Validate reports the first setting that is out of its range, by its flag.
func (s Settings) Validate() error {
	for _, c := range []struct {
		flag  string
		value float64
		ok    bool
		want  string
	}{
		{"epochs", float64(s.Epochs), s.Epochs >= 1 && s.Epochs <= 1e6, "from 1 to 1000000"},
		{"batch", float64(s.Batch), s.Batch >= 1 && s.Batch <= 1e6, "from 1 to 1000000"},
		{"lr", s.LR, s.LR > 0 && s.LR <= 100, "above 0 and at most 100; try 0.003"},
		{"min-lr", s.MinLR, s.MinLR >= 0 && s.MinLR <= s.LR, "from 0 to --lr"},
		{"warmup", s.Warmup, s.Warmup >= 0 && s.Warmup < float64(s.Epochs), "epochs from 0 to below --epochs"},
		{"beta1", s.Beta1, s.Beta1 >= 0 && s.Beta1 < 1, "from 0 to below 1; try 0.9"},
		{"beta2", s.Beta2, s.Beta2 >= 0 && s.Beta2 < 1, "from 0 to below 1; try 0.999"},
		{"eps", s.Eps, s.Eps > 0 && s.Eps < 1, "above 0 and below 1; try 1e-8"},
		{"weight-decay", s.Decay, s.Decay >= 0 && s.Decay <= 10, "from 0 to 10"},
		{"clip", s.Clip, s.Clip >= 0 && !math.IsInf(s.Clip, 0), "at least 0; 0 clips nothing"},
		{"dropout", s.Dropout, s.Dropout >= 0 && s.Dropout < 1, "from 0 to below 1"},
		{"label-smoothing", s.Smoothing, s.Smoothing >= 0 && s.Smoothing < 1, "from 0 to below 1; try 0.1"},
		{"noise", s.Noise, s.Noise >= 0 && s.Noise <= 10, "from 0, none, to 10; try 0.1"},
		{"ema", s.EMA, s.EMA >= 0 && s.EMA < 1, "from 0, no average, to below 1; try 0.99"},
		{"patience", float64(s.Patience), s.Patience >= 0, "at least 0; 0 never stops early"},
		{"views", float64(s.Views), s.Views >= 0 && s.Views <= MaxViews, fmt.Sprintf("from 1 to %d", MaxViews)},
		{"calibrate", float64(s.Calibrate), s.Calibrate >= 0, "at least 0"},
	} {
		if !c.ok {
			return fmt.Errorf("--%s %v: want %s", c.flag, c.value, c.want)
		}
	}
	return checkSchedule(s.Schedule)
}

// schedule is the schedule of a run of that many steps an epoch.
func (s Settings) schedule(steps int) Schedule {
	return Schedule{
		Kind: s.Schedule, Peak: s.LR, Floor: s.MinLR,
		Warmup: int(math.Round(s.Warmup * float64(steps))), Total: s.Epochs * steps,
	}
}

// record is what a checkpoint holds of a run's settings.
type record struct {
	Settings
	TrainClips int `json:"train-clips"`
	ValClips   int `json:"val-clips"`
}

func (r record) text() (json.RawMessage, error) { return json.Marshal(r) }

// differ says which settings of now differ from those of the checkpoint.
func (r record) differ(was json.RawMessage) error {
	var old record
	if err := json.Unmarshal(was, &old); err != nil {
		return fmt.Errorf("the checkpoint's settings cannot be read: %w", err)
	}
	var out []string
	add := func(a, b reflect.Value) {
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if f.Anonymous || a.Field(i).Equal(b.Field(i)) {
				continue
			}
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out = append(out, fmt.Sprintf("%s is %v now and was %v", key, a.Field(i), b.Field(i)))
		}
	}
	add(reflect.ValueOf(r.Settings), reflect.ValueOf(old.Settings))
	add(reflect.ValueOf(r), reflect.ValueOf(old))
	if len(out) == 0 {
		return nil
	}
	return fmt.Errorf("a run goes on with the settings it began with: %s", strings.Join(out, "; "))
}
