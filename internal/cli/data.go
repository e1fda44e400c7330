package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/jedib0t/go-pretty/v6/table"
)

// dataCmd is fdht data.
type dataCmd struct {
	Check    dataCheckCmd    `cmd:"" help:"Read every clip of a data set and report what is there and what is broken."`
	Split    dataSplitCmd    `cmd:"" help:"Divide a data set and write the split file."`
	Cache    dataCacheCmd    `cmd:"" help:"Decode all frames into the cache, ahead of training."`
	Crop     dataCropCmd     `cmd:"" help:"Cut each clip to what is in front of a black background, and write them as a clip folder."`
	Skeleton dataSkeletonCmd `cmd:"" help:"Move skeletons to one place and size, put their motion beside them, and write them as a clip folder."`
	Made     dataMadeCmd     `cmd:"" help:"Write the built-in motion clips as a clip folder, to try things on."`
}

// dataCheckCmd is fdht data check.
type dataCheckCmd struct {
	Dir     string `arg:"" placeholder:"DIR" help:"Folder DIR/<label>/**/<clip>, a .ts file or a folder of them."`
	Workers int    `group:"common" placeholder:"N" help:"Clips read at once (all processors)."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataCheckCmd) Help() string {
	return `Example:

  fdht data check clips

Video is decoded whole, at its own size. The exit code is 1 when a clip cannot be read or is damaged.`
}

// counted is a name and its number of clips in JSON.
type counted struct {
	Name  string `json:"name"`
	Clips int    `json:"clips"`
}

// broken is a clip and what is wrong with it in JSON.
type broken struct {
	Clip  string `json:"clip"`
	Error string `json:"error"`
}

// checked is what data check --json prints.
type checked struct {
	Data    string    `json:"data"`
	Kind    string    `json:"kind"`
	Clips   int       `json:"clips"`
	Frames  int       `json:"frames"`
	Min     int       `json:"frames_min"`
	Median  int       `json:"frames_median"`
	Max     int       `json:"frames_max"`
	Classes []counted `json:"classes"`
	Groups  []counted `json:"groups"`
	Sizes   []counted `json:"sizes"`
	Bad     []broken  `json:"bad"`
	Damaged []broken  `json:"damaged"`
	Ignored []string  `json:"ignored"`
}

// Run checks.
func (c *dataCheckCmd) Run(ctx context.Context, u *ui) error {
	b := u.bar("reading clips")
	found, err := dataset.Check(ctx, c.Dir, dataset.Options{Workers: c.Workers, MaxBad: 1, Progress: b.count})
	b.done()
	if err != nil {
		return err
	}
	rep := found.Report
	if c.JSON {
		err = u.json(checked{c.Dir, found.Kind, rep.Clips, found.Total, found.Frames.Min, found.Frames.Median, found.Frames.Max,
			counts(found.Classes), counts(found.Groups), counts(found.Sizes), brokenList(rep.Bad), brokenList(rep.Damaged), append([]string{}, rep.Ignored...)})
	} else {
		err = u.print("%s", checkText(found))
	}
	if err == nil && len(rep.Bad)+len(rep.Damaged) > 0 {
		return errFailed
	}
	return err
}

func counts(in []dataset.Count) []counted {
	out := make([]counted, len(in))
	for i, c := range in {
		out[i] = counted{c.Name, c.Clips}
	}
	return out
}

func brokenList(in []dataset.BadClip) []broken {
	out := make([]broken, len(in))
	for i, c := range in {
		out[i] = broken{c.ID, c.Err.Error()}
	}
	return out
}

// checkText is for people.
func checkText(c *dataset.Checked) string {
	var b strings.Builder
	sizes := make([]string, len(c.Sizes))
	for i, s := range c.Sizes {
		sizes[i] = s.Name
		if len(c.Sizes) > 1 {
			sizes[i] += fmt.Sprintf(" (%d)", s.Clips)
		}
	}
	unit := map[string]string{"video": "frames of", "features": "rows of width", "series": "steps of width"}[c.Kind]
	if len(sizes) > 6 {
		sizes = append(sizes[:6], fmt.Sprintf("and %d more", len(c.Sizes)-6))
	}
	fmt.Fprintf(&b, "%s: %s, %d clips, %d classes, %d groups, %s %s %s\n", c.Name, c.Kind, c.Report.Clips, len(c.Classes), len(c.Groups),
		thousands(int64(c.Total)), unit, strings.Join(sizes, ", "))
	if c.Frames.Min == c.Frames.Max {
		fmt.Fprintf(&b, "each clip has %d frame%s\n\n", c.Frames.Max, plural(c.Frames.Max))
	} else {
		fmt.Fprintf(&b, "a clip has %d to %d frames, half of the clips %d or fewer\n\n", c.Frames.Min, c.Frames.Max, c.Frames.Median)
	}
	t := newTable()
	t.AppendHeader(table.Row{"class", "clips"})
	for _, n := range c.Classes {
		t.AppendRow(table.Row{n.Name, n.Clips})
	}
	rightAlign(t, 2)
	b.WriteString(render(t))
	if n := len(c.Groups); n > 1 && n <= 60 && n < c.Report.Clips {
		b.WriteString("\ngroups (clips): ")
		for i, g := range c.Groups {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s (%d)", g.Name, g.Clips)
		}
		b.WriteString("\n")
	}
	for _, l := range []struct {
		what  string
		clips []dataset.BadClip
	}{{"cannot be read", c.Report.Bad}, {"damaged", c.Report.Damaged}} {
		if len(l.clips) > 0 {
			fmt.Fprintf(&b, "\n%d %s:\n", len(l.clips), l.what)
		}
		for _, bad := range l.clips {
			fmt.Fprintf(&b, "  %s: %v\n", bad.ID, bad.Err)
		}
	}
	if n := len(c.Report.Ignored); n > 0 {
		fmt.Fprintf(&b, "\nno clips: %s\n", someOf(c.Report.Ignored, 10))
	}
	return b.String()
}

func someOf(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// dataSplitCmd is fdht data split.
type dataSplitCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The data set."`
	splitFlags
	Cache   string  `placeholder:"DIR" group:"data" help:"Folder for decoded frames; left out: fdht in the user's cache folder."`
	MaxBad  float64 `default:"0.01" placeholder:"SHARE" group:"data" help:"Share of the clips that may be unreadable (${default})."`
	Out     string  `placeholder:"FILE" group:"common" help:"Write the split file there; - is stdout."`
	Workers int     `group:"common" placeholder:"N" help:"Processors to use (all)."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataSplitCmd) Help() string {
	return `Examples:

  fdht data split clips --test-groups 2,4,6,8 --out split.txt
  fdht data split clips --split-by file --test 0.2 --split-seed 7 --out split.txt
  fdht train --data clips --split-list split.txt --out runs/first

The file has a clip a line: train, val or test, a tab, the clip.`
}

// parted is what data split --json prints.
type parted struct {
	Data  string   `json:"data"`
	Train []string `json:"train"`
	Val   []string `json:"val"`
	Test  []string `json:"test"`
}

// Run splits.
func (c *dataSplitCmd) Run(ctx context.Context, u *ui) error {
	src := sourceFlags{Data: c.Dir, Cache: c.Cache, MaxBad: c.MaxBad}
	// Frames are not looked at; small ones are quickly decoded.
	ds, err := src.open(ctx, u, dataset.Input{Kind: dataset.Grey, Height: 24, Width: 32}, c.Workers)
	if err != nil {
		return err
	}
	defer closeData(ds)
	s, err := c.split(ds)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return dataset.WriteSplit(w, ds, s) }
	switch c.Out {
	case "":
	case "-":
		return write(u.out)
	default:
		if err := atomicfile.Write(c.Out, write); err != nil {
			return err
		}
	}
	if c.JSON {
		return u.json(parted{c.Dir, ids(ds, s.Train), ids(ds, s.Val), ids(ds, s.Test)})
	}
	return u.print("%s", splitText(ds, s))
}

func ids(ds dataset.Dataset, clips []int) []string {
	out := make([]string, len(clips))
	for i, k := range clips {
		out[i] = ds.ID(k)
	}
	return out
}

// splitText counts each part's clips by class.
func splitText(ds dataset.Dataset, s dataset.Split) string {
	t := newTable()
	t.AppendHeader(table.Row{"class", "train", "val", "test"})
	counts := make([][3]int, len(ds.Classes()))
	groups := [3]map[string]bool{{}, {}, {}}
	for p, part := range [][]int{s.Train, s.Val, s.Test} {
		for _, i := range part {
			counts[ds.Label(i)][p]++
			groups[p][ds.Group(i)] = true
		}
	}
	for k, n := range counts {
		t.AppendRow(table.Row{ds.Classes()[k], n[0], n[1], n[2]})
	}
	t.AppendRow(table.Row{"all", len(s.Train), len(s.Val), len(s.Test)})
	rightAlign(t, 2, 3, 4)
	text := render(t)
	all := dataset.Groups(ds)
	if len(all) > 40 || len(all) == ds.Len() {
		return text
	}
	for p, name := range []string{"train", "val", "test"} {
		var in []string
		for _, g := range all {
			if groups[p][g] {
				in = append(in, g)
			}
		}
		text += fmt.Sprintf("%s groups: %s\n", name, strings.Join(in, ", "))
	}
	return text
}

// dataCacheCmd is fdht data cache.
type dataCacheCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"Clip folder of video."`
	frameFlags
	Cache   string  `placeholder:"DIR" group:"data" help:"Folder for decoded frames; left out: fdht in the user's cache folder."`
	MaxBad  float64 `default:"0.01" placeholder:"SHARE" group:"data" help:"Share of the clips that may be unreadable (${default})."`
	Workers int     `group:"common" placeholder:"N" help:"Clips decoded at once (all processors)."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataCacheCmd) Help() string {
	return `Example:

  fdht data cache clips --frame 120x160 --input grey

Training does the same by itself when it begins. The cache is keyed by file, size, time and settings, and safe to delete.`
}

// cached is what data cache --json prints.
type cached struct {
	Data    string `json:"data"`
	Cache   string `json:"cache"`
	Clips   int    `json:"clips"`
	Frames  int    `json:"frames"`
	Decoded int    `json:"decoded"`
	Bytes   int64  `json:"bytes"`
}

// Run fills the cache.
func (c *dataCacheCmd) Run(ctx context.Context, u *ui) error {
	in, err := c.frameFlags.resolve()
	if err != nil {
		return err
	}
	src := sourceFlags{Data: c.Dir, Cache: c.Cache, MaxBad: c.MaxBad}
	dir := c.Cache
	if dir == "" {
		if dir, err = dataset.DefaultCacheDir(); err != nil {
			return err
		}
	}
	o := src.options(u, in, c.Workers)
	b := u.bar("decoding")
	o.Progress = b.count
	ds, rep, err := dataset.Open(ctx, c.Dir, o)
	b.done()
	if err != nil {
		return err
	}
	defer closeData(ds)
	u.tell(rep)
	if !isVideo(ds) {
		return usage("", "%s: not video: there is nothing to decode", c.Dir)
	}
	r := cached{Data: c.Dir, Cache: dir, Clips: ds.Len(), Decoded: rep.Decoded}
	for i := range ds.Len() {
		r.Frames += ds.Frames(i)
	}
	r.Bytes = int64(r.Frames) * int64(in.Height*in.Width*in.SourceChannels())
	if c.JSON {
		return u.json(r)
	}
	return u.print("%s: %d clips, %s frames, %s; %d clips decoded now\n", r.Cache, r.Clips, thousands(int64(r.Frames)), size(r.Bytes), r.Decoded)
}

// dataMadeCmd is fdht data made.
type dataMadeCmd struct {
	Dir    string    `arg:"" placeholder:"DIR" help:"A new folder."`
	Format string    `enum:"y4m,png" default:"y4m" placeholder:"FORMAT" group:"data" help:"y4m files, or png: a folder of pictures a clip (${default})."`
	Frame  frameSize `default:"120x160x3" placeholder:"HxWxC" group:"frames" help:"Size of the frames; 1 channel is grey (${default})."`
	Frames int       `default:"12" placeholder:"N" group:"frames" help:"Frames a clip (${default})."`
	Train  int       `default:"64" placeholder:"N" group:"data" help:"Training clips (${default})."`
	Val    int       `default:"16" placeholder:"N" group:"data" help:"Validation clips (${default})."`
	Test   int       `default:"32" placeholder:"N" group:"data" help:"Test clips (${default})."`
	Seed   uint64    `default:"1" placeholder:"N" group:"data" help:"Another seed, other clips (${default})."`
	jsonFlag
	common
}

// Help is the long help.
func (*dataMadeCmd) Help() string {
	return `Example:

  fdht data made clips
  fdht train --data clips --split-list clips/split.txt --out runs/first --rank 8 --epochs 10

Eight classes of moving shapes that differ in their motion only.`
}

// Run writes clips.
func (c *dataMadeCmd) Run(ctx context.Context, u *ui) error {
	in := dataset.Input{Kind: dataset.RGB, Height: c.Frame.H, Width: c.Frame.W}
	switch c.Frame.C {
	case 0, 3:
	case 1:
		in.Kind = dataset.Grey
	default:
		return usage("", "--frame %v: made clips have 3 channels, or 1", c.Frame)
	}
	m, err := dataset.NewMade(dataset.MadeOptions{Input: in, Frames: c.Frames, Train: c.Train, Val: c.Val, Test: c.Test, Seed: c.Seed})
	if err != nil {
		return &usageError{err: err}
	}
	made, err := newFolder(c.Dir)
	if err != nil {
		return err
	}
	b := u.bar("making clips")
	err = m.Render(ctx, orAll(0), b.count)
	b.done()
	if err == nil {
		err = m.WriteFiles(ctx, c.Dir, c.Format)
	}
	if err != nil {
		if made {
			os.RemoveAll(c.Dir) // nothing was in it but what we wrote
		}
		return err
	}
	if c.JSON {
		return u.json(struct {
			Dir     string   `json:"dir"`
			Clips   int      `json:"clips"`
			Classes []string `json:"classes"`
		}{c.Dir, m.Len(), m.Classes()})
	}
	return u.print("%s: %d clips of %d classes: %s\n", c.Dir, m.Len(), len(m.Classes()), strings.Join(sorted(m.Classes()), ", "))
}

func sorted(names []string) []string {
	out := append([]string{}, names...)
	sort.Strings(out)
	return out
}

// newFolder makes sure that dir is not there or is empty, and reports whether it was not there.
func newFolder(dir string) (made bool, err error) {
	e, err := os.ReadDir(dir)
	switch {
	case os.IsNotExist(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", dir, bare(err))
	case len(e) > 0:
		return false, usage("name a new one", "%s: the folder is not empty", dir)
	}
	return false, nil
}
