package onnx

import (
	"testing"

	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
)

// TestRowText: what rows of differences are is said with the lag and the gain that hold where the model file leaves them out.
func TestRowText(t *testing.T) {
	cfg := testmodels.Frames("diff")
	cfg.Frame.Lag, cfg.Frame.Gain = lags.List{}, 0
	r, err := newRow(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	want := "rows of video frames of height 8, width 10, row-major, not standardised; of each pixel (grey - grey of 3 frames before in the video, or of its first) x 4, " +
		"clipped to -1..1, where grey (Rec. 601 luma) is scaled to 0..1"
	if got := r.values([]axis{{name: "batch"}})[0].doc; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
