package dataset

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// subjects is a set of the given classes x subjects, two takes each.
func subjects(classes, groups int) *list {
	d := &list{width: 1}
	for c := range classes {
		d.classes = append(d.classes, string(rune('a'+c)))
		for g := range groups {
			for k := range 2 {
				d.ids = append(d.ids, fmt.Sprintf("%s/x_s%d_t%d.avi", d.classes[c], g+1, k+1))
				d.labels = append(d.labels, c)
				d.groups = append(d.groups, fmt.Sprint(g+1))
				d.frames = append(d.frames, 5)
			}
		}
	}
	return d
}

func groupsOf(d Dataset, clips []int) string {
	var out []string
	for _, i := range clips {
		out = append(out, d.Group(i))
	}
	slices.SortFunc(out, naturalCompare)
	return strings.Join(slices.Compact(out), " ")
}

// checkParts: no clip in two parts, none lost, each part in order.
func checkParts(t interface{ Fatalf(string, ...any) }, d Dataset, s Split) {
	seen := make([]bool, d.Len())
	for _, part := range [][]int{s.Train, s.Val, s.Test} {
		for k, i := range part {
			if seen[i] || (k > 0 && part[k-1] >= i) {
				t.Fatalf("clip %d twice or not in order in %v", i, s)
			}
			seen[i] = true
		}
	}
	if i := slices.Index(seen, false); i >= 0 {
		t.Fatalf("clip %d is in no part", i)
	}
}

func TestSplitByGroups(t *testing.T) {
	d := subjects(3, 8)
	s, err := MakeSplit(d, SplitOptions{TestGroups: []string{"2", "04", " 6", "8"}, ValGroups: []string{"7"}})
	if err != nil {
		t.Fatal(err)
	}
	checkParts(t, d, s)
	if groupsOf(d, s.Train) != "1 3 5" || groupsOf(d, s.Val) != "7" || groupsOf(d, s.Test) != "2 4 6 8" {
		t.Error(groupsOf(d, s.Train), "|", groupsOf(d, s.Val), "|", groupsOf(d, s.Test))
	}
}

func TestRandomSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes, groups := rapid.IntRange(2, 5).Draw(t, "classes"), rapid.IntRange(4, 12).Draw(t, "groups")
		d := subjects(classes, groups)
		own := rapid.Bool().Draw(t, "own")
		if own { // each group in one class only, as source videos are
			for i := range d.groups {
				d.groups[i] = d.classes[d.labels[i]] + d.groups[i]
			}
		}
		o := SplitOptions{By: rapid.SampledFrom([]string{"group", "file", ""}).Draw(t, "by"), Test: 0.3, Val: 0.3, Seed: rapid.Uint64().Draw(t, "seed")}
		s, err := MakeSplit(d, o)
		if err != nil {
			t.Fatal(err)
		}
		checkParts(t, d, s)
		again, _ := MakeSplit(d, o)
		if !slices.Equal(s.Train, again.Train) || !slices.Equal(s.Val, again.Val) || !slices.Equal(s.Test, again.Test) {
			t.Fatal("the same options give another split")
		}
		n := float64(d.Len())
		slack := n/float64(groups) + 1
		if own || o.By == "file" {
			slack = float64(classes) * 2
		}
		if off := float64(len(s.Test)) - 0.3*n; off > slack || off < -slack {
			t.Fatalf("%d of %d for test", len(s.Test), d.Len())
		}
		if len(s.Val) == 0 || len(s.Test) == 0 {
			t.Fatalf("an empty part: %d %d %d", len(s.Train), len(s.Val), len(s.Test))
		}
		if o.By == "file" {
			return
		}
		in := map[string]int{}
		for k, part := range [][]int{s.Train, s.Val, s.Test} {
			for _, i := range part {
				if p, ok := in[d.Group(i)]; ok && p != k {
					t.Fatalf("group %s is torn apart", d.Group(i))
				}
				in[d.Group(i)] = k
			}
		}
	})
}

