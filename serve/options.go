package serve

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"
)

// Options are what a server allows and how it behaves. The zero value of a bound is its default, see Defaults.
type Options struct {
	Token string   // that requests must bring; "" = none needed
	Hosts []string // names that this server has besides IP addresses and localhost; other names in Host are refused where there is no token

	FFmpeg string       // the ffmpeg program; "" = the one on the PATH
	Log    *slog.Logger // nil = nothing is said

	BodyBytes    int64         // of an upload
	Uploads      int           // at the same time; more are refused with 503
	UploadTime   time.Duration // for the whole of a request to arrive
	FramePixels  int           // height x width of a frame, in a clip or a stream
	Frames       int           // of a clip
	FFmpegTime   time.Duration // to decode a clip
	FFmpegMemory int64         // bytes of an ffmpeg process
	Predictions  int           // clips decoded at the same time; others wait for their turn

	Streams      int           // at the same time; more are refused with 503
	Queue        int           // frames of a stream that wait; one more drops the oldest
	Batch        int           // streams in a step
	Workers      int           // steps at the same time, for each model
	MessageBytes int64         // of a message of a stream
	HelloTime    time.Duration // for a stream's first message
	IdleTime     time.Duration // without a message until a stream is closed, and between requests of a connection
	WriteTime    time.Duration // for a client to take an answer of a stream

	Connections int           // at the same time; more are refused with 503
	HeaderBytes int           // of a request's headers
	HeaderTime  time.Duration // for them to arrive
	DrainTime   time.Duration // for what is under way when the server stops
}

// Defaults are the options with a default.
func Defaults() Options {
	return Options{
		BodyBytes: 64 << 20, Uploads: 32, UploadTime: 30 * time.Second, FramePixels: 1920 * 1088, Frames: 3000,
		FFmpegTime: 30 * time.Second, FFmpegMemory: 2 << 30, Predictions: runtime.GOMAXPROCS(0),
		Streams: 1024, Queue: 2, Batch: 32, Workers: runtime.GOMAXPROCS(0), MessageBytes: 8 << 20,
		HelloTime: 5 * time.Second, IdleTime: 60 * time.Second, WriteTime: 10 * time.Second,
		Connections: 4096, HeaderBytes: 16 << 10, HeaderTime: 5 * time.Second, DrainTime: 10 * time.Second,
	}
}

// filled returns o with defaults where it says nothing.
func (o Options) filled() (Options, error) {
	d := Defaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, v := range []struct {
		name         string
		value, other *int
	}{
		{"FramePixels", &o.FramePixels, &d.FramePixels}, {"Frames", &o.Frames, &d.Frames}, {"Uploads", &o.Uploads, &d.Uploads}, {"Predictions", &o.Predictions, &d.Predictions},
		{"Streams", &o.Streams, &d.Streams}, {"Queue", &o.Queue, &d.Queue}, {"Batch", &o.Batch, &d.Batch}, {"Workers", &o.Workers, &d.Workers},
		{"Connections", &o.Connections, &d.Connections}, {"HeaderBytes", &o.HeaderBytes, &d.HeaderBytes},
	} {
		if err := fill(v.name, v.value, *v.other); err != nil {
			return o, err
		}
	}
	for _, v := range []struct {
		name         string
		value, other *int64
	}{{"BodyBytes", &o.BodyBytes, &d.BodyBytes}, {"FFmpegMemory", &o.FFmpegMemory, &d.FFmpegMemory}, {"MessageBytes", &o.MessageBytes, &d.MessageBytes}} {
		if err := fill(v.name, v.value, *v.other); err != nil {
			return o, err
		}
	}
	for _, v := range []struct {
		name         string
		value, other *time.Duration
	}{
		{"UploadTime", &o.UploadTime, &d.UploadTime}, {"FFmpegTime", &o.FFmpegTime, &d.FFmpegTime}, {"HelloTime", &o.HelloTime, &d.HelloTime},
		{"IdleTime", &o.IdleTime, &d.IdleTime}, {"WriteTime", &o.WriteTime, &d.WriteTime}, {"HeaderTime", &o.HeaderTime, &d.HeaderTime},
		{"DrainTime", &o.DrainTime, &d.DrainTime},
	} {
		if err := fill(v.name, v.value, *v.other); err != nil {
			return o, err
		}
	}
	return o, nil
}

func fill[T int | int64 | time.Duration](name string, value *T, other T) error {
	if *value < 0 {
		return fmt.Errorf("%s is %v: want more than 0", name, *value)
	}
	if *value == 0 {
		*value = other
	}
	return nil
}

// Loopback reports whether only this machine can reach addr, a host and port to listen on. Names other than localhost do not count: who knows where they lead.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
