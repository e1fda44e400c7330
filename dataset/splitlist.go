package dataset

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fdht/fdht/video"
)

func naturalCompare(a, b string) int { return cmp.Or(video.NaturalCompare(a, b), cmp.Compare(a, b)) }

// Bounds of split files and lists.
const (
	listMaxBytes = 64 << 20
	listMaxLine  = 4096
)

// WriteSplit writes a split as text, a clip a line: train, val or test, a tab, the clip's id. Clips in no part
// are left out.
func WriteSplit(w io.Writer, ds Dataset, s Split) error {
	b := bufio.NewWriter(w)
	for _, part := range []struct {
		name  string
		clips []int
	}{{"train", s.Train}, {"val", s.Val}, {"test", s.Test}} {
		for _, i := range part.clips {
			if strings.ContainsAny(ds.ID(i), "\n\r\t") {
				return fmt.Errorf("clip %q: its name has a line end or tab in it and cannot be in a split file; rename it", ds.ID(i))
			}
			fmt.Fprintf(b, "%s\t%s\n", part.name, ds.ID(i))
		}
	}
	return b.Flush()
}

// ReadSplit reads what WriteSplit wrote. Every clip named must be in ds, once.
func ReadSplit(r io.Reader, ds Dataset) (Split, error) {
	entries, err := parseSplit(r)
	if err != nil {
		return Split{}, err
	}
	return resolve(entries, idIndex(ds))
}

// listed is one line of a split: a clip and its part.
type listed struct {
	part string // train, val or test
	id   string
	line int
}

// parseSplit reads the lines of a split file.
func parseSplit(r io.Reader) ([]listed, error) {
	var out []listed
	err := eachLine(r, func(n int, line string) error {
		part, id, ok := strings.Cut(line, "\t")
		if !ok || id == "" || (part != "train" && part != "val" && part != "test") {
			return fmt.Errorf("want train, val or test, a tab and a clip's id, not %.60q", line)
		}
		out = append(out, listed{part, id, n})
		return nil
	})
	return out, err
}

