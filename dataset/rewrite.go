package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/video"
)

// rewrite writes the clips of a folder anew, each by one: OUT/<label>/.../<clip> with the extension ext. Of o it uses Workers, MaxBad and Progress. one says what is wrong
// with the clip, which is then left out and in the report, and what is wrong with writing, which ends it.
func (s *scan) rewrite(ctx context.Context, root, out, ext string, o Options, one func(ctx context.Context, from, to string) (warn string, bad, err error)) (*Report, error) {
	to := make([]string, len(s.clips))
	from := map[string]string{}
	for i, c := range s.clips {
		to[i] = strings.TrimSuffix(c.id, path.Ext(c.id)) + ext
		if st, err := os.Stat(c.path); err == nil && st.IsDir() {
			to[i] = c.id + ext
		}
		if other, there := from[to[i]]; there {
			return nil, fmt.Errorf("%s: %s and %s would both be %s: rename one", root, other, c.id, to[i])
		}
		from[to[i]] = c.id
	}
	rep := &Report{Clips: len(s.clips), Decoded: len(s.clips), Ignored: s.ignored}
	warns, errs := make([]string, len(s.clips)), make([]error, len(s.clips))
	err := each(ctx, len(s.clips), o.workers(), o.Progress, func(ctx context.Context, i int) error {
		var err error
		warns[i], errs[i], err = one(ctx, s.clips[i].path, filepath.Join(out, filepath.FromSlash(to[i])))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(errs[i], video.ErrNoFFmpeg): // the same for all clips: said once
			return errs[i]
		case errs[i] != nil:
			errs[i] = plainErr(errs[i], s.clips[i].path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, c := range s.clips {
		if errs[i] != nil {
			rep.Bad = append(rep.Bad, BadClip{c.id, errs[i]})
		} else if warns[i] != "" {
			rep.Damaged = append(rep.Damaged, BadClip{c.id, errors.New(warns[i])})
		}
	}
	return rep, rep.judge(baseName(root), Options{MaxBad: o.MaxBad})
}
