package frames

import (
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/model"
)

func TestInput(t *testing.T) {
	frame := func(kind string, lag int, gain float64) *model.Frame {
		return &model.Frame{Height: 4, Width: 5, Channels: 1, Input: kind, Lag: lags.List{lag}, Gain: gain}
	}
	for _, c := range []struct {
		frame *model.Frame
		input int
		want  dataset.Input
		err   string
	}{
		{nil, 7, dataset.Input{}, ""},
		{frame("grey", 0, 0), 20, dataset.Input{Kind: "grey", Height: 4, Width: 5}, ""},
		{frame("grey", 9, 9), 20, dataset.Input{Kind: "grey", Height: 4, Width: 5}, ""},
		{frame("diff", 2, 8), 20, dataset.Input{Kind: "diff", Height: 4, Width: 5, Lag: lags.List{2}, Gain: 8}, ""},
		{frame("diff", 0, 0), 20, dataset.Input{Kind: "diff", Height: 4, Width: 5, Lag: lags.List{dataset.DefaultLag}, Gain: dataset.DefaultGain}, ""},
		{frame("flow", 0, 0), 20, dataset.Input{}, `input "flow": want rgb, grey, diff or grey+diff`},
		{frame("*/ x /*", 0, 0), 20, dataset.Input{}, `input "*/ x /*": want rgb, grey, diff or grey+diff`},
		{frame("rgb", 0, 0), 20, dataset.Input{}, "frames of rgb have 60 numbers, the network takes 20"},
		{frame("diff", 1, 1e300), 20, dataset.Input{}, "gain +Inf: want more than 0"},
		{&model.Frame{Height: 4, Width: 5, Channels: 2, Input: "diff", Lag: lags.List{3, 8}, Gain: 4}, 40, dataset.Input{Kind: "diff", Height: 4, Width: 5, Lag: lags.List{3, 8}, Gain: 4}, ""},
		{&model.Frame{Height: 4, Width: 5, Channels: 2, Input: "grey+diff", Lag: lags.List{3, 8}, Gain: 4}, 40, dataset.Input{}, "frames of grey+diff have 60 numbers, the network takes 40"},
	} {
		in, err := Input(model.Config{Input: c.input, Frame: c.frame})
		text := ""
		if err != nil {
			text = err.Error()
		}
		if in != c.want || text != c.err {
			t.Errorf("%+v: %+v, %q, want %+v, %q", c.frame, in, text, c.want, c.err)
		}
	}
}
