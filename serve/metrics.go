package serve

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are a server's numbers, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // path, code
	latency  *prometheus.HistogramVec // path
	streams  prometheus.Gauge
	closed   *prometheus.CounterVec // code

	frames, dropped *prometheus.CounterVec // model
	waiting         *prometheus.GaugeVec
	frameLatency    *prometheus.HistogramVec
	batch           *prometheus.HistogramVec
	clips           *prometheus.HistogramVec
}

// modelMetrics are those of one model: looked up once.
type modelMetrics struct {
	frames, dropped prometheus.Counter
	waiting         prometheus.Gauge
	latency, batch  prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	fine := []float64{0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2}
	coarse := []float64{0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60}
	m.requests = counter("fdht_requests_total", "Requests by path and status code.", "path", "code")
	m.latency = histogram("fdht_request_seconds", "Time of a request but for streams.", coarse, "path")
	m.streams = prometheus.NewGauge(prometheus.GaugeOpts{Name: "fdht_streams", Help: "Streams that are open."})
	m.closed = counter("fdht_streams_closed_total", "Streams that have ended, by WebSocket close code.", "code")
	m.frames = counter("fdht_frames_total", "Frames of streams that went through the network.", "model")
	m.dropped = counter("fdht_dropped_frames_total", "Frames of streams that newer ones took the place of.", "model")
	m.waiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "fdht_queue_frames", Help: "Frames of streams that wait."}, []string{"model"})
	m.frameLatency = histogram("fdht_frame_seconds", "Time from the arrival of a frame to its answer.", fine, "model")
	m.batch = histogram("fdht_batch_streams", "Streams in a step.", prometheus.ExponentialBuckets(1, 2, 9), "model")
	m.clips = histogram("fdht_clip_seconds", "Time to decode and classify a clip.", coarse, "model")
	m.registry.MustRegister(m.streams, m.waiting, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) of(model string) *modelMetrics {
	return &modelMetrics{
		frames: m.frames.WithLabelValues(model), dropped: m.dropped.WithLabelValues(model), waiting: m.waiting.WithLabelValues(model),
		latency: m.frameLatency.WithLabelValues(model), batch: m.batch.WithLabelValues(model),
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
