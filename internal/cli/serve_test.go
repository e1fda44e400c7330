package cli

import (
	"reflect"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/fdht/fdht/serve"
)

// TestServeDefaults: every bound of a server has a flag, whose default is that of package serve.
func TestServeDefaults(t *testing.T) {
	t.Setenv("FDHT_TOKEN", "")
	var c serveCmd
	parser, err := kong.New(&c, kong.ExplicitGroups(flagGroups()), kong.Bind(&ui{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--model", "m"}); err != nil {
		t.Fatal(err)
	}
	if err := c.positive(); err != nil {
		t.Error(err)
	}
	got, err := c.options()
	if err != nil {
		t.Fatal(err)
	}
	want := serve.Defaults()
	if got.Workers != 0 || got.Predictions != 0 {
		t.Errorf("%d workers, %d predictions, want 0: one a processor, whichever machine the help is read on", got.Workers, got.Predictions)
	}
	got.Workers, got.Predictions = want.Workers, want.Predictions
	if !reflect.DeepEqual(got, want) {
		t.Errorf("flags left out are\n%+v, want\n%+v", got, want)
	}
}
