package dataset

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestFolds: every clip is in one fold, groups stay together, classes and clips are spread, and only clips asked for are there.
func TestFolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes, groups := rapid.IntRange(1, 4).Draw(t, "classes"), rapid.IntRange(2, 9).Draw(t, "groups")
		d := subjects(classes, groups)
		o := FoldOptions{N: rapid.IntRange(0, groups).Draw(t, "folds"), Seed: rapid.Uint64().Draw(t, "seed"), By: rapid.SampledFrom([]string{"", "group", "file"}).Draw(t, "by")}
		if o.N == 1 || o.N == 0 && o.By == "file" {
			o.N = 2
		}
		// the training part: all groups but one, where enough are left
		var clips []int
		for i := range d.Len() {
			if groups < 4 || d.Group(i) != "1" {
				clips = append(clips, i)
			}
		}
		if groups >= 4 {
			groups--
		}
		if o.N > groups {
			o.N = groups
		}
		folds, err := Folds(d, clips, o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if o.N > 0 && len(folds) != o.N || o.N == 0 && len(folds) != groups {
			t.Fatalf("%d folds of %d groups, want %d", len(folds), groups, o.N)
		}
		if got := slices.Sorted(slices.Values(slices.Concat(folds...))); !slices.Equal(got, clips) {
			t.Fatalf("folds %v are not %v", folds, clips)
		}
		at := map[string]int{}
		least, most := d.Len(), 0
		for k, f := range folds {
			least, most = min(least, len(f)), max(most, len(f))
			if !slices.IsSorted(f) {
				t.Fatalf("fold %d: %v", k, f)
			}
			for _, i := range f {
				if was, ok := at[d.Group(i)]; ok && was != k && o.By != "file" {
					t.Fatalf("group %s is in folds %d and %d", d.Group(i), was, k)
				}
				at[d.Group(i)] = k
			}
		}
		if o.By == "file" && most-least > 1 {
			t.Fatalf("folds of %d to %d clips", least, most)
		}
		if again, err := Folds(d, clips, o); err != nil || !slices.EqualFunc(again, folds, slices.Equal) {
			t.Fatalf("another time: %v, %v", again, err)
		}
	})
}

func TestFoldErrors(t *testing.T) {
	d := subjects(2, 3)
	for want, o := range map[string]FoldOptions{
		`folds by "clip"`:             {By: "clip", N: 2},
		"say how many":                {By: "file"},
		"4 folds of 3 groups":         {N: 4},
		"1 folds of 3 groups":         {N: 1},
		"-1 folds of 3 groups":        {N: -1},
		"100 folds of 12 clips: want": {By: "file", N: 100},
	} {
		if _, err := Folds(d, all(d.Len()), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	// one person alone does a class
	lone := &list{classes: []string{"a", "b"}, width: 1, ids: []string{"a/1", "a/2", "b/1"}, labels: []int{0, 0, 1}, groups: []string{"1", "2", "1"}, frames: []int{5, 5, 5}}
	if _, err := Folds(lone, all(3), FoldOptions{}); err == nil || !strings.Contains(err.Error(), "fold 1 of 2 has all 1 training clips of b") {
		t.Error(err)
	}
}
