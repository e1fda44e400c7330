package web

import (
	"math"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/browsertest"
	"github.com/fdht/fdht/internal/testmodels"
	"github.com/fdht/fdht/lags"
	"github.com/fdht/fdht/rnn"
)

// TestPageLags gives a page of a model over several lags a clip, and expects the probabilities that fdht predict gives, which are not those of other lags.
func TestPageLags(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browsertest.Chromium(t)
	m := testmodels.Random(t, testmodels.Frames(dataset.Diff, 3, 8), 1)
	for _, p := range m.Net.Params() { // so that it is surer of what it says
		for i := range p.Data {
			if p.Group == rnn.Head {
				p.Data[i] *= 30
			}
		}
	}
	site, err := Build(m, mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	path := browsertest.WebM(t, browsertest.Made(t, 11, 1, 16)[0])
	want := predict(t, m, path).Probs
	b := open(t, site)
	var got []float64
	b.Run(t, chromedp.SetUploadFiles("#file", []string{path}, chromedp.NodeReady), browsertest.State("done", "error"),
		chromedp.Evaluate(`Array.from(document.querySelectorAll("#bars li"), (li) => Number(li.style.getPropertyValue("--share")))`, &got))
	const tolerance = 0.03 // decoders differ by a shade here and there
	if d := apart(want, got); !(d < tolerance) {
		t.Errorf("the page says %v (%s), fdht predict %v", got, b.Text(t, "#message"), want)
	}
	for _, other := range []lags.List{{1, 8}, {3, 5}} {
		m.Config.Frame.Lag = other
		p := predict(t, m, path).Probs
		if apart(p, got) < 2*tolerance {
			t.Errorf("%v with the lags %v, too: the clip says nothing of lags", p, other)
		}
	}
	b.Quiet(t)
}

// apart is how far probabilities are from each other.
func apart(a []float32, b []float64) (most float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-b[i]))
	}
	return most
}
