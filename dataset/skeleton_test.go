package dataset

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func npyOf(t *testing.T, rows []float32, width int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteNPY(&b, rows, width); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWriteNPY: what is written is what is read, and values begin where NumPy wants them.
func TestWriteNPY(t *testing.T) {
	for _, width := range []int{1, 3, 120} {
		rows := points(7, width)
		b := npyOf(t, rows, width)
		got, w, err := readNPY(bytes.NewReader(b), int64(len(b)))
		if err != nil || w != width || !slices.Equal(got, rows) {
			t.Errorf("width %d: %d, %v", width, w, err)
		}
		if (len(b)-4*len(rows))%64 != 0 {
			t.Errorf("width %d: the header has %d bytes, no multiple of 64", width, len(b)-4*len(rows))
		}
	}
}

// TestSkeleton holds a written clip against numbers worked out by hand: two joints, (1,2,3) and 2 above it, that move by 1 along x each row.
func TestSkeleton(t *testing.T) {
	var rows []float32
	for k := range 4 {
		rows = append(rows, 1+float32(k), 2, 3, 1+float32(k), 4, 3)
	}
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	put(t, filepath.Join(root, "walk", "deep", "a_s1.npy"), npyOf(t, rows, 6))
	put(t, filepath.Join(root, "stand", "b_s2.npy"), npyOf(t, rows[:6], 6))
	rep, err := Skeleton(t.Context(), root, out, SkeletonOptions{Origin: 1, Torso: [2]int{2, 1}, Lag: 2, Gain: 4, MaxBad: -1})
	if err != nil || rep.Clips != 2 || len(rep.Bad) > 0 {
		t.Fatal(rep, err)
	}
	got, width, err := readFeatures(filepath.Join(out, "walk", "deep", "a_s1.npy"))
	want := []float32{ // the distance of 2 becomes 0.5: a quarter of all
		0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0,
		0.25, 0, 0, 0.25, 0.5, 0, 1, 0, 0, 1, 0, 0,
		0.5, 0, 0, 0.5, 0.5, 0, 2, 0, 0, 2, 0, 0,
		0.75, 0, 0, 0.75, 0.5, 0, 2, 0, 0, 2, 0, 0,
	}
	if err != nil || width != 12 || !slices.Equal(got, want) {
		t.Errorf("%d, %v\n got %v\nwant %v", width, err, got, want)
	}
	if got, _, err := readFeatures(filepath.Join(out, "stand", "b_s2.npy")); err != nil || !slices.Equal(got, want[:12]) {
		t.Errorf("one row: %v, %v", got, err)
	}
}

// TestSkeletonParts: each part alone does its own.
func TestSkeletonParts(t *testing.T) {
	rows := points(5, 9)
	got, width, err := SkeletonOptions{Lag: 1, Gain: 1}.apply(rows, 9)
	if err != nil || width != 18 {
		t.Fatal(width, err)
	}
	for k := range 5 {
		if !slices.Equal(got[18*k:18*k+9], rows[9*k:9*k+9]) {
			t.Errorf("row %d is moved by a lag", k)
		}
	}
	got, width, err = SkeletonOptions{Origin: 3}.apply(rows, 9)
	if err != nil || width != 9 {
		t.Fatal(width, err)
	}
	for i := range got {
		if want := rows[i] - rows[6+i%3]; math.Abs(float64(got[i]-want)) > 1e-6 {
			t.Errorf("value %d: %v, want %v", i, got[i], want)
		}
	}
	got, _, err = SkeletonOptions{Torso: [2]int{1, 3}}.apply(rows, 9)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for k := range 5 {
		r := got[9*k:]
		mean += math.Hypot(math.Hypot(float64(r[0]-r[6]), float64(r[1]-r[7])), float64(r[2]-r[8])) / 5
	}
	if math.Abs(mean-TorsoLength) > 1e-6 {
		t.Errorf("the torso is %v, want %v", mean, TorsoLength)
	}
}

func TestSkeletonErrors(t *testing.T) {
	for _, c := range []struct {
		o    SkeletonOptions
		want string
	}{
		{SkeletonOptions{}, "nothing to do"},
		{SkeletonOptions{Origin: -1}, "origin -1: want the number of a joint, from 1"},
		{SkeletonOptions{Torso: [2]int{2, 2}}, "torso 2,2: want the numbers of two joints"},
		{SkeletonOptions{Torso: [2]int{0, 2}}, "torso 0,2: want"},
		{SkeletonOptions{Lag: 1001, Gain: 1}, "lag 1001: want 1 to 1000"},
		{SkeletonOptions{Origin: 1, Gain: 2}, "gain 2 without a lag"},
		{SkeletonOptions{Lag: 1, Gain: math.NaN()}, "gain NaN: want more than 0"},
		{SkeletonOptions{Lag: 1}, "gain 0: want more than 0"},
	} {
		if err := c.o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	good := points(3, 6)
	put(t, filepath.Join(root, "a", "good.npy"), npyOf(t, good, 6))
	put(t, filepath.Join(root, "b", "good.npy"), npyOf(t, good, 6))
	put(t, filepath.Join(root, "a", "four.npy"), npyOf(t, good[:4], 4))
	put(t, filepath.Join(root, "a", "one.npy"), npyOf(t, good[:3], 3))
	put(t, filepath.Join(root, "a", "still.npy"), npyOf(t, make([]float32, 6), 6))
	put(t, filepath.Join(root, "a", "huge.npy"), npyOf(t, []float32{3e38, 0, 0, 3e38, 1e-3, 0, -3e38, 0, 0, -3e38, 1e-3, 0}, 6))
	put(t, filepath.Join(root, "a", "cut.npy"), npyOf(t, good, 6)[:100])
	o := SkeletonOptions{Origin: 1, Torso: [2]int{1, 2}, MaxBad: 0.9}
	rep, err := Skeleton(t.Context(), root, out, o)
	if err != nil || len(rep.Bad) != 5 {
		t.Fatal(rep, err)
	}
	for i, want := range []string{
		"npy header", "4 numbers a row are no points of three coordinates", "row 1 comes to numbers beyond float32", "there is no joint 2: 3 numbers a row are 1 joints",
		"the joints 1 and 2 are in one place in all rows: there is no torso to scale by",
	} {
		if !strings.Contains(rep.Bad[i].Err.Error(), want) {
			t.Errorf("%s: %v, want %q", rep.Bad[i].ID, rep.Bad[i].Err, want)
		}
	}
	if e, err := os.ReadDir(filepath.Join(out, "a")); err != nil || len(e) != 1 || e[0].Name() != "good.npy" {
		t.Errorf("%v, %v: want good.npy alone", e, err)
	}
	o.MaxBad = 0
	if _, err := Skeleton(t.Context(), root, filepath.Join(t.TempDir(), "x"), o); !errors.Is(err, ErrTooManyBad) {
		t.Error(err)
	}
	put(t, filepath.Join(root, "a", "good.npz"), []byte("x"))
	if _, err := Skeleton(t.Context(), root, filepath.Join(t.TempDir(), "x"), o); err == nil || !strings.Contains(err.Error(), "would both be a/good.npy: rename one") {
		t.Error(err)
	}
	video := t.TempDir()
	for _, label := range []string{"a", "b"} {
		put(t, filepath.Join(video, label, "x.y4m"), figure(t, 8, 8, 2, 2, 2))
	}
	if _, err := Skeleton(t.Context(), video, out, o); err == nil || !strings.Contains(err.Error(), "not feature sequences") {
		t.Error(err)
	}
}
