package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fdht/fdht/video"
)

// y4m is a grey clip whose frame t has the value 10*first + t everywhere.
func y4m(t *testing.T, first, frames int) []byte {
	t.Helper()
	var b bytes.Buffer
	y := video.NewY4MWriter(&b, 10)
	for k := range frames {
		if err := y.Write(video.Frame{Height: 6, Width: 8, Channels: 1, Pix: bytes.Repeat([]byte{byte(10*first + k)}, 48)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := y.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t *testing.T, v byte) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 8, 6))
	for i := range img.Pix {
		img.Pix[i] = v
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// videoFolder has two classes: y4m files, a folder of images, things that are no clips.
func videoFolder(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "set")
	for k := range 4 {
		put(t, filepath.Join(root, "walk", fmt.Sprintf("a1_s%d_t1.y4m", k+1)), y4m(t, k, 5+k))
		put(t, filepath.Join(root, "jog", fmt.Sprintf("a2_s%d_t1.y4m", k+1)), y4m(t, k+4, 6))
	}
	for k := range 3 {
		put(t, filepath.Join(root, "jog", "a2_s2_t2", fmt.Sprintf("f%d.png", k+9)), pngOf(t, byte(100+k)))
	}
	put(t, filepath.Join(root, "jog", "a2_s2_t2", "times.csv"), []byte("1"))
	put(t, filepath.Join(root, "walk", "notes.txt"), []byte("x"))
	put(t, filepath.Join(root, "walk", ".DS_Store"), []byte("x"))
	put(t, filepath.Join(root, "lists", "split.txt"), []byte("x"))
	put(t, filepath.Join(root, "README"), []byte("x"))
	return root
}

func opts(t *testing.T) Options {
	t.Helper()
	return Options{Input: Input{Kind: Grey, Height: 3, Width: 4}, CacheDir: filepath.Join(t.TempDir(), "cache"), Workers: 2}
}

func openFolder(t *testing.T, root string, o Options) (*Folder, *Report) {
	t.Helper()
	ds, rep, err := Open(t.Context(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	f := ds.(*Folder)
	t.Cleanup(func() { f.Close() })
	return f, rep
}

func cacheFiles(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// firstValues are the first floats of the rows of a clip, times 255.
func firstValues(t *testing.T, ds Dataset, i int) []int {
	t.Helper()
	var c Clip
	if err := ds.Clip(&c, i, Sample{}); err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, r := range rows(t, &c) {
		out = append(out, int(r[0]*255+0.5))
	}
	return out
}

func TestOpenFolder(t *testing.T) {
	root := videoFolder(t)
	o := opts(t)
	last, total := 0, 0
	o.Progress = func(done, n int) { last, total = done, n }
	f, rep := openFolder(t, root, o)
	var ids, groups []string
	for i := range f.Len() {
		ids = append(ids, f.ID(i))
		groups = append(groups, f.Group(i))
	}
	wantIDs := []string{
		"jog/a2_s1_t1.y4m", "jog/a2_s2_t1.y4m", "jog/a2_s2_t2", "jog/a2_s3_t1.y4m", "jog/a2_s4_t1.y4m",
		"walk/a1_s1_t1.y4m", "walk/a1_s2_t1.y4m", "walk/a1_s3_t1.y4m", "walk/a1_s4_t1.y4m",
	}
	if !slices.Equal(ids, wantIDs) {
		t.Errorf("ids %q", ids)
	}
	if !slices.Equal(groups, strings.Fields("1 2 2 3 4 1 2 3 4")) {
		t.Errorf("groups %q", groups)
	}
	if !slices.Equal(f.Classes(), []string{"jog", "walk"}) || f.Label(4) != 0 || f.Label(5) != 1 || f.Name() != "set" || f.Width() != 12 {
		t.Errorf("%v %d %d %s %d", f.Classes(), f.Label(4), f.Label(5), f.Name(), f.Width())
	}
	if !slices.Equal(rep.Ignored, []string{"README", "jog/a2_s2_t2/times.csv", "lists/split.txt", "walk/notes.txt", "lists/"}) {
		t.Errorf("ignored %q", rep.Ignored)
	}
	if rep.Clips != 9 || rep.Decoded != 9 || last != 9 || total != 9 {
		t.Errorf("%d clips, %d decoded, progress %d of %d", rep.Clips, rep.Decoded, last, total)
	}
	if got := firstValues(t, f, 2); !slices.Equal(got, []int{100, 101, 102}) {
		t.Errorf("images: %v", got)
	}
	if got := firstValues(t, f, 8); !slices.Equal(got, []int{30, 31, 32, 33, 34, 35, 36, 37}) || f.Frames(8) != 8 {
		t.Errorf("y4m: %v", got)
	}
}

// TestCacheIsUsedAndMended opens again, after damage of every kind.
func TestCacheIsUsedAndMended(t *testing.T) {
	root, o := videoFolder(t), opts(t)
	openFolder(t, root, o)
	again := func(what string, want int) *Folder {
		t.Helper()
		f, rep := openFolder(t, root, o)
		if rep.Decoded != want {
			t.Errorf("%s: %d decoded, want %d", what, rep.Decoded, want)
		}
		if got := firstValues(t, f, 5); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("%s: %v", what, got)
		}
		return f
	}
	again("untouched", 0)
	files := cacheFiles(t, o.CacheDir)
	if len(files) != 9 {
		t.Fatalf("%d cache files", len(files))
	}
	change := func(what string, want int, f func(data []byte) []byte) {
		t.Helper()
		for _, p := range cacheFiles(t, o.CacheDir) {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			put(t, p, f(data))
		}
		again(what, want)
		again(what+", mended", 0)
	}
	change("cut", 9, func(d []byte) []byte { return d[:len(d)-1] })
	change("longer", 9, func(d []byte) []byte { return append(d, 0) })
	change("emptied", 9, func([]byte) []byte { return nil })
	for _, at := range []int{0, 8, 12, 16, 20, 24, 28, 32, 60} {
		change(fmt.Sprintf("byte %d", at), 9, func(d []byte) []byte { d[at] ^= 1; return d })
	}
	// exchanged files are not believed
	a, b := files[0], files[1]
	da, _ := os.ReadFile(a)
	db, _ := os.ReadFile(b)
	put(t, a, db)
	put(t, b, da)
	again("exchanged", 2)
	// another size has files of its own
	other := o
	other.Input.Height = 6
	if _, rep := openFolder(t, root, other); rep.Decoded != 9 {
		t.Errorf("another size: %d decoded", rep.Decoded)
	}
	// diff shares those of grey
	other = o
	other.Input.Kind = Diff
	if _, rep := openFolder(t, root, other); rep.Decoded != 0 {
		t.Errorf("diff after grey: %d decoded", rep.Decoded)
	}
	// a changed clip is decoded again
	put(t, filepath.Join(root, "walk", "a1_s2_t1.y4m"), y4m(t, 9, 6))
	if err := os.Chtimes(filepath.Join(root, "walk", "a1_s2_t1.y4m"), time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "jog", "a2_s2_t2", "f12.png"), pngOf(t, 103))
	f := again("two clips changed", 2)
	if got := firstValues(t, f, 2); !slices.Equal(got, []int{100, 101, 102, 103}) {
		t.Errorf("images: %v", got)
	}
}

// TestCacheMayVanish deletes the cache between opening and use, and while clips are in use.
func TestCacheMayVanish(t *testing.T) {
	root, o := videoFolder(t), opts(t)
	f, _ := openFolder(t, root, o)
	want := firstValues(t, f, 0)
	if err := os.RemoveAll(o.CacheDir); err != nil {
		t.Fatal(err)
	}
	if got := firstValues(t, f, 0); !slices.Equal(got, want) {
		t.Errorf("mapped: %v", got)
	}
	if got := firstValues(t, f, 8); len(got) != 8 {
		t.Errorf("made again: %v", got)
	}
	// the source gone as well: an error, no panic
	if err := os.RemoveAll(o.CacheDir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "walk", "a1_s3_t1.y4m")); err != nil {
		t.Fatal(err)
	}
	var c Clip
	if err := f.Clip(&c, 7, Sample{}); err == nil || err.Error() != "clip walk/a1_s3_t1.y4m: no such file or folder" {
		t.Error(err)
	}
}

// TestWithoutMapping reads cache files where they cannot be mapped.
func TestWithoutMapping(t *testing.T) {
	f, _ := openFolder(t, videoFolder(t), opts(t))
	f.mapped = maxMapped
	for range 2 {
		if got := firstValues(t, f, 5); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Error(got)
		}
	}
	if f.clips[5].mem != nil {
		t.Error("kept in memory")
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	root, o := videoFolder(t), opts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Workers = 1
	o.Progress = func(done, _ int) {
		if done == 3 {
			cancel()
		}
	}
	_, _, err := Open(ctx, root, o)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, p := range cacheFiles(t, o.CacheDir) {
		if !strings.HasSuffix(p, cacheSuffix) {
			t.Errorf("%s is left", p)
		}
	}
	o.Progress = nil
	if _, rep := openFolder(t, root, o); rep.Decoded != 6 {
		t.Errorf("%d decoded after 3 were", rep.Decoded)
	}
}

func TestCacheCannotBeWritten(t *testing.T) {
	o := opts(t)
	o.CacheDir = put(t, filepath.Join(t.TempDir(), "file"), nil) // a file where the folder should be
	_, _, err := Open(t.Context(), videoFolder(t), o)
	if want := "frame cache " + o.CacheDir + ": not a directory; name another place with --cache"; err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestBadClips(t *testing.T) {
	root, o := videoFolder(t), opts(t)
	data := y4m(t, 1, 5)
	put(t, filepath.Join(root, "walk", "cut.y4m"), data[:len(data)-1])
	put(t, filepath.Join(root, "walk", "empty.y4m"), nil)
	_, rep, err := Open(t.Context(), root, o)
	if !errors.Is(err, ErrTooManyBad) || len(rep.Bad) != 2 {
		t.Fatal(rep, err)
	}
	want := root + `: 2 of 11 clips cannot be read, more than --max-bad 0.01 allows
  walk/cut.y4m: y4m frame 5: cut short; get a whole copy or leave it out
  walk/empty.y4m: the file is empty; get a whole copy or leave it out
repair or remove them, or go on without them with --max-bad 0.19`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	o.MaxBad = 0.19
	ds, rep, err := Open(t.Context(), root, o)
	if err != nil || ds.Len() != 9 || len(rep.Bad) != 2 || rep.Clips != 11 {
		t.Fatal(ds, rep, err)
	}
	list := put(t, filepath.Join(t.TempDir(), "split.txt"), []byte("train\twalk/cut.y4m\ntrain\twalk/a1_s1_t1.y4m\n"))
	if s, err := MakeSplit(ds, SplitOptions{List: list}); err != nil || len(s.Train) != 1 {
		t.Error("a list with an unreadable clip:", s, err)
	}
	ds.(*Folder).Close()
	o.MaxBad = -1
	if _, _, err := Open(t.Context(), root, o); !errors.Is(err, ErrTooManyBad) {
		t.Error(err)
	}
	c, err := Check(t.Context(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Report.Bad) != 2 || c.Kind != "video" || c.Frames.Min != 3 || c.Frames.Median != 6 || c.Frames.Max != 8 || c.Total != 53 {
		t.Errorf("%+v", c)
	}
	if fmt.Sprint(c.Classes, c.Groups, c.Sizes) != "[{jog 5} {walk 4}] [{1 2} {2 3} {3 2} {4 2}] [{8x6 9}]" {
		t.Error(c.Classes, c.Groups, c.Sizes)
	}
}

func TestManyBadClips(t *testing.T) {
	root := filepath.Join(t.TempDir(), "set")
	for k := range 14 {
		put(t, filepath.Join(root, string(rune('a'+k%2)), fmt.Sprintf("c%02d.y4m", k)), []byte("nonsense\n"))
	}
	o := opts(t)
	o.MaxBad = 1
	_, rep, err := Open(t.Context(), root, o)
	if !errors.Is(err, ErrTooManyBad) || len(rep.Bad) != 14 || !strings.HasSuffix(err.Error(), "\n  and 4 more") {
		t.Error(err)
	}
}

func TestNoFFmpeg(t *testing.T) {
	root := videoFolder(t)
	put(t, filepath.Join(root, "walk", "a.mp4"), []byte("x"))
	o := opts(t)
	o.FFmpeg = "/no/such/ffmpeg"
	if _, _, err := Open(t.Context(), root, o); !errors.Is(err, video.ErrNoFFmpeg) || errors.Is(err, ErrTooManyBad) {
		t.Error(err)
	}
	if _, err := Check(t.Context(), root, o); !errors.Is(err, video.ErrNoFFmpeg) {
		t.Error(err)
	}
}

// TestFlatCelebrities: YouTube Celebrities Face comes in one folder.
func TestFlatCelebrities(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"0034_01_006_al_pacino", "0035_02_001_al_pacino", "0193_01_012_bill_gates", "0194_03_012_bill_gates"} {
		put(t, filepath.Join(root, name+".y4m"), y4m(t, 1, 3))
	}
	put(t, filepath.Join(root, "readme.txt"), nil)
	put(t, filepath.Join(root, "docs", "a.txt"), nil)
	f, rep := openFolder(t, root, opts(t))
	if f.Len() != 4 || !slices.Equal(f.Classes(), []string{"al_pacino", "bill_gates"}) || f.Label(1) != 0 || f.Label(2) != 1 || f.Group(3) != "3" {
		t.Error(f.Len(), f.Classes())
	}
	if !slices.Equal(rep.Ignored, []string{"readme.txt", "docs/a.txt", "docs/"}) {
		t.Error(rep.Ignored)
	}
}

func TestScanErrors(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	say := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
			return
		}
		fmt.Fprintf(&b, "%s\n    %s\n", name, strings.ReplaceAll(err.Error(), dir, "DIR"))
	}
	open := func(name, path string, files map[string][]byte) {
		t.Helper()
		for f, data := range files {
			put(t, filepath.Join(dir, path, filepath.FromSlash(f)), data)
		}
		o := opts(t)
		_, _, err := Open(t.Context(), filepath.Join(dir, path), o)
		say(name, err)
	}
	open("missing", "nothing", nil)
	open("a file", "file.mp4", map[string][]byte{"": []byte("x")})
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	open("empty folder", "empty", nil)
	open("no clips", "noclips", map[string][]byte{"a/readme.txt": nil, "b/list.txt": nil})
	open("clips without labels", "flat", map[string][]byte{"a.y4m": y4m(t, 0, 1), "b.y4m": y4m(t, 0, 1)})
	open("one class", "one", map[string][]byte{"walk/a.y4m": y4m(t, 0, 1), "lists/b.txt": nil})
	open("pictures in a label", "pics", map[string][]byte{"walk/1.png": pngOf(t, 1), "jog/1.png": pngOf(t, 1)})
	open("video and features", "both", map[string][]byte{"walk/a.y4m": y4m(t, 0, 1), "jog/a.npy": nil})
	open("series without a pair", "series", map[string][]byte{"A.ts": nil, "B.ts": nil, "C.ts": nil})
	_, _, err := Open(t.Context(), videoFolder(t), Options{CacheDir: dir})
	say("no input", err)
	golden(t, "testdata/scan.golden", b.String())
}

