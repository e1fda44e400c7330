package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Split holds the clip numbers of each part, each in rising order, no clip in two.
type Split struct{ Train, Val, Test []int }

// SplitOptions says how clips are divided.
type SplitOptions struct {
	// By is group, file, list or "": the official split where the data set brings one, else list where List is
	// set, else group.
	By string

	// TestGroups and ValGroups name whole groups ("2", "person03"); numbers match with or without leading zeros.
	TestGroups, ValGroups []string

	// Test and Val are parts, 0 to 1: Test of all clips, Val of the clips that are not for test. By group, whole
	// groups are taken until the part is reached; by file, clips of each class. Test is used where no TestGroups are
	// given (0 = DefaultTest), Val where no ValGroups are (0 = no validation part).
	Test, Val float64
	Seed      uint64

	// List is a split file, or an official list: UCF101's trainlist01.txt (its testlist beside it) or folder of
	// them, HMDB51's folder of *_test_split1.txt. ListNumber picks one of the three splits in a folder; 0 = 1.
	List       string
	ListNumber int
}

// DefaultTest is the part of the clips for test where nothing else is said.
const DefaultTest = 0.3

// MakeSplit divides a data set. The same options give the same split.
func MakeSplit(ds Dataset, o SplitOptions) (Split, error) {
	var s Split
	if err := o.validate(); err != nil {
		return s, err
	}
	by := o.By
	official, hasOfficial := Split{}, false
	if d, ok := ds.(interface{ Official() (Split, bool) }); ok {
		official, hasOfficial = d.Official()
	}
	if by == "" {
		switch {
		case o.List != "":
			by = "list"
		case hasOfficial && len(o.TestGroups) == 0 && o.Test == 0:
			by = "official"
		default:
			by = "group"
		}
	}
	var err error
	switch by {
	case "official":
		s = official
	case "list":
		if s, err = readLists(ds, o.List, max(o.ListNumber, 1)); err != nil {
			return s, err
		}
	case "group":
		if len(o.TestGroups) > 0 {
			s, err = splitGroups(ds, all(ds.Len()), o.TestGroups, "--test-groups")
		} else {
			s = splitRandom(ds, all(ds.Len()), o.testPart(), o.Seed, true)
		}
	case "file":
		s = splitRandom(ds, all(ds.Len()), o.testPart(), o.Seed, false)
	}
	if err != nil {
		return s, err
	}
	if len(s.Val) == 0 {
		test := s.Test
		switch {
		case len(o.ValGroups) > 0:
			s, err = splitGroups(ds, s.Train, o.ValGroups, "--val-groups")
		case o.Val > 0:
			s = splitRandom(ds, s.Train, o.Val, mix(o.Seed), by != "file")
		default:
			s.Test = nil
		}
		if err != nil {
			return s, err
		}
		s.Val, s.Test = s.Test, test
	} else if len(o.ValGroups) > 0 || o.Val > 0 {
		return s, fmt.Errorf("%s has a validation part already: leave --val and --val-groups away", orList(o.List))
	}
	return s, s.check(ds, by, o)
}

func orList(s string) string {
	if s == "" {
		return "the official split"
	}
	return s
}

func (o SplitOptions) validate() error {
	switch o.By {
	case "", "group", "file":
	case "list":
		if o.List == "" {
			return errors.New("--split-by list: name the list with --split-list FILE")
		}
	default:
		return fmt.Errorf("--split-by %q: want group, file or list", o.By)
	}
	if o.By != "" && o.By != "list" && o.List != "" {
		return fmt.Errorf("--split-by %s does not go with the list %s: leave one away", o.By, o.List)
	}
	if o.By == "file" && (len(o.TestGroups) > 0 || len(o.ValGroups) > 0) {
		return errors.New("--split-by file does not go with --test-groups or --val-groups: leave one away")
	}
	if (o.List != "") && len(o.TestGroups) > 0 {
		return fmt.Errorf("--test-groups does not go with the list %s: leave one away", o.List)
	}
	for _, p := range []struct {
		name string
		v    float64
	}{{"test", o.Test}, {"val", o.Val}} {
		if !(p.v >= 0 && p.v < 1) {
			return fmt.Errorf("--%s %v: want a part of the clips, 0 to below 1", p.name, p.v)
		}
	}
	if len(o.TestGroups) > 0 && o.Test > 0 {
		return errors.New("--test and --test-groups: leave one away")
	}
	if len(o.ValGroups) > 0 && o.Val > 0 {
		return errors.New("--val and --val-groups: leave one away")
	}
	if o.ListNumber < 0 || o.ListNumber > 99 {
		return fmt.Errorf("split number %d: want 1 to 99", o.ListNumber)
	}
	return nil
}

