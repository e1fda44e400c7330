package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// samereport A B compares two reports of experiments in all but times and memory.
func sameReport(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samereport a b")
	}
	read := func(name string) (v any) {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &v))
		withoutTimes(v)
		return v
	}
	if a, b := read(args[0]), read(args[1]); reflect.DeepEqual(a, b) == neg {
		ts.Fatalf("%s has\n%v\n%s has\n%v", args[0], a, args[1], b)
	}
}

func withoutTimes(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "seconds")
		delete(v, "bytes")
		for _, e := range v {
			withoutTimes(e)
		}
	case []any:
		for _, e := range v {
			withoutTimes(e)
		}
	}
}

// waitrun DIR FILE N waits until the FILE of some run in an experiment's folder has N lines.
func waitRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: waitrun dir file lines")
	}
	want := atoi(ts, args[2])
	for range 6000 {
		files, _ := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", args[1]))
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && bytes.Count(b, []byte("\n")) >= want {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no %s in %s got %d lines in a minute", args[1], args[0], want)
}
