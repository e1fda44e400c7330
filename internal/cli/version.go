package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the release that CHANGELOG.md describes.
const version = "0.1.0"

// versionCmd is fdht version.
type versionCmd struct {
	jsonFlag
	common
}

// Run prints the version, and the commit where the build knows it.
func (c *versionCmd) Run(u *ui) error {
	v := struct {
		Version  string `json:"version"`
		Commit   string `json:"commit,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if c.JSON {
		return u.json(v)
	}
	text := fmt.Sprintf("fdht %s %s %s", v.Version, v.Go, v.Platform)
	if v.Commit != "" {
		text += " " + v.Commit[:min(len(v.Commit), 12)]
	}
	return u.print("%s\n", text)
}
