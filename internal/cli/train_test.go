package cli

import (
	"testing"

	"github.com/fdht/fdht/train"
)

// What fdht train takes where nothing is said is what the library calls its default.
func TestDefaultsAreTheLibrarys(t *testing.T) {
	r, _, err := recipeOf(&config{values: map[string]any{"data": "clips"}, lines: map[string]int{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.settings(), train.DefaultSettings(); got != want {
		t.Errorf("flags: %+v\nlibrary: %+v", got, want)
	}
}
