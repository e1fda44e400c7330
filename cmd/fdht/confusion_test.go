package main

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// sameconfusion EVAL PREDICT compares the confusion of eval --json with that of predict --json over the same clips, whose folders are their classes.
func sameConfusion(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sameconfusion eval predict")
	}
	var want struct {
		Labels    []string
		Confusion [][]int
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &want))
	got := make([][]int, len(want.Labels))
	for i := range got {
		got[i] = make([]int, len(want.Labels))
	}
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		var p struct{ Input, Label string }
		ts.Check(json.Unmarshal([]byte(line), &p))
		is, taken := slices.Index(want.Labels, path.Base(path.Dir(p.Input))), slices.Index(want.Labels, p.Label)
		if is < 0 || taken < 0 {
			ts.Fatalf("%s: its folder or its label is none of %v", line, want.Labels)
		}
		got[is][taken]++
	}
	if reflect.DeepEqual(got, want.Confusion) == neg {
		ts.Fatalf("eval's confusion %v, predict's %v", want.Confusion, got)
	}
}
