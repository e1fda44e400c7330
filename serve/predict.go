package serve

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/video"
)

type predictQuery struct {
	Model string `query:"model" doc:"Its name; left out: the default one." maxLength:"200"` // not modelQuery: what is embedded and not exported is not read
	Steps int    `query:"steps" default:"-1" minimum:"-1" maximum:"1000000" doc:"Frames taken of a clip, evenly; 0: all; left out: as many as in training."`
	Short string `query:"short" default:"error" enum:"error,repeat" doc:"What becomes of a clip with fewer frames: an error, or it repeats some."`
	Each  bool   `query:"each" doc:"Say what the clip is after every step, too."`

	request *http.Request
	w       http.ResponseWriter
}

// Resolve keeps the request: its body is read by the handler, into a file, and not by huma, into memory.
func (q *predictQuery) Resolve(ctx huma.Context) []error {
	q.request, q.w = humago.Unwrap(ctx)
	return nil
}

var errSlow = errors.New("decoding takes too long")

// predict is POST /v1/predict.
func (s *Server) predict(ctx context.Context, q *predictQuery) (*answer[client.Prediction], error) {
	m, err := s.model(q.Model)
	if err != nil {
		return nil, err
	}
	if q.Steps > s.o.Frames {
		return nil, problem(http.StatusRequestEntityTooLarge, "steps %d: at most %d", q.Steps, s.o.Frames)
	}
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		q.w.Header().Set("Retry-After", "1")
		return nil, problem(http.StatusServiceUnavailable, "%d clips are uploaded or wait already: try again", s.o.Uploads)
	}
	clip, err := s.receive(q.w, q.request)
	if err != nil {
		return nil, err
	}
	defer clip.remove()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, problem(http.StatusRequestTimeout, "the client went away")
	}
	began := time.Now()
	out := client.Prediction{Input: clip.name}
	how := fdht.Reading{
		Repeat: q.Short == "repeat", FFmpeg: s.o.FFmpeg,
		Limits: video.Limits{Pixels: s.o.FramePixels, Frames: s.o.Frames, Memory: s.o.FFmpegMemory},
	}
	switch { // 0 is all and less is as in training here, the other way round there
	case q.Steps > 0:
		how.Steps = q.Steps
	case q.Steps == 0:
		how.Steps = -1
	}
	if q.Each {
		how.Each = func(p fdht.Prediction) { out.Each = append(out.Each, slices.Clone(p.Probs)) }
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.FFmpegTime, errSlow)
	defer cancel()
	p, err := m.Model.PredictReading(ctx, clip.path, how)
	if err != nil {
		return nil, s.clipProblem(clip, err)
	}
	s.metrics.clips.WithLabelValues(m.Name).Observe(time.Since(began).Seconds())
	out.Label, out.Probs, out.Logits, out.Frames = p.Label, p.Probs, p.Logits, p.Frames
	return &answer[client.Prediction]{out}, nil
}

// clipProblem says what is wrong with a clip, by the name that the client gave it.
func (s *Server) clipProblem(c *clip, err error) error {
	text := c.renamed(err)
	switch {
	case errors.Is(err, errSlow):
		return problem(http.StatusUnprocessableEntity, "%s: decoding takes more than %v: cut it, or make it smaller", c.name, s.o.FFmpegTime)
	case errors.Is(err, context.Canceled):
		return problem(http.StatusRequestTimeout, "the client went away")
	case errors.Is(err, video.ErrLimit):
		return problem(http.StatusRequestEntityTooLarge, "%s", text)
	case errors.Is(err, video.ErrNoFFmpeg):
		s.o.Log.Error("ffmpeg", "error", err)
		return problem(http.StatusServiceUnavailable, "%s: it needs ffmpeg, which this server does not have; y4m, GIF and .npy need none", c.name)
	case errors.Is(err, rnn.ErrBidirectional):
		return problem(http.StatusUnprocessableEntity, "each: %v", err)
	}
	return problem(http.StatusUnprocessableEntity, "%s", text)
}