func TestSplitFile(t *testing.T) {
	d := subjects(2, 4)
	s, err := MakeSplit(d, SplitOptions{TestGroups: []string{"1"}, ValGroups: []string{"2"}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteSplit(&b, d, s); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSplit(bytes.NewReader(b.Bytes()), d)
	if err != nil || !slices.Equal(got.Train, s.Train) || !slices.Equal(got.Val, s.Val) || !slices.Equal(got.Test, s.Test) {
		t.Error(got, err)
	}
	p := put(t, filepath.Join(t.TempDir(), "split.txt"), b.Bytes())
	if got, err = MakeSplit(d, SplitOptions{List: p}); err != nil || !slices.Equal(got.Val, s.Val) {
		t.Error(got, err)
	}
	d.ids[0] = "a/tab\there.avi"
	if err := WriteSplit(&b, d, s); err == nil {
		t.Error("an id with a tab is written")
	}
}

// TestOfficialLists: UCF101's and HMDB51's, with clips that are folders of images or in folders of their group.
func TestOfficialLists(t *testing.T) {
	d := &list{classes: []string{"Archery", "Bowling"}, width: 1}
	for c, label := range d.classes {
		for g := range 4 {
			id := fmt.Sprintf("%s/v_%s_g%02d_c01.avi", label, label, g+1)
			switch g {
			case 2:
				id = strings.TrimSuffix(id, ".avi") // decoded to images
			case 3:
				id = fmt.Sprintf("%s/v_%s_g04/v_%s_g04_c01.mp4", label, label, label)
			}
			d.ids, d.labels, d.groups, d.frames = append(d.ids, id), append(d.labels, c), append(d.groups, fmt.Sprint(g+1)), append(d.frames, 5)
		}
	}
	dir := t.TempDir()
	var train, test strings.Builder
	for c, label := range d.classes {
		for g := range 4 {
			name := fmt.Sprintf("%s/v_%s_g%02d_c01.avi", label, label, g+1)
			if g < 1 {
				fmt.Fprintf(&test, "%s\r\n", name)
			} else {
				fmt.Fprintf(&train, "%s %d\r\n", name, c+1)
			}
		}
	}
	tr := put(t, filepath.Join(dir, "trainlist02.txt"), []byte(train.String()))
	te := put(t, filepath.Join(dir, "testlist02.txt"), []byte(test.String()))
	for _, o := range []SplitOptions{{List: tr}, {List: te, By: "list"}, {List: dir, ListNumber: 2}} {
		s, err := MakeSplit(d, o)
		if err != nil || !slices.Equal(s.Test, []int{0, 4}) || !slices.Equal(s.Train, []int{1, 2, 3, 5, 6, 7}) {
			t.Error(o, s, err)
		}
	}
	s, err := MakeSplit(d, SplitOptions{List: tr, ValGroups: []string{"4"}})
	if err != nil || !slices.Equal(s.Val, []int{3, 7}) || !slices.Equal(s.Test, []int{0, 4}) {
		t.Error(s, err)
	}

	h := &list{classes: []string{"clap", "wave"}, width: 1}
	hdir := t.TempDir()
	for c, label := range h.classes {
		var text strings.Builder
		for g := range 3 {
			name := fmt.Sprintf("film %d_%s_u_nm_np1_fr_goo_0.avi", g, label)
			fmt.Fprintf(&text, "%s %d \n", name, g)
			h.ids, h.labels, h.groups, h.frames = append(h.ids, label+"/"+name), append(h.labels, c), append(h.groups, name), append(h.frames, 5)
		}
		put(t, filepath.Join(hdir, label+"_test_split1.txt"), []byte(text.String()))
	}
	if s, err := MakeSplit(h, SplitOptions{List: hdir}); err != nil || !slices.Equal(s.Train, []int{1, 4}) || !slices.Equal(s.Test, []int{2, 5}) {
		t.Error(s, err)
	}
}

func TestSplitErrors(t *testing.T) {
	dir := t.TempDir()
	d := subjects(2, 3)
	many := subjects(2, 40)
	alone := subjects(2, 3)
	for i := range alone.groups { // class b by subject 3 only
		if alone.labels[i] == 1 {
			alone.groups[i] = "3"
		}
	}
	file := func(name, text string) string { return put(t, filepath.Join(dir, name), []byte(text)) }
	whole := file("whole.txt", "train\ta/x_s1_t1.avi\nval\ta/x_s2_t1.avi\ntest\tb/x_s1_t1.avi\n")
	var b strings.Builder
	for _, c := range []struct {
		name string
		ds   Dataset
		o    SplitOptions
	}{
		{"unknown way", d, SplitOptions{By: "colour"}},
		{"unknown group", d, SplitOptions{TestGroups: []string{"2", "9"}}},
		{"unknown of many", many, SplitOptions{TestGroups: []string{"x"}}},
		{"unknown validation group", d, SplitOptions{TestGroups: []string{"2"}, ValGroups: []string{"2"}}},
		{"all for test", d, SplitOptions{TestGroups: []string{"1", "2", "3"}}},
		{"class without training", alone, SplitOptions{TestGroups: []string{"3"}}},
		{"part", d, SplitOptions{Test: 1.5}},
		{"two ways", d, SplitOptions{Test: 0.5, TestGroups: []string{"1"}}},
		{"two ways of validation", d, SplitOptions{Val: 0.5, ValGroups: []string{"1"}}},
		{"files and groups", d, SplitOptions{By: "file", TestGroups: []string{"1"}}},
		{"list without name", d, SplitOptions{By: "list"}},
		{"list and group", d, SplitOptions{By: "group", List: whole}},
		{"list and groups", d, SplitOptions{TestGroups: []string{"1"}, List: whole}},
		{"list with validation", d, SplitOptions{List: whole, Val: 0.5}},
		{"list number", d, SplitOptions{List: whole, ListNumber: 100}},
		{"list missing", d, SplitOptions{List: filepath.Join(dir, "nothing.txt")}},
		{"list of another set", d, SplitOptions{List: file("other.txt", "train\tq/1.avi\ntrain\tq/2.avi\n")}},
		{"list empty", d, SplitOptions{List: file("empty.txt", "")}},
		{"list line", d, SplitOptions{List: file("line.txt", "train a/x_s1_t1.avi\n")}},
		{"list part", d, SplitOptions{List: file("part.txt", "exam\ta/x_s1_t1.avi\n")}},
		{"list twice", d, SplitOptions{List: file("twice.txt", "train\ta/x_s1_t1.avi\ntest\ta/x_s1_t1\n")}},
		{"list long line", d, SplitOptions{List: file("long.txt", "train\t"+strings.Repeat("a", 5000))}},
		{"list folder", d, SplitOptions{List: filepath.Dir(file("folder/readme.md", ""))}},
		{"ucf pair missing", d, SplitOptions{List: file("trainlist01.txt", "a/x_s1_t1.avi 1\n")}},
		{"ucf line", d, SplitOptions{List: filepath.Dir(file("ucf/trainlist01.txt", "hello 1\n"))}},
		{"hmdb line", d, SplitOptions{List: filepath.Dir(file("hmdb/a_test_split1.txt", "x_s1_t1.avi 3\n"))}},
	} {
		s, err := MakeSplit(c.ds, c.o)
		if err == nil {
			t.Errorf("%s: no error but %v", c.name, s)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %s\n", c.name, strings.ReplaceAll(err.Error(), dir, "DIR"))
	}
	golden(t, "testdata/split.golden", b.String())
}

// TestSharedSplit is the standard cross-subject split of UTD-MHAD, on its skeletons.
func TestSharedSplit(t *testing.T) {
	ds, rep, err := Open(t.Context(), shared(t, "utd-mhad/skeleton"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ds.Len() != 861 || len(ds.Classes()) != 27 || ds.Width() != 60 || len(rep.Bad) != 0 {
		t.Fatal(ds.Len(), len(ds.Classes()), ds.Width(), rep.Bad)
	}
	if g := Groups(ds); strings.Join(g, " ") != "1 2 3 4 5 6 7 8" {
		t.Error(g)
	}
	s, err := MakeSplit(ds, SplitOptions{TestGroups: []string{"2", "4", "6", "8"}})
	if err != nil || len(s.Train) != 431 || len(s.Test) != 430 {
		t.Error(len(s.Train), len(s.Test), err)
	}
	mean, std, err := Stats(t.Context(), ds, s.Train, Sample{}, true)
	if err != nil || len(mean) != 60 || slices.Min(std) <= 0 {
		t.Error(mean, std, err)
	}
}

// TestSharedSeries are the two archive sets, with the sizes their publishers give.
func TestSharedSeries(t *testing.T) {
	for _, c := range []struct {
		name                                string
		train, test, width, classes, lo, hi int
	}{
		{"JapaneseVowels", 270, 370, 12, 9, 7, 29},
		{"BasicMotions", 40, 40, 6, 4, 100, 100},
	} {
		ds, _, err := Open(t.Context(), shared(t, "uea/"+c.name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := MakeSplit(ds, SplitOptions{})
		if err != nil || len(s.Train) != c.train || len(s.Test) != c.test || ds.Width() != c.width || len(ds.Classes()) != c.classes {
			t.Error(c.name, len(s.Train), len(s.Test), ds.Width(), ds.Classes(), err)
		}
		ch, err := Check(t.Context(), shared(t, "uea/"+c.name), Options{})
		if err != nil || ch.Frames.Min != c.lo || ch.Frames.Max != c.hi || ch.Kind != "series" {
			t.Errorf("%+v %v", ch, err)
		}
	}
}

// TestSharedDepth opens the clips of one subject's first action, from video.
func TestSharedDepth(t *testing.T) {
	root := shared(t, "utd-mhad/depth")
	var c Clip
	in := Input{Kind: GreyDiff, Height: 60, Width: 80}
	if err := ReadClip(t.Context(), &c, filepath.Join(root, "01_swipe_left", "a1_s1_t1.mp4"), in, Sample{Steps: 16}, Options{}); err != nil {
		t.Skip("skipped: ", err)
	}
	if c.Len() != 16 || c.Width() != 60*80*2 {
		t.Error(c.Len(), c.Width())
	}
}
