package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tsMaxLine bounds a line of a .ts file: one whole series.
const tsMaxLine = 64 << 20

// tsFile is a parsed .ts file (the aeon, sktime and UEA archive format).
type tsFile struct {
	name    string
	dims    int // channels; 0 = as the data says
	equal   bool
	length  int // of every series when equal; 0 = as the data says
	classes []string
	series  []tsSeries
}

type tsSeries struct {
	rows  []float32 // [T, dims]
	label int
}

// parseTS reads a .ts file strictly: known fields only, labelled, no time stamps, no missing values.
func parseTS(r io.Reader) (*tsFile, error) {
	f := &tsFile{}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 1<<16), tsMaxLine)
	data := false
	n := 0
	for sc.Scan() {
		n++
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "%") {
			continue
		}
		var err error
		switch {
		case data:
			err = f.row(line)
		case strings.EqualFold(line, "@data"):
			data = true
			if len(f.classes) == 0 {
				err = errors.New("@data before @classLabel true and the classes")
			}
		case line[0] == '@':
			err = f.field(line)
		default:
			err = errors.New("a line that is neither a comment nor a field, before @data")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("line %d: more than %d bytes", n+1, tsMaxLine)
		}
		return nil, err
	}
	if !data {
		return nil, errors.New("no @data: not a .ts time series file, or cut short")
	}
	if len(f.series) == 0 {
		return nil, errors.New("no series after @data")
	}
	return f, nil
}

// field takes one @ line.
func (f *tsFile) field(line string) error {
	words := strings.Fields(line)
	key, args := words[0], words[1:]
	one := func() (string, error) {
		if len(args) != 1 {
			return "", fmt.Errorf("%s wants one value, has %d", key, len(args))
		}
		return args[0], nil
	}
	flag := func() (bool, error) {
		v, err := one()
		if err != nil {
			return false, err
		}
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, fmt.Errorf("%s %s: want true or false", key, v)
	}
	count := func() (int, error) {
		v, err := one()
		if err != nil {
			return 0, err
		}
		c, err := strconv.Atoi(v)
		if err != nil || c < 1 || c > 1<<24 {
			return 0, fmt.Errorf("%s %s: want a number from 1 to %d", key, v, 1<<24)
		}
		return c, nil
	}
	var err error
	switch strings.ToLower(key) {
	case "@problemname":
		f.name, err = one()
	case "@timestamps":
		var v bool
		if v, err = flag(); err == nil && v {
			err = errors.New("@timeStamps true: series with time stamps are not read; resample them to even steps")
		}
	case "@missing":
		var v bool
		if v, err = flag(); err == nil && v {
			err = errors.New("@missing true: fill in the missing values first")
		}
	case "@univariate":
		var v bool
		if v, err = flag(); err == nil && v {
			f.dims = 1
		}
	case "@dimensions", "@dimension":
		f.dims, err = count()
	case "@equallength":
		f.equal, err = flag()
	case "@serieslength":
		f.length, err = count()
	case "@classlabel":
		if len(args) == 0 || !strings.EqualFold(args[0], "true") {
			return errors.New("@classLabel must be true, followed by the classes: series without labels cannot be learned from")
		}
		f.classes = slices.Clone(args[1:])
		for i, c := range f.classes {
			if slices.Contains(f.classes[:i], c) {
				return fmt.Errorf("@classLabel names %s twice", c)
			}
		}
		if len(f.classes) < 2 {
			return fmt.Errorf("@classLabel names %d classes: want 2 or more", len(f.classes))
		}
	case "@targetlabel":
		if v, e := flag(); e != nil || v {
			err = errors.New("@targetLabel: a regression set, not one of classes")
		}
	default:
		err = fmt.Errorf("unknown field %.40s", key)
	}
	return err
}

// row takes one series: values with commas, channels with colons, the label last.
func (f *tsFile) row(line string) error {
	cut := strings.LastIndexByte(line, ':')
	if cut < 0 {
		return errors.New("no label after the values")
	}
	label := slices.Index(f.classes, strings.TrimSpace(line[cut+1:]))
	if label < 0 {
		return fmt.Errorf("label %.40q is not among the classes of @classLabel", strings.TrimSpace(line[cut+1:]))
	}
	body := line[:cut]
	dims := strings.Count(body, ":") + 1
	if f.dims == 0 {
		f.dims = dims
	}
	if dims != f.dims {
		return fmt.Errorf("%d channels, want %d", dims, f.dims)
	}
	var rows []float32
	d, steps := 0, 0
	for channel := range strings.SplitSeq(body, ":") {
		n := strings.Count(channel, ",") + 1
		if d == 0 {
			steps = n
			if steps*dims > len(body)+1 { // there is a separator for each value: memory stays in proportion to the text
				return fmt.Errorf("the first of %d channels has %d values, too many for all to have them", dims, n)
			}
			rows = make([]float32, steps*dims)
		}
		if n != steps {
			return fmt.Errorf("channel %d has %d values, the first one %d", d+1, n, steps)
		}
		t := 0
		for w := range strings.SplitSeq(channel, ",") {
			w = strings.TrimSpace(w)
			v, err := strconv.ParseFloat(w, 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("channel %d value %d: %.40q is not a finite number", d+1, t+1, w)
			}
			rows[t*dims+d] = float32(v)
			t++
		}
		d++
	}
	if f.equal && f.length > 0 && steps != f.length {
		return fmt.Errorf("a series of %d steps, @seriesLength says %d", steps, f.length)
	}
	f.series = append(f.series, tsSeries{rows, label})
	return nil
}

