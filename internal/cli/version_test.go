package cli

import (
	"encoding/json"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func TestVersionOfBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "-tags", Value: "mpi,noasm"}, {Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-28T01:02:03Z"},
		{Key: "vcs.modified", Value: "true"},
	}}
	for _, c := range []struct{ main, release, want string }{
		{"(devel)", "", next + "-dev"},
		{"", "", next + "-dev"},
		{"v0.0.0-20261128010203-0123456789ab+dirty", "", next + "-dev"},
		{"v1.2.3", "", "1.2.3"},
		{"v1.2.4-0.20261128010203-0123456789ab", "", "1.2.4-0.20261128010203-0123456789ab"},
		{"v1.2.4-0.20261128010203-0123456789ab", "1.3.0-rc.1", "1.3.0-rc.1"},
	} {
		info.Main.Version = c.main
		if got := built(info, c.release).Version; got != c.want {
			t.Errorf("module version %q, release %q: version %q, want %q", c.main, c.release, got, c.want)
		}
	}
	b := built(info, "")
	if !slices.Equal(b.Tags, []string{"mpi", "noasm"}) {
		t.Errorf("tags %q", b.Tags)
	}
	for _, want := range []string{"commit       0123456789abcdef of 2026-11-28T01:02:03Z, modified\n", "build tags   mpi, noasm\n", "model files  1, 1q\n"} {
		if text := b.text(); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	js, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"date":"2026-11-28T01:02:03Z"`, `"modified":true`, `"tags":["mpi","noasm"]`, `"formats":["1","1q"]`} {
		if !strings.Contains(string(js), want) {
			t.Errorf("no %s in %s", want, js)
		}
	}
}

// A build that knows nothing of its origin says nothing of it, and no list is null.
func TestVersionOfUnknownBuild(t *testing.T) {
	b := built(new(debug.BuildInfo), "")
	js, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(js); strings.Contains(s, "commit") || strings.Contains(s, "modified") || strings.Contains(s, "null") {
		t.Error(s)
	}
	if strings.Contains(b.text(), "commit") {
		t.Error(b.text())
	}
}
