package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/video"
)

// Named is a model and what it is called.
type Named struct {
	Name  string
	Model *fdht.Model
	Bytes int64 // of its file
}

// Open loads the model in the file at path.
func Open(name, path string) (Named, error) {
	m, err := fdht.Load(path)
	if err != nil {
		return Named{}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return Named{}, err
	}
	return Named{name, m, st.Size()}, nil
}

// Server is a service over models. Close ends it.
type Server struct {
	o       Options
	models  []*served
	metrics *metrics
	handler http.Handler

	uploads, turns chan struct{} // a place each
	decoders       chan *video.JPEG

	draining atomic.Bool
	mu       sync.Mutex
	streams  map[*stream]struct{}
	places   atomic.Int64   // taken by streams, those that have not said hello included
	handlers sync.WaitGroup // of streams: they outlive the HTTP server
	stop     chan struct{}
	workers  sync.WaitGroup
}

// served is a model with what runs its streams.
type served struct {
	Named
	card   client.Card
	labels [][]byte // as JSON
	engine *engine  // nil: it cannot take frames one at a time
}

// New makes a server of one model or more, the first of which is the default one. It runs until Close.
func New(models []Named, o Options) (*Server, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	if len(models) == 0 {
		return nil, errors.New("no model to serve: give one")
	}
	s := &Server{
		o: o, metrics: newMetrics(), uploads: make(chan struct{}, o.Uploads), turns: make(chan struct{}, o.Predictions),
		decoders: make(chan *video.JPEG, runtime.GOMAXPROCS(0)), streams: map[*stream]struct{}{}, stop: make(chan struct{}),
	}
	for range cap(s.decoders) {
		s.decoders <- video.NewJPEG(video.Limits{Pixels: o.FramePixels})
	}
	seen := map[string]bool{}
	for i, n := range models {
		if n.Name == "" || seen[n.Name] {
			return nil, fmt.Errorf("model name %q: give each model a name of its own", n.Name)
		}
		seen[n.Name] = true
		m, err := s.add(n)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", n.Name, err)
		}
		m.card.Default = i == 0
		s.models = append(s.models, m)
	}
	s.handler = s.routes()
	for _, m := range s.models {
		if m.engine != nil {
			m.engine.start(&s.workers)
		}
	}
	s.workers.Go(s.watch)
	return s, nil
}

func (s *Server) add(n Named) (*served, error) {
	m := &served{Named: n}
	var err error
	if m.card, err = card(n.Name, n.Model.Config(), n.Bytes); err != nil {
		return nil, err
	}
	for _, label := range m.card.Labels {
		m.labels = append(m.labels, quote(label))
	}
	if m.card.Stream {
		if m.engine, err = newEngine(n.Model, s.o.Workers, s.o.Batch, s.metrics.of(n.Name)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// model finds one by its name; "" is the default one.
func (s *Server) model(name string) (*served, error) {
	if name == "" {
		return s.models[0], nil
	}
	for _, m := range s.models {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, problem(http.StatusNotFound, "no model %.100q: GET /v1/models lists them", name)
}

// Handler is the service as a handler, for a server of one's own. Serve has the bounds besides that are those of connections.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers requests that come to l until ctx ends, then lets what is under way finish for DrainTime, and returns nil. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	hs := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: s.o.HeaderTime, ReadTimeout: s.o.UploadTime, IdleTimeout: s.o.IdleTime, MaxHeaderBytes: s.o.HeaderBytes,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- hs.Serve(limit(l, s.o.Connections)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	s.o.Log.Info("draining", "streams", s.places.Load())
	s.Drain()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.DrainTime)
	defer cancel()
	if err := hs.Shutdown(patience); err != nil {
		hs.Close()
	}
	<-done // http.ErrServerClosed
	over := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-patience.Done():
		s.each((*stream).cut)
		<-over
	}
	return nil
}

// Drain makes the server refuse new streams, answers /readyz with 503, and closes streams once what waits in them is answered.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.each((*stream).drain)
}

// Close ends the server: all streams at once. No request may come afterwards.
func (s *Server) Close() {
	s.draining.Store(true)
	s.each((*stream).cut)
	s.handlers.Wait()
	for _, m := range s.models {
		if m.engine != nil {
			m.engine.end()
		}
	}
	close(s.stop)
	s.workers.Wait()
}

// each calls f for every stream that there is.
func (s *Server) each(f func(*stream)) {
	s.mu.Lock()
	all := make([]*stream, 0, len(s.streams))
	for st := range s.streams {
		all = append(all, st)
	}
	s.mu.Unlock()
	for _, st := range all {
		f(st)
	}
}

// watch closes streams that are silent for too long, or do not take their answers. One goroutine for all costs less than a timer a frame.
func (s *Server) watch() {
	tick := time.NewTicker(max(min(s.o.IdleTime, s.o.WriteTime, s.o.HelloTime)/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-tick.C:
			s.each(func(st *stream) { st.watch(now) })
		}
	}
}
