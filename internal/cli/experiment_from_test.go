package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/experiment"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/train"
)

// fromDense is the tiny experiment with a row that begins with the dense networks, and one that begins with that row's.
const fromDense = tinyExperiment + `
[[variant]]
name = "FDHT from dense"
from = "dense"
kind = "ht"
budget = 600

[[variant]]
name = "dense again"
from = "dense"
kind = "dense"
`

// TestExperimentFrom: rows that begin with other rows' networks run after these, in one go, in shards and stopped again and again, to the same numbers; the page and the report say so.
func TestExperimentFrom(t *testing.T) {
	file := writeExperiment(t, fromDense)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if out := mustRun(t, "experiment", file, "--runs", at("whole"), "--dry-run"); !strings.Contains(out, "8 runs: 0 done, 0 begun, 8 missing; then 8 final runs of FDHT; dense; FDHT from dense; dense again") {
		t.Errorf("before anything is run:\n%s", out)
	}
	out := mustRun(t, "experiment", file, "--runs", at("whole"), "--out", at("whole-out"), "--json")
	var said experimented
	if err := json.Unmarshal([]byte(out), &said); err != nil || !said.Complete || len(said.Report.Rows) != 4 {
		t.Fatalf("%v, %s", err, out)
	}
	var from []string
	for _, r := range said.Report.Rows {
		from = append(from, r.From)
	}
	if want := []string{"", "", "dense", "dense"}; !slices.Equal(from, want) {
		t.Errorf("the rows begin with %q, want %q", from, want)
	}
	page, err := os.ReadFile(filepath.Join(at("whole-out"), "tiny.md"))
	if err != nil || !bytes.Contains(page, []byte("; begins with dense |")) || !bytes.Contains(page, []byte("come on top of theirs")) {
		t.Errorf("%v, the page does not say what begins with what:\n%s", err, page)
	}
	if a, b := said.Report.Rows[0], said.Report.Rows[2]; a.Runs[0].Curve[0] == b.Runs[0].Curve[0] {
		t.Errorf("with and without a start the first epoch comes to %+v", a.Runs[0].Curve[0])
	}
	for round := 0; ; round++ {
		for _, shard := range []string{"2/2", "1/2"} {
			mustRun(t, "experiment", file, "--runs", at("shards"), "--out", at("shards-out"), "--shard", shard)
		}
		if out := mustRun(t, "experiment", file, "--runs", at("shards"), "--dry-run"); strings.Contains(out, ", 0 missing") && !strings.Contains(out, "then") {
			break
		}
		if round == 4 {
			t.Fatal("the shards do not come to an end")
		}
	}
	mustRun(t, "experiment", file, "--runs", at("shards"), "--out", at("shards-out"))
	stopAgainAndAgain(t, file, at("part"), at("part-out"))
	whole := numbersOf(t, at("whole-out"))
	for _, name := range []string{"shards-out", "part-out"} {
		if !reflect.DeepEqual(whole, numbersOf(t, at(name))) {
			t.Errorf("%s: the numbers are others", name)
		}
	}
}

// TestJobBegins: a job begins with the network of its start, compressed to its own structure or as it is, and with no other scale; when that is gone, the
// error says what to do.
func TestJobBegins(t *testing.T) {
	f, err := readExperiment(writeExperiment(t, fromDense))
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(&ui{out: &bytes.Buffer{}, err: &bytes.Buffer{}, quiet: true}, f, nil)
	defer l.close()
	store := experiment.Store{Dir: t.TempDir()}
	dense := experiment.Job{Row: 1, Fold: 0, Seed: 1}
	if _, err := l.Train(t.Context(), dense, store.Of("start"), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(dense, store.Of("start")); err != nil {
		t.Fatal(err)
	}
	had, err := model.Load(filepath.Join(store.Of("start"), train.ModelFile))
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[int]func(model.Config) *model.File{
		2: func(c model.Config) *model.File {
			small, _, err := model.Compress(t.Context(), had, model.Compression{Structure: []factor.Spec{c.Structure}})
			if err != nil {
				t.Fatal(err)
			}
			return small
		},
		3: func(model.Config) *model.File { return had },
	} {
		j := experiment.Job{Row: row, Fold: 0, Seed: 1, Start: "start"}
		r, _, err := l.job(t.Context(), j, store.Of("next"))
		if err != nil {
			t.Fatal(err)
		}
		if r.train.Calibrate != 0 {
			t.Errorf("row %d: the scale is fitted to %d clips, as if the weights were fresh", row, r.train.Calibrate)
		}
		to := want(r.model.Config).Net.Params()
		for i, p := range r.model.Net.Params() {
			if !slices.Equal(p.Data, to[i].Data) {
				t.Errorf("row %d: %s begins otherwise than in the network that it begins with", row, p.Name)
			}
		}
	}
	if err := os.Remove(filepath.Join(store.Of("start"), train.ModelFile)); err != nil {
		t.Fatal(err)
	}
	_, err = l.Train(t.Context(), experiment.Job{Row: 2, Fold: 0, Seed: 1, Start: "start"}, store.Of("next"), func(int, int) {})
	if err == nil || !strings.Contains(err.Error(), "network of run start, which this one begins with, is not kept") {
		t.Errorf("the network is gone: %v", err)
	}
	if _, err := os.Stat(store.Of("next")); !os.IsNotExist(err) {
		t.Errorf("something is left of a job that did not begin: %v", err)
	}
}

// TestExperimentFromErrors: what a row cannot begin with is told before anything is run.
func TestExperimentFromErrors(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no such row":  {`from = "dense"`, `from = "tt"`, `"FDHT from dense" is to begin with the network of "tt", and no row above it is named so`},
		"itself":       {`from = "dense"`, `from = "FDHT from dense"`, "no row above it"},
		"no text":      {`from = "dense"`, `from = 3`, "variant.from: 3: want a text"},
		"other hidden": {`from = "dense"` + "\n" + `kind = "ht"`, `from = "dense"` + "\nhidden = 16\n" + `kind = "ht"`, "FDHT from dense begins with dense: hidden 8 in the model, 16 here"},
		"init":         {`from = "dense"`, `init = "a"`, "init has no place in an experiment"},
	} {
		file := writeExperiment(t, strings.Replace(fromDense, c.old, c.new, 1))
		out, errs, code := call(t, t.Context(), "experiment", file, "--runs", t.TempDir(), "--out", t.TempDir())
		if code != ExitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, %s%s; want %s", name, code, out, errs, c.want)
		}
	}
}
