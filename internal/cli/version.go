package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/fdht/fdht/internal/kernel"
	"github.com/fdht/fdht/internal/mpi"
	"github.com/fdht/fdht/model"
)

// next is the release that CHANGELOG.md is about, for builds that no release was made of.
const next = "0.1.0"

// version is that of a release, which release/build sets.
var version string

// versionCmd is fdht version.
type versionCmd struct {
	jsonFlag
	common
}

// build is what fdht version says of the program. Left empty: it is not known.
type build struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit,omitempty"`
	Date     string   `json:"date,omitempty"`     // of the commit, in RFC 3339
	Modified *bool    `json:"modified,omitempty"` // whether there were changes beside the commit
	Go       string   `json:"go"`
	Platform string   `json:"platform"`      // GOOS/GOARCH
	Tags     []string `json:"tags"`          // build tags, such as onnxruntime
	MPI      string   `json:"mpi,omitempty"` // the library that it was built with
	Kernel   string   `json:"kernel"`        // how this machine computes: avx512, avx2, neon or scalar
	Formats  []string `json:"formats"`       // versions of the model file that are read
}

// built reads what the Go tool wrote into the program. release is the version of a release, or empty.
func built(info *debug.BuildInfo, release string) build {
	b := build{
		Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Tags: []string{}, MPI: mpi.Library(), Kernel: kernel.Current().String(), Formats: []string{model.Format, model.FormatQuantised},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			modified := s.Value == "true"
			b.Modified = &modified
		case "-tags":
			b.Tags = strings.FieldsFunc(s.Value, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	if b.Version == "" { // go install names a version; a clone without any tag has v0.0.0 with a time
		b.Version = next + "-dev"
		if v, ok := strings.CutPrefix(info.Main.Version, "v"); ok && !strings.HasPrefix(v, "0.0.0-") {
			b.Version = v
		}
	}
	return b
}

// text is b for people.
func (b build) text() string {
	var s strings.Builder
	fmt.Fprintf(&s, "fdht %s %s %s\n", b.Version, b.Go, b.Platform)
	if b.Commit != "" {
		fmt.Fprintf(&s, "commit       %s", b.Commit)
		if b.Date != "" {
			fmt.Fprintf(&s, " of %s", b.Date)
		}
		if b.Modified != nil && *b.Modified {
			s.WriteString(", modified")
		}
		s.WriteByte('\n')
	}
	if len(b.Tags) > 0 {
		fmt.Fprintf(&s, "build tags   %s\n", strings.Join(b.Tags, ", "))
	}
	if b.MPI != "" {
		fmt.Fprintf(&s, "MPI          %s\n", b.MPI)
	}
	fmt.Fprintf(&s, "kernels      %s\nmodel files  %s\n", b.Kernel, strings.Join(b.Formats, ", "))
	return s.String()
}

// Run prints the version and what is known of the build.
func (c *versionCmd) Run(u *ui) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	b := built(info, version)
	if c.JSON {
		return u.json(b)
	}
	return u.print("%s", b.text())
}
