package main

import (
	"strings"
	"testing"
)

func TestFinding(t *testing.T) {
	const progress = "fuzz: elapsed: 10m0s, execs: 2418964 (0/sec), new interesting: 162 (total: 427)\n"
	for _, c := range []struct {
		name, text, begins string
		ok                 bool
	}{
		{"time is up", progress + "--- FAIL: FuzzConfig (600.73s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tx\t601.093s\n", "", true},
		{"an input", progress + "--- FAIL: FuzzConfig (3.1s)\n    --- FAIL: FuzzConfig (0.00s)\n        a_test.go:7: wrong\n\n    Failing input written to testdata/fuzz/FuzzConfig/582528ddfad69eb5\nFAIL\n", "--- FAIL: FuzzConfig (3.1s)", true},
		{"an input whose error is that of a context", "--- FAIL: FuzzConfig (3.1s)\n    --- FAIL: FuzzConfig (0.00s)\n        a_test.go:7: context deadline exceeded\n", "--- FAIL: FuzzConfig (3.1s)", true},
		{"a hang", "--- FAIL: FuzzConfig (3.1s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\n    Failing input written to testdata/fuzz/FuzzConfig/1\n", "--- FAIL", true},
		{"it does not build", "# x\n./a.go:1:1: syntax error\nFAIL\tx [build failed]\n", "", false},
	} {
		found, ok := finding([]byte(c.text))
		if ok != c.ok || !strings.HasPrefix(found, c.begins) || (c.begins == "") != (found == "") {
			t.Errorf("%s: %q, %v", c.name, found, ok)
		}
	}
}

func TestProblems(t *testing.T) {
	errs := problems([]result{{Target: "a.FuzzA", Execs: 7}, {Target: "b.FuzzB", Execs: 7, Found: "wrong"}, {Target: "c.FuzzC"}})
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "b.FuzzB found something:\nwrong") || !strings.Contains(errs[1].Error(), "c.FuzzC did not take a single input") {
		t.Errorf("%v", errs)
	}
}