// Series is a set of labelled time series from .ts files. It is a Dataset whose clips are named NAME/train/3. When it
// came in two files they are its official split.
type Series struct {
	name    string
	classes []string
	width   int
	parts   []string // of each file: train, test or all
	at      []int    // where each part begins
	series  []tsSeries
}

// seriesFiles finds the .ts files of a folder: none, or NAME_TRAIN.ts with NAME_TEST.ts.
func seriesFiles(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(globEscape(dir), "*.[tT][sS]"))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var train, test []string
	for _, p := range all {
		switch base := strings.ToUpper(filepath.Base(p)); {
		case strings.HasSuffix(base, "_TRAIN.TS"):
			train = append(train, p)
		case strings.HasSuffix(base, "_TEST.TS"):
			test = append(test, p)
		}
	}
	switch {
	case len(train) == 1 && len(test) == 1:
		return []string{train[0], test[0]}, nil
	case len(all) == 1:
		return all, nil
	}
	return nil, fmt.Errorf("%s: %d .ts files: want NAME_TRAIN.ts with NAME_TEST.ts, or name one file", dir, len(all))
}

func globEscape(s string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(s)
}

// openSeries reads one .ts file, or a train and a test file.
func openSeries(paths ...string) (Dataset, *Report, error) {
	d := &Series{parts: []string{"all"}}
	if len(paths) == 2 {
		d.parts = []string{"train", "test"}
	}
	for k, p := range paths {
		f, err := openTS(p)
		if err != nil {
			return nil, nil, err
		}
		if k == 0 {
			d.name, d.width, d.classes = f.name, f.dims, slices.Clone(f.classes)
			if d.name == "" {
				d.name = strings.TrimSuffix(filepath.Base(p), filepath.Ext(p))
			}
			slices.Sort(d.classes)
		}
		other := slices.Clone(f.classes)
		slices.Sort(other)
		if !slices.Equal(other, d.classes) {
			return nil, nil, fmt.Errorf("%s: classes %v, but %s has %v", p, other, paths[0], d.classes)
		}
		if f.dims != d.width {
			return nil, nil, fmt.Errorf("%s: %d channels, but %s has %d", p, f.dims, paths[0], d.width)
		}
		d.at = append(d.at, len(d.series))
		for _, s := range f.series {
			s.label, _ = slices.BinarySearch(d.classes, f.classes[s.label])
			d.series = append(d.series, s)
		}
	}
	return d, &Report{Clips: len(d.series)}, nil
}

func openTS(path string) (*tsFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openErr(path, err)
	}
	defer f.Close()
	t, err := parseTS(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// part tells which file series i is from and its number there.
func (d *Series) part(i int) (name string, number int) {
	for k := len(d.at) - 1; k > 0; k-- {
		if i >= d.at[k] {
			return d.parts[k], i - d.at[k]
		}
	}
	return d.parts[0], i
}

// Name is the problem's name.
func (d *Series) Name() string { return d.name }

// Classes are the class labels, sorted.
func (d *Series) Classes() []string { return d.classes }

// Len is the number of series.
func (d *Series) Len() int { return len(d.series) }

// ID is like train/12: the file and the number in it, from 0.
func (d *Series) ID(i int) string {
	name, n := d.part(i)
	return name + "/" + strconv.Itoa(n)
}

// Label is the class of series i.
func (d *Series) Label(i int) int { return d.series[i].label }

// Group is the series' own id: the format does not say who was recorded.
func (d *Series) Group(i int) string { return d.ID(i) }

// Width is the number of channels.
func (d *Series) Width() int { return d.width }

// Frames is the length of series i.
func (d *Series) Frames(i int) int { return len(d.series[i].rows) / d.width }

// Clip prepares series i.
func (d *Series) Clip(dst *Clip, i int, s Sample) error {
	return dst.setRows(d.ID(i), i, d.width, d.series[i].rows, s)
}

// Official is the split into the two files; ok is false where there is one.
func (d *Series) Official() (s Split, ok bool) {
	if len(d.at) < 2 {
		return s, false
	}
	for i := range d.series {
		if i < d.at[1] {
			s.Train = append(s.Train, i)
		} else {
			s.Test = append(s.Test, i)
		}
	}
	return s, true
}
