package dataset

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/fdht/fdht/internal/watch"
	"github.com/fdht/fdht/video"
)

// Folder is a clip folder of video: decoded frames in a cache, mapped into memory clip by clip when first used. It is
// a Dataset.
type Folder struct {
	name    string
	in      Input
	classes []string
	clips   []folderClip
	bad     []string
	cache   cache
	remake  func(ctx context.Context, c *folderClip) (*mapping, error)

	mu     sync.Mutex
	mapped int
}

type folderClip struct {
	found
	key    cacheKey
	frames int

	mu  sync.Mutex
	mem *mapping // nil until used
}

// maxMapped bounds the mappings of a process; Linux allows 65,530. Clips beyond it are read into the clip's memory.
const maxMapped = 30000

// openVideo decodes what the cache does not hold and makes the Folder.
func openVideo(ctx context.Context, root string, s *scan, o Options) (*Folder, *Report, error) {
	if err := o.Input.Validate(); err != nil {
		return nil, nil, err
	}
	in := o.Input.WithDefaults()
	if o.CacheDir == "" {
		d, err := DefaultCacheDir()
		if err != nil {
			return nil, nil, err
		}
		o.CacheDir = d
	}
	f := &Folder{name: baseName(root), in: in, classes: s.classes, cache: cache{o.CacheDir}}
	vo := video.Options{FFmpeg: o.FFmpeg, Threads: 1}
	f.remake = func(ctx context.Context, c *folderClip) (*mapping, error) {
		if _, _, err := f.cache.build(ctx, c.key, c.path, in, vo, nil); err != nil {
			return nil, err
		}
		return f.cache.open(c.key, in, true)
	}
	rep := &Report{Clips: len(s.clips), Ignored: s.ignored}
	clips := make([]folderClip, len(s.clips))
	errs := make([]error, len(s.clips))
	warns := make([]string, len(s.clips))
	made := make([]bool, len(s.clips))
	dog := watch.New(o.Watchdog)
	err := watched(ctx, dog, len(clips), o.workers(), o.Progress, func(ctx context.Context, i int) error {
		c := &clips[i]
		c.found = s.clips[i]
		task := dog.Begin("", c.path)
		defer task.End()
		var err error
		if c.key, err = keyOf(c.path, in); err != nil {
			errs[i] = plainErr(openErr(c.path, err), c.path)
			return nil
		}
		ci, warn, err := f.cache.look(c.key, in)
		if err != nil {
			made[i] = true
			ci, warn, err = f.cache.build(ctx, c.key, c.path, in, vo, task)
		}
		var ce *cacheError
		if errors.Is(err, video.ErrNoFFmpeg) || errors.As(err, &ce) || ctx.Err() != nil { // the same for all clips: said once
			return err
		}
		c.frames, warns[i], errs[i] = ci.t, warn, err
		if err != nil {
			errs[i] = plainErr(err, c.path)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range clips {
		switch {
		case errs[i] != nil:
			rep.Bad = append(rep.Bad, BadClip{clips[i].id, errs[i]})
			continue
		case warns[i] != "":
			rep.Damaged = append(rep.Damaged, BadClip{clips[i].id, errors.New(warns[i])})
		}
		if made[i] {
			rep.Decoded++
		}
		f.clips = append(f.clips, folderClip{found: clips[i].found, key: clips[i].key, frames: clips[i].frames})
	}
	if err := rep.judge(root, o); err != nil {
		return nil, rep, err
	}
	f.bad = rep.badIDs()
	return f, rep, nil
}

func baseName(p string) string {
	if abs, err := filepath.Abs(p); err == nil {
		p = abs
	}
	return filepath.Base(p)
}

// Name is the folder's own name.
func (f *Folder) Name() string { return f.name }

// Classes are the names of the label folders, sorted.
func (f *Folder) Classes() []string { return f.classes }

// Len is the number of readable clips.
func (f *Folder) Len() int { return len(f.clips) }

// ID is the slash path of clip i relative to the root.
func (f *Folder) ID(i int) string { return f.clips[i].id }

// Label is the class of clip i.
func (f *Folder) Label(i int) int { return f.clips[i].label }

// Group is the subject or source video of clip i as far as its name tells.
func (f *Folder) Group(i int) string { return f.clips[i].group }

// Width is the number of floats a row: Input().Size().
func (f *Folder) Width() int { return f.in.Size() }

// Frames is the number of source frames of clip i.
func (f *Folder) Frames(i int) int { return f.clips[i].frames }

// Input is what the rows are, defaults filled in.
func (f *Folder) Input() Input { return f.in }

// Clip prepares clip i. A cache file that went missing since Open is made again.
func (f *Folder) Clip(dst *Clip, i int, s Sample) error {
	c := &f.clips[i]
	m, err := f.mapping(c)
	if err != nil {
		return fmt.Errorf("clip %s: %w", c.id, err)
	}
	return dst.setFrames(c.id, i, f.in, m.frames, m, s)
}

func (f *Folder) mapping(c *folderClip) (*mapping, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mem != nil {
		return c.mem, nil
	}
	f.mu.Lock()
	mapIt := f.mapped < maxMapped
	if mapIt {
		f.mapped++
	}
	f.mu.Unlock()
	m, err := f.cache.open(c.key, f.in, mapIt)
	if err != nil {
		if m, err = f.remake(context.Background(), c); err != nil {
			return nil, plainErr(err, c.path)
		}
	}
	if m.mapped {
		c.mem = m
	} else if mapIt {
		f.mu.Lock()
		f.mapped--
		f.mu.Unlock()
	}
	return m, nil
}

// Excluded are the ids of clips that could not be read: a split may name them without harm.
func (f *Folder) Excluded() []string { return f.bad }

// Close unmaps the frames. Clips made by this Folder must not be read after it.
func (f *Folder) Close() error {
	for i := range f.clips {
		c := &f.clips[i]
		if !c.mu.TryLock() { // it is still being read, for ever perhaps
			continue
		}
		if c.mem != nil {
			c.mem.close()
			c.mem = nil
		}
		c.mu.Unlock()
	}
	return nil
}

// watched is each under a watchdog's eyes: when a task makes no progress ctx is cancelled, and what does not end by that is left behind.
func watched(ctx context.Context, dog *watch.Dog, n, workers int, progress func(done, total int), work func(ctx context.Context, i int) error) error {
	if dog == nil {
		return each(ctx, n, workers, progress, work)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- each(ctx, n, workers, progress, work) }()
	err, _, stall := watch.Wait(dog, ended)
	if stall == nil {
		return err
	}
	cancel()
	select { // for decoders to end and files to be removed
	case <-ended:
	case <-time.After(5 * time.Second):
	}
	return stall
}

// each runs work for 0..n-1 on a number of goroutines. After an error, or when ctx is done, no more is begun; what is under
// way is finished, so that of several errors it is always the one of the lowest number that is returned. progress is called
// after each, one call at a time.
func each(ctx context.Context, n, workers int, progress func(done, total int), work func(ctx context.Context, i int) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, done, failed := 0, 0, n
	var first error
	for range min(max(workers, 1), n) {
		wg.Go(func() {
			for {
				mu.Lock()
				if next >= n || first != nil || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				i := next
				next++
				mu.Unlock()
				err := work(ctx, i)
				mu.Lock()
				done++
				if err != nil && i < failed {
					failed, first = i, err
				}
				if err == nil && progress != nil {
					progress(done, n)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if first != nil {
		return first
	}
	return context.Cause(ctx)
}
