package dataset

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/fdht/fdht/internal/watch"
)

// Features is a clip folder of feature sequences: .npy or .npz files of [T, F], one a clip. They are kept in memory up
// to a bound and read again beyond it. It is a Dataset.
type Features struct {
	name    string
	classes []string
	width   int
	clips   []featureClip
	bad     []string
}

type featureClip struct {
	found
	rows []float32 // nil = read when used
	n    int       // time steps
}

// featureMemory is how many floats are kept in memory: 2 GiB of them.
const featureMemory = 1 << 29

func openFeatures(ctx context.Context, root string, s *scan, o Options) (Dataset, *Report, error) {
	d := &Features{name: baseName(root), classes: s.classes}
	rep := &Report{Clips: len(s.clips), Ignored: s.ignored}
	clips := make([]featureClip, len(s.clips))
	widths := make([]int, len(s.clips))
	errs := make([]error, len(s.clips))
	var held atomic.Int64
	dog := watch.New(o.Watchdog)
	err := watched(ctx, dog, len(clips), o.workers(), o.Progress, func(_ context.Context, i int) error {
		c := &clips[i]
		c.found = s.clips[i]
		task := dog.Begin("", c.path)
		defer task.End()
		rows, width, err := readFeatures(c.path)
		if err != nil {
			errs[i] = plainErr(err, c.path)
			return nil
		}
		widths[i], c.n = width, len(rows)/width
		if held.Add(int64(len(rows))) <= featureMemory {
			c.rows = rows
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	d.width = mostCommon(widths)
	for i, c := range clips {
		if errs[i] == nil && widths[i] != d.width {
			errs[i] = fmt.Errorf("%d features a step, most clips have %d", widths[i], d.width)
		}
		if errs[i] != nil {
			rep.Bad = append(rep.Bad, BadClip{c.id, errs[i]})
			continue
		}
		d.clips = append(d.clips, c)
	}
	if err := rep.judge(root, o); err != nil {
		return nil, rep, err
	}
	d.bad = rep.badIDs()
	return d, rep, nil
}

// mostCommon is the value that occurs most often, the smaller one of two; 0 does not count.
func mostCommon(values []int) int {
	count := map[int]int{}
	best := 0
	for _, v := range values {
		if v > 0 {
			count[v]++
		}
	}
	for v, n := range count {
		if best == 0 || n > count[best] || (n == count[best] && v < best) {
			best = v
		}
	}
	return best
}

// Name is the folder's own name.
func (d *Features) Name() string { return d.name }

// Classes are the names of the label folders, sorted.
func (d *Features) Classes() []string { return d.classes }

// Len is the number of readable clips.
func (d *Features) Len() int { return len(d.clips) }

// ID is the slash path of clip i relative to the root.
func (d *Features) ID(i int) string { return d.clips[i].id }

// Label is the class of clip i.
func (d *Features) Label(i int) int { return d.clips[i].label }

// Group is the subject or source of clip i as far as its name tells.
func (d *Features) Group(i int) string { return d.clips[i].group }

// Width is the number of features F.
func (d *Features) Width() int { return d.width }

// Frames is the number of time steps of clip i.
func (d *Features) Frames(i int) int { return d.clips[i].n }

// Excluded are the ids of clips that could not be read: a split may name them without harm.
func (d *Features) Excluded() []string { return d.bad }

// Clip prepares clip i.
func (d *Features) Clip(dst *Clip, i int, s Sample) error {
	c := &d.clips[i]
	rows := c.rows
	if rows == nil {
		var width int
		var err error
		if rows, width, err = readFeatures(c.path); err != nil {
			return fmt.Errorf("clip %s: %w", c.id, plainErr(err, c.path))
		}
		if width != d.width || len(rows) != c.n*d.width {
			return fmt.Errorf("clip %s: %w", c.id, errors.New("the file has changed since it was opened; start again"))
		}
	}
	return dst.setRows(c.id, i, d.width, rows, s)
}
