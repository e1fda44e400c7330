package web

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/fdht/fdht/internal/browsertest"
)

// slowCamera puts cameras in place of the browser's that come when the test says so: asked[k].give(), and then are asked[k].stream.
const slowCamera = `window.asked = [];
navigator.mediaDevices.getUserMedia = () => new Promise((resolve, reject) => {
	const canvas = document.createElement("canvas");
	canvas.getContext("2d").fillRect(0, 0, 300, 150);
	const stream = canvas.captureStream(30);
	const timer = setInterval(() => { canvas.getContext("2d").fillStyle = "#" + (Math.random() * 900 + 100 | 0); canvas.getContext("2d").fillRect(0, 0, 300, 150); }, 30);
	window.asked.push({ stream, give: () => resolve(stream), refuse: () => reject(new DOMException("busy", "NotReadableError")), timer });
});
window.live = () => window.asked.map(({ stream }) => stream.getTracks().every((t) => t.readyState === "live") ? "live" : "ended").join(" ");
window.shows = () => window.asked.findIndex(({ stream }) => stream === document.querySelector("#video").srcObject);`

// TestCameraRaces starts and stops the camera faster than it comes, and gives the page a clip meanwhile: no camera stays on that is not shown.
func TestCameraRaces(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browsertest.Chromium(t)
	site, err := Build(motion(t), mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, site)
	click := chromedp.Evaluate(`document.querySelector("#camera").click()`, nil)
	do := func(js string) chromedp.Action { return chromedp.Evaluate(js, nil) }
	expect := func(what, live string, shows int) {
		t.Helper()
		var got string
		var shown int
		b.Run(t, chromedp.Sleep(100*time.Millisecond), chromedp.Evaluate("live()", &got), chromedp.Evaluate("shows()", &shown))
		if got != live || shown != shows {
			t.Errorf("%s: cameras are %q and number %d is shown, want %q and %d", what, got, shown, live, shows)
		}
	}
	b.Run(t, do(slowCamera), click, click, click, do("asked[1].give()"), browsertest.State("camera"), do("asked[0].give()"))
	expect("stopped before it came, and started again", "ended live", 1)
	b.Run(t, click, browsertest.State("ready"))
	expect("stopped", "ended ended", -1)
	path := clips(t, 1)[0]
	b.Run(t, click, chromedp.SetUploadFiles("#file", []string{path}, chromedp.NodeReady), browsertest.State("done"), do("asked[2].give()"))
	expect("a clip while the camera was asked for", "ended ended ended", -1)
	if got := b.Text(t, "#message"); got != "" {
		t.Errorf("the page says %q of a clip", got)
	}
	b.Run(t, click, do("asked[3].give()"), browsertest.State("camera"), do("asked[3].stream.getTracks()[0].dispatchEvent(new Event('ended'))"), browsertest.State("error"))
	expect("unplugged", "ended ended ended ended", -1)
	if got := b.Text(t, "#message"); got != "the camera was taken away" {
		t.Errorf("unplugged: the page says %q", got)
	}
	b.Run(t, click, do("asked[4].refuse()"), browsertest.State("error"))
	if got := b.Text(t, "#camera"); got != "Use the camera" {
		t.Errorf("refused: the button says %q", got)
	}
	b.Run(t, click, do("asked[5].give()"), browsertest.State("camera"))
	b.Run(t, chromedp.SetUploadFiles("#file", []string{path}, chromedp.NodeReady), browsertest.State("done"))
	expect("a clip instead of the camera", "ended ended ended ended live ended", -1)
	b.Quiet(t)
}
