package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const tsHead = "# made\n@problemName Demo\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n@equalLength false\n@classLabel true b a\n@data\n"

func TestTS(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "Demo_TRAIN.ts"), []byte(tsHead+"1,2,3:4,5,6:a\n\n7,-8.5e1:9,10:b\r\n"))
	put(t, filepath.Join(dir, "Demo_TEST.ts"), []byte(strings.ReplaceAll(tsHead, "true b a", "true a b")+"1:2:b\n"))
	ds, rep, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ds.Len() != 3 || ds.Width() != 2 || ds.Name() != "Demo" || !slices.Equal(ds.Classes(), []string{"a", "b"}) || rep.Clips != 3 {
		t.Fatal(ds.Len(), ds.Width(), ds.Name(), ds.Classes(), rep)
	}
	var c Clip
	if err := ds.Clip(&c, 1, Sample{}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, &c); len(got) != 2 || !slices.Equal(got[0], []float32{7, 9}) || !slices.Equal(got[1], []float32{-85, 10}) {
		t.Error(got)
	}
	if ds.ID(1) != "train/1" || ds.ID(2) != "test/0" || ds.Label(0) != 0 || ds.Label(1) != 1 || ds.Label(2) != 1 || ds.Frames(0) != 3 {
		t.Error(ds.ID(1), ds.ID(2), ds.Label(0), ds.Label(1), ds.Label(2), ds.Frames(0))
	}
	s, err := MakeSplit(ds, SplitOptions{})
	if err != nil || !slices.Equal(s.Train, []int{0, 1}) || !slices.Equal(s.Test, []int{2}) {
		t.Error(s, err)
	}
	one, _, err := Open(t.Context(), filepath.Join(dir, "Demo_TRAIN.ts"), Options{})
	if err != nil || one.Len() != 2 || one.ID(1) != "all/1" {
		t.Error(one, err)
	}
	if _, ok := one.(*Series).Official(); ok {
		t.Error("one file has an official split")
	}
	put(t, filepath.Join(dir, "Demo_TEST.ts"), []byte(strings.ReplaceAll(tsHead, "true b a", "true a c")+"1:2:c\n"))
	if _, _, err := Open(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "classes [a c], but") {
		t.Error(err)
	}
}

func TestTSErrors(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"no data", "@problemName x\n@classLabel true a b\n"},
		{"no series", tsHead},
		{"no classes", "@problemName x\n@data\n1:a\n"},
		{"text before data", "hello\n"},
		{"unknown field", "@colour red\n"},
		{"time stamps", "@timeStamps true\n"},
		{"missing", "@missing true\n"},
		{"flag", "@univariate maybe\n"},
		{"two values", "@problemName a b\n"},
		{"dimensions", "@dimensions many\n"},
		{"class labels false", "@classLabel false\n"},
		{"one class", "@classLabel true a\n"},
		{"class twice", "@classLabel true a b a\n"},
		{"regression", "@targetLabel true\n"},
		{"unknown label", tsHead + "1:2:c\n"},
		{"no label", tsHead + "1,2\n"},
		{"channels", tsHead + "1:2:3:a\n"},
		{"lengths", tsHead + "1,2:3,4,5:a\n"},
		{"bad number", tsHead + "1,x:3,4:a\n"},
		{"infinite", tsHead + "1,2:3,inf:a\n"},
		{"question mark", tsHead + "1,2:3,?:a\n"},
		{"no value", tsHead + "1,:3,4:a\n"},
		{"length", strings.Replace(tsHead, "@equalLength false", "@equalLength true\n@seriesLength 3", 1) + "1,2:3,4:a\n"},
		{"many of everything", strings.Replace(tsHead, "@dimensions 2\n", "", 1) + strings.Repeat("1,", 5000) + "1" + strings.Repeat(":1", 5000) + ":a\n"},
	} {
		_, err := parseTS(strings.NewReader(c.text))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %v\n", c.name, err)
	}
	golden(t, "testdata/ts.golden", b.String())
}
