package cli

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// startProfile begins to note where the time goes, for the flag --profile; an empty name does nothing.
func (u *ui) startProfile(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return &usageError{err: fmt.Errorf("--profile: %w", err), hint: "name a file in a folder that exists and may be written to"}
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return fmt.Errorf("--profile: %w", err)
	}
	u.profile = f
	return nil
}

// stopProfile ends what startProfile began.
func (u *ui) stopProfile() error {
	if u.profile == nil {
		return nil
	}
	pprof.StopCPUProfile()
	if err := u.profile.Close(); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	u.profile = nil
	return nil
}
