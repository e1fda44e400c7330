package dataset

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// madeVideo is a file of ten frames as the published sets have them: MPEG-1 for .mpg, MPEG-4 in .avi.
func madeVideo(t *testing.T, ext string) []byte {
	t.Helper()
	ff, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("skipped: no ffmpeg on this machine")
	}
	codec := map[string]string{".mpg": "mpeg1video", ".avi": "mpeg4"}[ext]
	out := filepath.Join(t.TempDir(), "clip"+ext)
	cmd := exec.Command(ff, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=32x24:rate=25", "-frames:v", "10", "-c:v", codec, "-pix_fmt", "yuv420p", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// layout is a small tree as a set was published.
type layout struct {
	root  string
	ids   []string // of the clips, sorted
	label []string
	group []string
}

func newLayout(t *testing.T) *layout { return &layout{root: filepath.Join(t.TempDir(), "set")} }

func (l *layout) add(t *testing.T, id, label, group string, data []byte) {
	t.Helper()
	put(t, filepath.Join(l.root, filepath.FromSlash(id)), data)
	l.ids, l.label, l.group = append(l.ids, id), append(l.label, label), append(l.group, group)
}

// open opens the tree and holds names, labels, groups and frames against what was put there.
func (l *layout) open(t *testing.T) *Folder {
	t.Helper()
	f, rep := openFolder(t, l.root, opts(t))
	if len(rep.Bad) > 0 || f.Len() != len(l.ids) {
		t.Fatalf("%d clips of %d, bad %v", f.Len(), len(l.ids), rep.Bad)
	}
	for i := range f.Len() {
		k := slices.Index(l.ids, f.ID(i))
		if k < 0 {
			t.Errorf("clip %s was not put there", f.ID(i))
			continue
		}
		if got := f.Classes()[f.Label(i)]; got != l.label[k] || f.Group(i) != l.group[k] {
			t.Errorf("%s: label %s, group %s; want %s, %s", f.ID(i), got, f.Group(i), l.label[k], l.group[k])
		}
		if n := f.Frames(i); n != 10 {
			t.Errorf("%s: %d frames, want 10", f.ID(i), n)
		}
	}
	return f
}

// idsOf names the clips of a part.
func idsOf(ds Dataset, clips []int) []string {
	var out []string
	for _, i := range clips {
		out = append(out, ds.ID(i))
	}
	slices.Sort(out)
	return out
}

// TestUCF11Layout: UCF11_updated_mpg/<label>/v_<name>_<group>/v_<name>_<group>_<clip>.mpg, with annotations beside. The name in the files is not
// always the label, and there are 25 groups in each class.
func TestUCF11Layout(t *testing.T) {
	clip := madeVideo(t, ".mpg")
	l := newLayout(t)
	for label, name := range map[string]string{"basketball": "shooting", "biking": "biking"} {
		for g := 1; g <= 4; g++ {
			dir := fmt.Sprintf("%s/v_%s_%02d", label, name, g)
			l.add(t, fmt.Sprintf("%s/v_%s_%02d_01.mpg", dir, name, g), label, fmt.Sprint(g), clip)
		}
		put(t, filepath.Join(l.root, label, "Annotation", fmt.Sprintf("v_%s_01_01.xgtf", name)), []byte("<?xml?>"))
	}
	f := l.open(t)
	s, err := MakeSplit(f, SplitOptions{TestGroups: []string{"3", "04"}})
	if err != nil || len(s.Test) != 4 || len(s.Train) != 4 {
		t.Fatal(s, err)
	}
	for _, i := range s.Test {
		if g := f.Group(i); g != "3" && g != "4" {
			t.Errorf("%s of group %s is for test", f.ID(i), g)
		}
	}
	folds, err := Folds(f, s.Train, FoldOptions{})
	if err != nil || len(folds) != 2 || len(folds[0]) != 2 {
		t.Error(folds, err)
	}
}

// TestUCF101Layout: <Label>/v_<Label>_gNN_cNN.avi with ucfTrainTestlist beside the labels; in one class the names are spelled otherwise. UCF50 has the
// same names and no lists.
func TestUCF101Layout(t *testing.T) {
	clip := madeVideo(t, ".avi")
	l := newLayout(t)
	var train, test, index strings.Builder
	var wantTrain, wantTest []string
	for k, c := range []struct{ label, name string }{{"ApplyEyeMakeup", "ApplyEyeMakeup"}, {"HandstandPushups", "HandStandPushups"}} {
		fmt.Fprintf(&index, "%d %s\n", k+1, c.label)
		for _, g := range []int{1, 8, 25} {
			id := fmt.Sprintf("%s/v_%s_g%02d_c01.avi", c.label, c.name, g)
			l.add(t, id, c.label, fmt.Sprint(g), clip)
			if g < 8 {
				fmt.Fprintf(&test, "%s\n", id)
				wantTest = append(wantTest, id)
			} else {
				fmt.Fprintf(&train, "%s %d\n", id, k+1)
				wantTrain = append(wantTrain, id)
			}
		}
	}
	lists := filepath.Join(l.root, "ucfTrainTestlist")
	for n := 1; n <= 3; n++ {
		put(t, filepath.Join(lists, fmt.Sprintf("trainlist%02d.txt", n)), []byte(train.String()))
		put(t, filepath.Join(lists, fmt.Sprintf("testlist%02d.txt", n)), []byte(test.String()))
	}
	put(t, filepath.Join(lists, "classInd.txt"), []byte(index.String()))
	f := l.open(t)
	for _, list := range []SplitOptions{{List: lists}, {List: lists, ListNumber: 3}, {List: filepath.Join(lists, "trainlist02.txt")}, {List: filepath.Join(lists, "testlist01.txt")}} {
		s, err := MakeSplit(f, list)
		if err != nil || !slices.Equal(idsOf(f, s.Test), wantTest) || !slices.Equal(idsOf(f, s.Train), wantTrain) || len(s.Val) > 0 {
			t.Errorf("%+v: train %q, test %q, %v", list, idsOf(f, s.Train), idsOf(f, s.Test), err)
		}
	}
	if got := Groups(f); !slices.Equal(got, []string{"1", "8", "25"}) {
		t.Errorf("groups %q", got)
	}
}

// TestHMDB51Layout: <label>/<film>_<label>_<properties>_<number>.avi, a second folder of the label's name where the archives were unpacked into one, and
// testTrainMulti_7030_splits with 1 (train), 2 (test) and 0 (neither).
func TestHMDB51Layout(t *testing.T) {
	clip := madeVideo(t, ".avi")
	l := newLayout(t)
	var wantTrain, wantTest []string
	for _, c := range []struct{ label, dir string }{{"brush_hair", "brush_hair"}, {"cartwheel", "cartwheel/cartwheel"}} {
		var lists [3]strings.Builder
		for k, film := range []string{"#20_Rhythm", "(Rad)Schlag_die_Bank!", "Two words & more"} {
			name := fmt.Sprintf("%s_%s_f_cm_np1_ba_med_%d.avi", film, c.label, k)
			id := path.Join(c.dir, name)
			l.add(t, id, c.label, film+"_"+c.label, clip)
			use := []int{1, 2, 0}[k]
			for n := range lists {
				fmt.Fprintf(&lists[n], "%s %d \n", name, use)
			}
			switch use {
			case 1:
				wantTrain = append(wantTrain, id)
			case 2:
				wantTest = append(wantTest, id)
			}
		}
		for n := range lists {
			put(t, filepath.Join(l.root, "testTrainMulti_7030_splits", fmt.Sprintf("%s_test_split%d.txt", c.label, n+1)), []byte(lists[n].String()))
		}
	}
	f := l.open(t)
	for n := 1; n <= 3; n++ {
		s, err := MakeSplit(f, SplitOptions{List: filepath.Join(l.root, "testTrainMulti_7030_splits"), ListNumber: n})
		slices.Sort(wantTrain)
		slices.Sort(wantTest)
		if err != nil || !slices.Equal(idsOf(f, s.Train), wantTrain) || !slices.Equal(idsOf(f, s.Test), wantTest) {
			t.Errorf("split %d: train %q, test %q, %v", n, idsOf(f, s.Train), idsOf(f, s.Test), err)
		}
	}
}

// TestYouTubeCelebritiesLayout: all clips in one folder, NNNN_VV_CCC_<first>_<last>.avi: V is the number of the person's video.
func TestYouTubeCelebritiesLayout(t *testing.T) {
	clip := madeVideo(t, ".avi")
	l := newLayout(t)
	n := 0
	for _, who := range []string{"adam_sandler", "al_gore"} {
		for v := 1; v <= 3; v++ {
			n++
			l.add(t, fmt.Sprintf("%04d_%02d_%03d_%s.avi", n, v, 2*v, who), who, fmt.Sprint(v), clip)
		}
	}
	put(t, filepath.Join(l.root, "README.txt"), nil)
	f := l.open(t)
	if !slices.Equal(f.Classes(), []string{"adam_sandler", "al_gore"}) {
		t.Errorf("classes %q", f.Classes())
	}
	s, err := MakeSplit(f, SplitOptions{TestGroups: []string{"3"}})
	if err != nil || len(s.Test) != 2 || len(s.Train) != 4 {
		t.Errorf("%v, %v: want the third video of everybody for test", s, err)
	}
}
