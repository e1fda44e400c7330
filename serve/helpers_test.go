package serve

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fdht/fdht/lags"
	"go.uber.org/goleak"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/video"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const side = 16 // of the frames of the models here

// modelOf is an untrained model of 16x16 frames of a kind, or of rows of 20 features ("").
func modelOf(t testing.TB, input string) *fdht.Model {
	t.Helper()
	cfg := model.Config{Cell: "lstm", Input: 20, Hidden: 8, Layers: 1, Pooling: "mean", Classes: []string{"a", `"b"`, "c", "d", "e", "<f>", "é"}, Steps: 4}
	if input != "" {
		in := dataset.Input{Kind: input, Height: side, Width: side, Lag: lags.List{2}}.WithDefaults()
		cfg.Input = in.Size()
		cfg.Frame = &model.Frame{Height: side, Width: side, Channels: in.Channels(), Input: in.Kind, Lag: in.Lag, Gain: float64(in.Gain)}
		cfg.Standardise = &model.Standardise{Mean: []float64{0.2}, Std: []float64{0.3}}
	}
	cfg.Structure = factor.HTSpec([]int{(cfg.Input + 8 + 3) / 4, 4}, []int{8, 4}, 3, 1)
	return from(t, cfg)
}

func from(t testing.TB, cfg model.Config) *fdht.Model {
	t.Helper()
	f, err := model.New(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range f.Net.Params() { // no number is one that a mistake could make, too
		for i := range p.Data {
			p.Data[i] += float32(0.1 * rng.NormFloat64())
		}
	}
	m, err := fdht.From(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newServer makes a server that ends with the test.
func newServer(t testing.TB, o Options, models ...*fdht.Model) *Server {
	t.Helper()
	var named []Named
	for i, m := range models {
		named = append(named, Named{fmt.Sprintf("m%d", i), m, 1234})
	}
	s, err := New(named, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// up serves on a port of its own until the test ends, and returns the address.
func up(t testing.TB, s *Server) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// clientOf talks to a server at addr over connections that end with the test.
func clientOf(t testing.TB, addr, token string) *client.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c, err := client.New("http://"+addr, client.Options{Token: token, HTTP: &http.Client{Transport: tr}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// frames are n grey frames of h x w.
func frames(n, h, w int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(n), 5))
	var out [][]byte
	for range n {
		f := make([]byte, h*w)
		for i := range f {
			f[i] = byte(rng.Uint32())
		}
		out = append(out, f)
	}
	return out
}

// y4m is a file of grey frames.
func y4m(t testing.TB, h, w int, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	wr := video.NewY4MWriter(&b, 10)
	for _, f := range frames {
		if err := wr.Write(video.Frame{Height: h, Width: w, Channels: 1, Pix: f}); err != nil {
			t.Fatal(err)
		}
	}
	if err := wr.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// npy is an array [rows, columns] of bytes.
func npy(rows, columns int) []byte {
	head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }", rows, columns)
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	b = append(b, head...)
	for i := range rows * columns {
		b = append(b, byte(i%7))
	}
	return b
}

// near holds numbers to each other, to rounding.
func near(t testing.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-5*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// within fails a test that waits for what never comes.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}
