package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/fdht/fdht/video"
)

// Count is a name and how many clips it has.
type Count struct {
	Name  string
	Clips int
}

// Checked is what Check found in a data set.
type Checked struct {
	Name    string
	Kind    string  // video, features or series
	Classes []Count // in the order of the labels, readable clips
	Groups  []Count // in natural order
	Sizes   []Count // 160x120 (width x height) for video, the number of features or channels else; most frequent first
	Frames  struct{ Min, Median, Max int }
	Total   int // frames or steps in all
	Report  Report
}

// Check reads every clip of a data set and counts. Video is decoded at its own size and nothing is cached, so
// o.Input is not needed. Unreadable clips are in the report however many there are; the error is about the set as a whole.
func Check(ctx context.Context, root string, o Options) (*Checked, error) {
	if st, err := os.Stat(root); err != nil {
		return nil, openErr(root, err)
	} else if st.IsDir() {
		series, err := seriesFiles(root)
		if err != nil {
			return nil, err
		}
		if len(series) == 0 {
			s, err := scanFolder(root)
			if err != nil {
				return nil, err
			}
			if !s.features {
				return checkVideo(ctx, root, s, o)
			}
		}
	}
	o.MaxBad = 1
	ds, rep, err := Open(ctx, root, o)
	if errors.Is(err, ErrTooManyBad) {
		return &Checked{Name: baseName(root), Kind: "features", Report: *rep}, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Checked{Name: ds.Name(), Kind: "series", Report: *rep}
	if _, ok := ds.(*Features); ok {
		c.Kind = "features"
	}
	t := newTally(ds.Classes())
	for i := range ds.Len() {
		t.add(ds.Label(i), ds.Group(i), strconv.Itoa(ds.Width()), ds.Frames(i))
	}
	t.into(c)
	return c, nil
}

// checkVideo counts the frames of every clip.
func checkVideo(ctx context.Context, root string, s *scan, o Options) (*Checked, error) {
	type result struct {
		frames int
		size   string
		warn   string
		err    error
	}
	res := make([]result, len(s.clips))
	err := each(ctx, len(s.clips), o.workers(), o.Progress, func(ctx context.Context, i int) error {
		r := &res[i]
		vo := video.Options{Channels: 1, FFmpeg: o.FFmpeg, Threads: 1, Warn: func(text string) { r.warn = text }}
		for f, err := range video.Frames(ctx, s.clips[i].path, vo) {
			if errors.Is(err, video.ErrNoFFmpeg) { // the same for all that need it: said once
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				r.err = plainErr(err, s.clips[i].path)
				return nil
			}
			r.frames++
			r.size = fmt.Sprintf("%dx%d", f.Width, f.Height)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &Checked{Name: baseName(root), Kind: "video", Report: Report{Clips: len(s.clips), Decoded: len(s.clips), Ignored: s.ignored}}
	t := newTally(s.classes)
	for i, r := range res {
		if r.err != nil {
			c.Report.Bad = append(c.Report.Bad, BadClip{s.clips[i].id, r.err})
			continue
		}
		if r.warn != "" {
			c.Report.Damaged = append(c.Report.Damaged, BadClip{s.clips[i].id, errors.New(r.warn)})
		}
		t.add(s.clips[i].label, s.clips[i].group, r.size, r.frames)
	}
	t.into(c)
	return c, nil
}

// tally counts clips.
type tally struct {
	classes       []Count
	groups, sizes map[string]int
	frames        []int
}

func newTally(classes []string) *tally {
	t := &tally{groups: map[string]int{}, sizes: map[string]int{}}
	for _, c := range classes {
		t.classes = append(t.classes, Count{Name: c})
	}
	return t
}

func (t *tally) add(label int, group, size string, frames int) {
	t.classes[label].Clips++
	t.groups[group]++
	t.sizes[size]++
	t.frames = append(t.frames, frames)
}

func (t *tally) into(c *Checked) {
	c.Classes = t.classes
	for g, n := range t.groups {
		c.Groups = append(c.Groups, Count{g, n})
	}
	slices.SortFunc(c.Groups, func(a, b Count) int { return naturalCompare(a.Name, b.Name) })
	for s, n := range t.sizes {
		c.Sizes = append(c.Sizes, Count{s, n})
	}
	slices.SortFunc(c.Sizes, func(a, b Count) int {
		if a.Clips != b.Clips {
			return b.Clips - a.Clips
		}
		return naturalCompare(a.Name, b.Name)
	})
	if len(t.frames) == 0 {
		return
	}
	slices.Sort(t.frames)
	for _, n := range t.frames {
		c.Total += n
	}
	c.Frames.Min, c.Frames.Median, c.Frames.Max = t.frames[0], t.frames[len(t.frames)/2], t.frames[len(t.frames)-1]
}
