// Command serve puts load on a running fdht serve: many WebSocket streams of grey frames at a steady rate, and says how long answers took and how many frames
// were dropped. It is for servers on this machine.
//
//	fdht serve --model utd=runs/utd-mhad-depth &
//	go run ./bench/serve --streams 200 --fps 24 --for 20s
//	go run ./bench/serve --streams 400 --for 20s --then 200
//	go run ./bench/serve --streams 100 --for 3m --soak
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/serve"
)

// load is what the flags say.
type load struct {
	server, model           string
	streams, then, fps      int
	width, height           int
	duration, warm, patient time.Duration
	soak                    bool
}

// report is what one run came to.
type report struct {
	Streams   int     `json:"streams"`
	FPS       int     `json:"fps"`
	Sent      int     `json:"sent"`
	Skipped   int     `json:"skipped"` // not sent, because the one before was still on its way out
	Answered  int     `json:"answered"`
	Dropped   int     `json:"dropped"` // by the server, as it says
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	Worst     float64 `json:"max_ms"`
	ServerP99 float64 `json:"server_p99_ms"` // as its answers say
}

func main() {
	var l load
	flag.StringVar(&l.server, "server", "http://127.0.0.1:8080", "the server")
	flag.StringVar(&l.model, "model", "", "model; left out: the default one")
	flag.IntVar(&l.streams, "streams", 200, "streams")
	flag.IntVar(&l.then, "then", 0, "streams in a second run right after, to see the server recover; 0 = no such run")
	flag.IntVar(&l.fps, "fps", 24, "frames a second of each stream")
	flag.IntVar(&l.width, "width", 160, "of the frames")
	flag.IntVar(&l.height, "height", 120, "of the frames")
	flag.DurationVar(&l.duration, "for", 20*time.Second, "how long")
	flag.DurationVar(&l.warm, "warm", 2*time.Second, "how long before it is measured")
	flag.DurationVar(&l.patient, "wait", 10*time.Second, "for the answers at the end")
	flag.BoolVar(&l.soak, "soak", false, "print the server's memory and goroutines every ten seconds, and fail when they grow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := l.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (l load) run(ctx context.Context) error {
	u, err := url.Parse(l.server)
	if err != nil || !serve.Loopback(u.Host) {
		return fmt.Errorf("--server %s: want a server on this machine, with its port", l.server)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c, err := client.New(l.server, client.Options{Token: os.Getenv("FDHT_TOKEN"), HTTP: &http.Client{Transport: tr}})
	if err != nil {
		return err
	}
	runs := []int{l.streams}
	if l.then > 0 {
		runs = append(runs, l.then)
	}
	for _, n := range runs {
		before, err := numbers(ctx, l.server)
		if err != nil {
			return err
		}
		watched := func() error { return nil }
		if l.soak {
			watched = watch(ctx, l.server)
		}
		r, err := l.once(ctx, c, n)
		if e := watched(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		after, err := numbers(ctx, l.server)
		if err != nil {
			return err
		}
		out, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Println(string(out))
		fmt.Printf("server: %.1f s of processor time, memory %s, goroutines %.0f before, %.0f after\n", after["process_cpu_seconds_total"]-before["process_cpu_seconds_total"],
			megabytes(after["process_resident_memory_bytes"]), before["go_goroutines"], after["go_goroutines"])
	}
	return nil
}

// once runs n streams and waits for their answers.
func (l load) once(ctx context.Context, c *client.Client, n int) (report, error) {
	r := report{Streams: n, FPS: l.fps}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var times, server []float64
	var failed error
	open := make([]*client.Stream, n)
	for i := range open {
		st, err := c.Stream(ctx, l.model, client.Hello{Format: "grey", Width: l.width, Height: l.height})
		if err != nil {
			for _, st := range open[:i] {
				st.Close()
			}
			return r, fmt.Errorf("stream %d: %w", i, err)
		}
		open[i] = st
	}
	begin := time.Now().Add(200 * time.Millisecond)
	for i, st := range open {
		wg.Go(func() {
			one, err := l.stream(ctx, st, begin.Add(time.Duration(i)*time.Second/time.Duration(l.fps*n)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = fmt.Errorf("stream %d: %w", i, err)
			}
			r.Sent, r.Skipped, r.Answered, r.Dropped = r.Sent+one.sent, r.Skipped+one.skipped, r.Answered+len(one.times), r.Dropped+one.dropped
			times, server = append(times, one.times...), append(server, one.server...)
		})
	}
	wg.Wait()
	slices.Sort(times)
	slices.Sort(server)
	r.P50, r.P90, r.P99, r.Worst, r.ServerP99 = at(times, 0.5), at(times, 0.9), at(times, 0.99), at(times, 1), at(server, 0.99)
	return r, failed
}

// at is a quantile of sorted values.
func at(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// one is what one stream came to, after it was warm.
type one struct {
	sent, skipped, dropped int
	times, server          []float64 // ms
}

// stream sends frames at their times, whatever became of those before, as a camera does; a frame whose time is past by a whole period is not sent.
func (l load) stream(ctx context.Context, st *client.Stream, begin time.Time) (one, error) {
	period := time.Second / time.Duration(l.fps)
	total := int(l.duration / period)
	when := make([]time.Time, total) // each was due; filled by number of what was sent
	var mu sync.Mutex
	var o one
	warm := begin.Add(l.warm)
	answers := make(chan error, 1)
	sentAll := make(chan int, 1)
	recvCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		var first, last client.Answer
		seen, all, done := false, -1, 0
		for {
			a, err := st.Receive(recvCtx)
			if err != nil {
				answers <- err
				return
			}
			now := time.Now()
			mu.Lock()
			due := when[a.Frame]
			mu.Unlock()
			last, done = a, a.Frame
			if due.After(warm) {
				if !seen {
					first, seen = a, true
				}
				o.times = append(o.times, now.Sub(due).Seconds()*1e3)
				o.server = append(o.server, a.Latency)
			}
			o.dropped = last.Dropped - first.Dropped
			if all < 0 {
				select {
				case all = <-sentAll:
				default:
				}
			}
			if all >= 0 && done >= all-1 {
				answers <- nil
				return
			}
		}
	}()
	frame := make([]byte, l.width*l.height)
	rng := rand.New(rand.NewPCG(uint64(begin.UnixNano()), 1))
	number := 0
	for k := range total {
		due := begin.Add(time.Duration(k) * period)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return o, ctx.Err()
			}
		} else if -wait > period && k < total-1 {
			if due.After(warm) {
				o.skipped++
			}
			continue
		}
		lo := rng.IntN(len(frame) - 400)
		for i := lo; i < lo+400; i++ { // something changes
			frame[i] += 37
		}
		mu.Lock()
		when[number] = due
		mu.Unlock()
		number++
		if due.After(warm) {
			o.sent++
		}
		if k == total-1 {
			sentAll <- number
		}
		if err := st.Send(ctx, frame); err != nil {
			return o, err
		}
	}
	var err error
	select {
	case err = <-answers:
	case <-time.After(l.patient):
		err = errors.New("no answer to the last frame")
	}
	if e := st.Close(); err == nil {
		err = e
	}
	return o, err
}

// numbers reads the server's metrics that have no labels.
func numbers(ctx context.Context, server string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	if t := os.Getenv("FDHT_TOKEN"); t != "" {
		req.Header.Set("Authorization", "Bearer "+t)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := map[string]float64{}
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		name, value, ok := strings.Cut(s.Text(), " ")
		if x, err := strconv.ParseFloat(value, 64); ok && err == nil {
			out[name] = x
		}
	}
	return out, s.Err()
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }

// watch prints memory and goroutines of the server every ten seconds. The function it returns ends that, and says whether they grew: by more than a tenth and 8 MB, or
// ten goroutines, from the first third of the time to the last.
func watch(ctx context.Context, server string) func() error {
	ctx, cancel := context.WithCancel(ctx)
	var memory, routines []float64
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			n, err := numbers(ctx, server)
			if err != nil {
				continue
			}
			m, g := n["process_resident_memory_bytes"], n["go_goroutines"]
			memory, routines = append(memory, m), append(routines, g)
			fmt.Printf("memory %s, heap %s, goroutines %.0f\n", megabytes(m), megabytes(n["go_memstats_heap_alloc_bytes"]), g)
		}
	}()
	return func() error {
		cancel()
		<-done
		third := len(memory) / 3
		if third == 0 {
			return nil
		}
		a, b := slices.Max(memory[:third]), slices.Max(memory[len(memory)-third:])
		if b > 1.1*a+8e6 {
			return fmt.Errorf("memory grew from %s to %s", megabytes(a), megabytes(b))
		}
		if a, b := slices.Max(routines[:third]), slices.Max(routines[len(routines)-third:]); b > a+10 {
			return fmt.Errorf("goroutines grew from %.0f to %.0f", a, b)
		}
		return nil
	}
}