func (o SplitOptions) testPart() float64 {
	if o.Test == 0 {
		return DefaultTest
	}
	return o.Test
}

// check refuses splits that nothing can be learned from.
func (s Split) check(ds Dataset, by string, o SplitOptions) error {
	if by == "list" { // what a list says is meant, as for a set that is only tested on
		if len(s.Train)+len(s.Val)+len(s.Test) == 0 {
			return fmt.Errorf("%s: no clip of it is in the data", o.List)
		}
		return nil
	}
	if len(s.Train) == 0 {
		return fmt.Errorf("no clips are left for training: %d are for test and %d for validation", len(s.Test), len(s.Val))
	}
	have := make([]bool, len(ds.Classes()))
	for _, i := range s.Train {
		have[ds.Label(i)] = true
	}
	var missing []string
	for c, ok := range have {
		if !ok {
			missing = append(missing, ds.Classes()[c])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no training clips for %s: all of them are for test or validation; choose other groups, or --split-by file", someOf(missing, 5))
	}
	return nil
}

// Groups lists the groups of a data set in natural order.
func Groups(ds Dataset) []string {
	seen := map[string]bool{}
	var out []string
	for i := range ds.Len() {
		if g := ds.Group(i); !seen[g] {
			seen[g] = true
			out = append(out, g)
		}
	}
	slices.SortFunc(out, naturalCompare)
	return out
}

// splitGroups sends the clips of the named groups to Test and the others to Train.
func splitGroups(ds Dataset, from []int, groups []string, flag string) (Split, error) {
	var s Split
	want := map[string]bool{}
	for _, g := range groups {
		want[trimZeros(strings.TrimSpace(g))] = false
	}
	var known []string
	seen := map[string]bool{}
	for _, i := range from {
		g := ds.Group(i)
		if !seen[g] {
			seen[g] = true
			known = append(known, g)
		}
		if _, ok := want[trimZeros(g)]; ok {
			want[trimZeros(g)] = true
			s.Test = append(s.Test, i)
		} else {
			s.Train = append(s.Train, i)
		}
	}
	for _, g := range groups {
		if !want[trimZeros(strings.TrimSpace(g))] {
			slices.SortFunc(known, naturalCompare)
			return s, fmt.Errorf("%s: no group %q: the groups are %s", flag, g, someOf(known, 30))
		}
	}
	return s, nil
}

func someOf(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}

// unit is some clips that stay together: a group, or one clip.
type unit struct {
	class int // -1 = several
	clips []int
}

// pools shuffles clips, or groups of them. Where each group belongs to one class (source videos), and by clips, there is a pool for each
// class, so that all classes can be in every part; else there is one for all.
func pools(ds Dataset, from []int, seed uint64, groups bool) [][]unit {
	var units []unit
	at := map[string]int{}
	for _, i := range from {
		key := ds.ID(i)
		if groups {
			key = ds.Group(i)
		}
		u, ok := at[key]
		if !ok {
			u = len(units)
			at[key] = u
			units = append(units, unit{class: ds.Label(i)})
		}
		if units[u].class != ds.Label(i) {
			units[u].class = -1
		}
		units[u].clips = append(units[u].clips, i)
	}
	mixed := slices.ContainsFunc(units, func(u unit) bool { return u.class < 0 })
	out := make([][]unit, len(ds.Classes()))
	for _, u := range units {
		p := u.class
		if mixed {
			p = 0
		}
		out[p] = append(out[p], u)
	}
	for p, pool := range out {
		rng := newSource(seed, 0, p)
		for i := len(pool) - 1; i > 0; i-- {
			j := rng.intN(i + 1)
			pool[i], pool[j] = pool[j], pool[i]
		}
	}
	return out
}

// splitRandom sends about part of the clips to Test. With groups, whole groups go; where each group belongs to one
// class (source videos), and by file, it is done class by class, so that all classes are in both.
func splitRandom(ds Dataset, from []int, part float64, seed uint64, groups bool) Split {
	var s Split
	for _, pool := range pools(ds, from, seed, groups) {
		total, taken := 0, 0
		for _, u := range pool {
			total += len(u.clips)
		}
		for k, u := range pool {
			// taken while that brings the number nearer to what is wanted; the last unit stays
			want := part * float64(total)
			if k < len(pool)-1 && float64(taken)+float64(len(u.clips))/2 <= want {
				taken += len(u.clips)
				s.Test = append(s.Test, u.clips...)
			} else {
				s.Train = append(s.Train, u.clips...)
			}
		}
	}
	slices.Sort(s.Train)
	slices.Sort(s.Test)
	return s
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