func TestSymlinks(t *testing.T) {
	root := videoFolder(t)
	linked := t.TempDir()
	for _, c := range []string{"walk", "jog"} {
		if err := os.Symlink(filepath.Join(root, c), filepath.Join(linked, c)); err != nil {
			t.Skip("skipped: no symbolic links here")
		}
	}
	f, _ := openFolder(t, linked, opts(t))
	if f.Len() != 9 {
		t.Errorf("%d clips through links", f.Len())
	}
	if err := os.Symlink(root, filepath.Join(root, "walk", "round")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(t.Context(), root, opts(t)); err == nil || !strings.Contains(err.Error(), "link in a circle") {
		t.Error(err)
	}
}

func TestGroupOf(t *testing.T) {
	rules := groupRules()
	for id, want := range map[string]string{
		"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi":          "8",
		"HandstandPushups/v_HandStandPushups_g01_c04.avi":      "1",
		"biking/v_biking_01/v_biking_01_02.mpg":                "1",
		"basketball/v_shooting_25/v_shooting_25_03.mpg":        "25",
		"trampoline_jumping/v_jumping_10/v_jumping_10_04.mpg":  "10",
		"al_pacino/0034_01_006_al_pacino.avi":                  "1",
		"bill_gates/0193_03_012_bill_gates.avi":                "3",
		"brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi": "April_09_brush_hair",
		"clap/#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi":           "#20_Rhythm_clap",
		"01_swipe_left/a1_s2_t3.mp4":                           "2",
		"boxing/person15_boxing_d1_uncomp.avi":                 "15",
		"walk/anna/morning/c1.mp4":                             "anna/morning",
		"walk/clip.mp4":                                        "walk/clip.mp4",
		"walk/class_a.mp4":                                     "walk/class_a.mp4",
		"clockwise/train-000001":                               "clockwise/train-000001",
		"a/x_S010_y.npy":                                       "10",
	} {
		if got := groupOf(id, rules); got != want {
			t.Errorf("%s: group %q, want %q", id, got, want)
		}
	}
}

func TestReadClip(t *testing.T) {
	dir := t.TempDir()
	p := put(t, filepath.Join(dir, "a.y4m"), y4m(t, 1, 12))
	var c Clip
	in := Input{Kind: Diff, Height: 6, Width: 8}
	for range 2 {
		if err := ReadClip(t.Context(), &c, p, in, Sample{Steps: 4}, Options{}); err != nil {
			t.Fatal(err)
		}
		if c.Len() != 4 || c.Width() != 48 || c.Source(1) != 4 {
			t.Errorf("%d rows of %d, row 1 is frame %d", c.Len(), c.Width(), c.Source(1))
		}
		if got := rows(t, &c)[1][5]; math32(got-4*3/255.0) > 1e-6 {
			t.Errorf("frame 4 minus frame 1, times 4: %v", got)
		}
	}
	if err := ReadClip(t.Context(), &c, p, in, Sample{Steps: 13}, Options{}); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	if err := ReadClip(t.Context(), &c, p, Input{}, Sample{}, Options{}); err == nil {
		t.Error("a y4m as features")
	}
	n := put(t, filepath.Join(dir, "a.npy"), npy(3, 2, "<f4", false))
	if err := ReadClip(t.Context(), &c, n, Input{}, Sample{}, Options{}); err != nil || c.Len() != 3 || c.Width() != 2 {
		t.Error(err, c.Len(), c.Width())
	}
	if err := ReadClip(t.Context(), &c, n, in, Sample{}, Options{}); err == nil {
		t.Error("features as video")
	}
}

func math32(v float32) float32 { return max(v, -v) }

// TestVideoFiles: clips that ffmpeg decodes, one of them damaged but readable.
func TestVideoFiles(t *testing.T) {
	ff, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("skipped: no ffmpeg on this machine")
	}
	root := filepath.Join(t.TempDir(), "set")
	for k, name := range []string{"walk/v_walk_g01_c01.avi", "jog/v_jog_g02_c01.avi"} {
		p := put(t, filepath.Join(root, name), nil)
		cmd := exec.Command(ff, "-v", "error", "-y", "-f", "yuv4mpegpipe", "-i", "pipe:0", "-c:v", "ffv1", "-pix_fmt", "gray", p)
		cmd.Stdin = bytes.NewReader(y4m(t, k, 7))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	f, rep := openFolder(t, root, opts(t))
	if rep.Decoded != 2 || f.Len() != 2 {
		t.Fatal(rep)
	}
	if got := firstValues(t, f, 0); !slices.Equal(got, []int{10, 11, 12, 13, 14, 15, 16}) {
		t.Errorf("%s: %v", f.ID(0), got)
	}
}

// TestTwoAtOnce builds one cache by two openings at the same time.
func TestTwoAtOnce(t *testing.T) {
	root, o := videoFolder(t), opts(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			ds, _, err := Open(t.Context(), root, o)
			if err != nil {
				t.Error(err)
				return
			}
			defer ds.(*Folder).Close()
			if got := firstValues(t, ds, 5); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := len(cacheFiles(t, o.CacheDir)); n != 9 {
		t.Errorf("%d cache files", n)
	}
}

// TestDamagedClips: a clip whose end is missing is used as far as it goes, and reported, also from the cache.
func TestDamagedClips(t *testing.T) {
	ff, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("skipped: no ffmpeg on this machine")
	}
	root := videoFolder(t)
	p := put(t, filepath.Join(root, "walk", "hurt.avi"), nil)
	cmd := exec.Command(ff, "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "-c:v", "mpeg4", p)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	put(t, p, data[:len(data)*2/3])
	o := opts(t)
	for _, decoded := range []int{10, 0} {
		f, rep := openFolder(t, root, o)
		if rep.Decoded != decoded || len(rep.Damaged) != 1 || rep.Damaged[0].ID != "walk/hurt.avi" || rep.Damaged[0].Err.Error() == "" || f.Len() != 10 {
			t.Errorf("%d clips, %d decoded, damaged: %v", f.Len(), rep.Decoded, rep.Damaged)
		}
	}
}