// eachLine calls f for every line that is not empty; f's error gets the line's number.
func eachLine(r io.Reader, f func(n int, line string) error) error {
	sc := bufio.NewScanner(io.LimitReader(r, listMaxBytes+1))
	sc.Buffer(nil, listMaxLine)
	n, bytes := 0, 0
	for sc.Scan() {
		n++
		line := strings.TrimSuffix(sc.Text(), "\r")
		if bytes += len(line) + 1; bytes > listMaxBytes {
			return fmt.Errorf("more than %d bytes", listMaxBytes)
		}
		if line == "" {
			continue
		}
		if err := f(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: more than %d bytes", n+1, listMaxLine)
	}
	return sc.Err()
}

// index finds clips by id: as it is, without extension, and by label and name alone (UCF101's lists have no inner
// folders). A short form that is not unique finds nothing.
type index struct {
	full  map[string]int
	short map[string]int // several = more than one
}

// What an index has instead of a clip's number.
const (
	several  = -1
	excluded = -2 // unreadable and reported as such: a list may name it
)

func idIndex(ds Dataset) index {
	x := index{make(map[string]int, ds.Len()), make(map[string]int, ds.Len())}
	for i := range ds.Len() {
		x.add(ds.ID(i), i)
	}
	if d, ok := ds.(interface{ Excluded() []string }); ok {
		for _, id := range d.Excluded() {
			x.add(id, excluded)
		}
	}
	return x
}

func (x index) add(id string, i int) {
	x.full[id] = i
	for _, s := range shortForms(id) {
		if j, ok := x.short[s]; ok && j != i {
			i = several
		}
		x.short[s] = i
	}
}

func shortForms(id string) []string {
	bare := strings.TrimSuffix(id, path.Ext(id))
	label, _, _ := strings.Cut(bare, "/")
	return []string{bare, label + "//" + path.Base(bare)}
}

func (x index) find(id string) (int, bool) {
	if i, ok := x.full[id]; ok {
		return i, true
	}
	for _, s := range shortForms(id) {
		if i, ok := x.short[s]; ok && i != several {
			return i, true
		}
	}
	return 0, false
}

// resolve turns ids into numbers. Ids that are not in the data are an error, unless they are of clips that were excluded.
func resolve(entries []listed, x index) (Split, error) {
	var s Split
	parts := map[int]listed{}
	var missing []string
	for _, e := range entries {
		i, ok := x.find(e.id)
		if !ok {
			missing = append(missing, e.id)
			continue
		}
		if i == excluded {
			continue
		}
		if old, dup := parts[i]; dup {
			if old.line > 0 {
				return s, fmt.Errorf("line %d: clip %s is already in line %d (%s)", e.line, e.id, old.line, old.part)
			}
			return s, fmt.Errorf("clip %s is listed twice (%s and %s)", e.id, old.part, e.part)
		}
		parts[i] = e
		switch e.part {
		case "train":
			s.Train = append(s.Train, i)
		case "val":
			s.Val = append(s.Val, i)
		default:
			s.Test = append(s.Test, i)
		}
	}
	if len(missing) > 0 {
		return s, fmt.Errorf("%d of %d clips listed are not in the data: %s; is this the list of another set", len(missing), len(entries), someOf(missing, 5))
	}
	slices.Sort(s.Train)
	slices.Sort(s.Val)
	slices.Sort(s.Test)
	return s, nil
}

// readLists reads a split file or an official list, whichever is there.
func readLists(ds Dataset, list string, number int) (Split, error) {
	entries, err := listEntries(list, number)
	if err != nil {
		return Split{}, err
	}
	s, err := resolve(entries, idIndex(ds))
	if err != nil {
		return s, fmt.Errorf("%s: %w", list, err)
	}
	return s, nil
}

func listEntries(list string, number int) ([]listed, error) {
	st, err := os.Stat(list)
	if err != nil {
		return nil, openErr(list, err)
	}
	dir, base := filepath.Split(list)
	switch {
	case st.IsDir():
		train := filepath.Join(list, fmt.Sprintf("trainlist%02d.txt", number))
		if _, err := os.Stat(train); err == nil {
			return ucfLists(train, filepath.Join(list, fmt.Sprintf("testlist%02d.txt", number)))
		}
		return hmdbLists(list, number)
	case strings.HasPrefix(base, "trainlist"):
		return ucfLists(list, dir+"test"+strings.TrimPrefix(base, "train"))
	case strings.HasPrefix(base, "testlist"):
		return ucfLists(dir+"train"+strings.TrimPrefix(base, "test"), list)
	}
	return parseFile(list, parseSplit)
}

func parseFile(name string, parse func(io.Reader) ([]listed, error)) ([]listed, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, openErr(name, err)
	}
	defer f.Close()
	out, err := parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// ucfLists reads UCF101's lists: Label/v_Label_g08_c01.avi, in the training list with the number of the class after it.
func ucfLists(train, test string) ([]listed, error) {
	var out []listed
	for _, l := range []struct{ file, part string }{{train, "train"}, {test, "test"}} {
		e, err := parseFile(l.file, func(r io.Reader) ([]listed, error) { return parseUCF(r, l.part) })
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	for i := range out {
		out[i].line = 0 // of two files: a number alone would mislead
	}
	return out, nil
}

func parseUCF(r io.Reader, part string) ([]listed, error) {
	var out []listed
	err := eachLine(r, func(n int, line string) error {
		line = strings.TrimSpace(line)
		id := line
		if sp := strings.LastIndexByte(line, ' '); sp >= 0 && strings.Trim(line[sp+1:], "0123456789") == "" {
			id = line[:sp]
		}
		if strings.Count(id, "/") != 1 || strings.HasPrefix(id, "/") || strings.HasSuffix(id, "/") {
			return fmt.Errorf("want Label/clip.avi and perhaps the number of the class, not %.60q", line)
		}
		out = append(out, listed{part, id, n})
		return nil
	})
	return out, err
}

// hmdbLists reads HMDB51's folder: a file a class, label_test_split1.txt, each line a clip and 1 (train), 2 (test)
// or 0 (neither).
func hmdbLists(dir string, number int) ([]listed, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, openErr(dir, err)
	}
	suffix := "_test_split" + strconv.Itoa(number) + ".txt"
	var out []listed
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), suffix) })
	if i < 0 {
		return nil, fmt.Errorf("%s: no lists in this folder: want trainlist%02d.txt and testlist%02d.txt, or files named <label>%s", dir, number, number, suffix)
	}
	for _, e := range entries {
		label, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || label == "" {
			continue
		}
		l, err := parseFile(filepath.Join(dir, e.Name()), func(r io.Reader) ([]listed, error) { return parseHMDB(r, label) })
		if err != nil {
			return nil, err
		}
		out = append(out, l...)
	}
	for i := range out {
		out[i].line = 0
	}
	return out, nil
}

func parseHMDB(r io.Reader, label string) ([]listed, error) {
	var out []listed
	err := eachLine(r, func(n int, line string) error {
		line = strings.TrimSpace(line)
		sp := strings.LastIndexByte(line, ' ')
		if sp <= 0 {
			return fmt.Errorf("want a clip and 0, 1 or 2, not %.60q", line)
		}
		id := label + "/" + strings.TrimSpace(line[:sp])
		switch line[sp+1:] {
		case "0":
		case "1":
			out = append(out, listed{"train", id, n})
		case "2":
			out = append(out, listed{"test", id, n})
		default:
			return fmt.Errorf("want a clip and 0, 1 or 2, not %.60q", line)
		}
		return nil
	})
	return out, err
}
