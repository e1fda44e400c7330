package dataset

import (
	"fmt"
	"slices"
)

// FoldOptions says how clips are divided for cross-validation.
type FoldOptions struct {
	By   string // group or "": groups (subjects, source videos) stay together; file: clips alone
	N    int    // folds; 0 = each group is one
	Seed uint64
}

// Folds divides some clips of ds, those of a training part, into folds for cross-validation: each is left out once, while the others train.
// Every clip is in one fold, the clips of a fold are in rising order, and the same options give the same folds. Where groups belong
// to one class each, and by file, classes are spread evenly. It is an error when a class would not be trained in some round.
func Folds(ds Dataset, clips []int, o FoldOptions) ([][]int, error) {
	if o.By != "" && o.By != "group" && o.By != "file" {
		return nil, fmt.Errorf("folds by %q: want group or file", o.By)
	}
	groups := o.By != "file"
	if !groups && o.N == 0 {
		return nil, fmt.Errorf("folds by file: say how many, such as 5")
	}
	units := pools(ds, clips, o.Seed, groups)
	n := 0
	for _, pool := range units {
		n += len(pool)
	}
	if n < 2 || o.N == 1 || o.N < 0 || o.N > n {
		what := "clips"
		if groups {
			what = "groups of clips"
		}
		return nil, fmt.Errorf("%d folds of %d %s: want 2 or more folds, each with one at least", o.N, n, what)
	}
	var folds [][]int
	if o.N == 0 {
		folds = eachGroup(ds, clips)
	} else {
		folds = deal(units, o.N)
	}
	return folds, checkFolds(ds, clips, folds)
}

// eachGroup makes a fold of every group, in natural order.
func eachGroup(ds Dataset, clips []int) [][]int {
	byGroup := map[string][]int{}
	var names []string
	for _, i := range clips {
		g := ds.Group(i)
		if byGroup[g] == nil {
			names = append(names, g)
		}
		byGroup[g] = append(byGroup[g], i)
	}
	slices.SortFunc(names, naturalCompare)
	folds := make([][]int, len(names))
	for k, g := range names {
		folds[k] = slices.Sorted(slices.Values(byGroup[g]))
	}
	return folds
}

// deal gives each unit to the fold that has the fewest clips of its pool, the fewest of all where several have, and the largest units
// first.
func deal(units [][]unit, n int) [][]int {
	folds := make([][]int, n)
	for _, pool := range units {
		slices.SortStableFunc(pool, func(a, b unit) int { return len(b.clips) - len(a.clips) })
		have := make([]int, n)
		for _, u := range pool {
			least := 0
			for k := range folds {
				if have[k] < have[least] || have[k] == have[least] && len(folds[k]) < len(folds[least]) {
					least = k
				}
			}
			have[least] += len(u.clips)
			folds[least] = append(folds[least], u.clips...)
		}
	}
	for _, f := range folds {
		slices.Sort(f)
	}
	return folds
}

// checkFolds says when a fold leaves a class without training clips.
func checkFolds(ds Dataset, clips []int, folds [][]int) error {
	all := make([]int, len(ds.Classes()))
	for _, i := range clips {
		all[ds.Label(i)]++
	}
	for k, f := range folds {
		left := slices.Clone(all)
		for _, i := range f {
			left[ds.Label(i)]--
		}
		for c := range left {
			if left[c] == 0 && all[c] > 0 {
				return fmt.Errorf("fold %d of %d has all %d training clips of %s: choose fewer groups a fold, or folds by file", k+1, len(folds), all[c], ds.Classes()[c])
			}
		}
	}
	return nil
}
