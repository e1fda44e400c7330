//go:build mpi

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/mpi"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// network is one that is measured.
type network struct {
	name  string
	batch int
	ranks bool // train.Options.SumRanks
	spec  factor.Spec
}

// networks are those of the UTD-MHAD depth experiment: 160x120 pixels, 256 hidden units, 16 steps, 27 classes.
var networks = map[string]network{
	"fdht":     {"FDHT, by shards", 16, false, factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8)},
	"fdht-sum": {"FDHT, --sum-ranks", 16, true, factor.HTSpec([]int{9, 15, 10, 16}, []int{16, 4, 4, 4}, 8, 8)},
	"dense":    {"dense", 16, true, factor.DenseSpec(1024, inputs+256)},
}

const inputs, steps, classes = 19200, 16, 27

// sample is what rank 0 measured, in seconds: medians over the steps of a run, and the least.
type sample struct {
	Ranks  int     `json:"ranks"`
	Step   float64 `json:"step"`   // from the end of a step to that of the next
	CPU    float64 `json:"cpu"`    // processor time of this rank outside of the exchange: what a step takes where nothing else runs
	Sum    float64 `json:"sum"`    // in AllToAll and AllGather
	Least  float64 `json:"least"`  // the same, of the quickest step
	Bytes  int     `json:"bytes"`  // sent to other ranks by AllToAll and AllGather, a step
	Params int     `json:"params"` // of the network
}

// timed is a Group that keeps time and counts bytes; the World of one process is left out by train.
type timed struct {
	mpi.World
	sum, cpu time.Duration // in the exchange of numbers; processor time in all of the exchange
	bytes    int
}

func (g *timed) Gather(all, mine []byte) error {
	defer g.spent(processor())
	return g.World.Gather(all, mine)
}

// processor is the time that this process has had.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no errors but wrong arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (g *timed) spent(begun time.Duration) { g.cpu += processor() - begun }

func (g *timed) AllToAll(recv, send []float32) error {
	defer g.spent(processor())
	defer since(time.Now(), &g.sum)
	g.bytes += 4 * len(send) / g.Size() * (g.Size() - 1)
	return g.World.AllToAll(recv, send)
}

func (g *timed) AllGather(all, mine []float32) error {
	defer g.spent(processor())
	defer since(time.Now(), &g.sum)
	g.bytes += 4 * len(mine) * (g.Size() - 1)
	return g.World.AllGather(all, mine)
}

func since(begun time.Time, to *time.Duration) { *to += time.Since(begun) }

// noise is clips of random rows, kept in memory.
type noise struct{ clips []rnn.Sequence }

type clip []float32

func (c clip) Len() int                  { return steps }
func (c clip) Load(dst []float32, t int) { copy(dst, c[t*inputs:(t+1)*inputs]) }

func newNoise(n int) noise {
	rng := rand.New(rand.NewPCG(1, 2))
	var s noise
	for range n {
		c := make(clip, steps*inputs)
		for i := range c {
			c[i] = float32(rng.Float64() - 0.5)
		}
		s.clips = append(s.clips, c)
	}
	return s
}

func (s noise) Len() int        { return len(s.clips) }
func (s noise) Width() int      { return inputs }
func (s noise) Label(i int) int { return i % classes }

func (s noise) Clip(_ rnn.Sequence, i int, _ train.Draw) (rnn.Sequence, error) {
	return s.clips[i], nil
}

// meter takes the time between steps.
type meter struct {
	g       *timed
	last    time.Time
	cpu     time.Duration
	samples []sample
}

func (m *meter) Step(train.Step) {
	now, cpu := time.Now(), processor()
	if !m.last.IsZero() {
		m.samples = append(m.samples, sample{Step: now.Sub(m.last).Seconds(), CPU: (cpu - m.cpu - m.g.cpu).Seconds(), Sum: m.g.sum.Seconds(), Bytes: m.g.bytes})
	}
	m.g.sum, m.g.cpu, m.g.bytes = 0, 0, 0
	m.last, m.cpu = time.Now(), processor()
}

func (m *meter) Epoch(train.Epoch) { m.last = time.Time{} }
func (m *meter) Note(string)       {}

// work trains in this rank and prints the sample.
func work(n network, epochs int) error {
	w, err := mpi.Start()
	if err != nil {
		return err
	}
	defer w.Stop()
	labels := make([]string, classes)
	for i := range labels {
		labels[i] = fmt.Sprint(i)
	}
	m, err := model.New(model.Config{Cell: "lstm", Input: inputs, Hidden: 256, Layers: 1, Structure: n.spec, Classes: labels, Pooling: "mean"}, 1)
	if err != nil {
		return err
	}
	s := train.DefaultSettings()
	s.Batch, s.Epochs, s.Calibrate, s.Warmup = n.batch, epochs, 0, 0
	t := &meter{g: &timed{World: w}}
	o := train.Options{Settings: s, Model: m, Train: newNoise(2 * n.batch), Workers: 1, Group: t.g, SumRanks: n.ranks, Progress: t}
	if _, err := train.Run(context.Background(), o); err != nil {
		return err
	}
	if w.Rank() != 0 {
		return nil
	}
	out := sample{Ranks: w.Size(), Bytes: t.samples[0].Bytes}
	for _, p := range m.Net.Params() {
		out.Params += len(p.Data)
	}
	for _, f := range []struct {
		to  *float64
		get func(sample) float64
	}{{&out.Step, func(s sample) float64 { return s.Step }}, {&out.Sum, func(s sample) float64 { return s.Sum }}, {&out.CPU, func(s sample) float64 { return s.CPU }}} {
		*f.to = median(t.samples, f.get)
	}
	out.Least = t.samples[0].Sum
	for _, s := range t.samples {
		out.Least = min(out.Least, s.Sum)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func median(s []sample, get func(sample) float64) float64 {
	var v []float64
	for _, x := range s {
		v = append(v, get(x))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
