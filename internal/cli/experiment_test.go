package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/experiment"
)

// tinyExperiment trains two rows in seconds: 2 settings x 2 folds, then 2 seeds.
const tinyExperiment = `title = "Tiny"
seeds = [1, 2]

[cv]
by = "file"
folds = 2

[train]
data = "made:train=16,val=8,test=16,frames=4,seed=3"
frame = "16x16x1"
hidden = 8
batch = 8
epochs = 4

[tune]
lr = [0.003, 0.03]

[[variant]]
name = "FDHT"
kind = "ht"
budget = 600

[[variant]]
name = "dense"
kind = "dense"
`

// call runs fdht in this process and returns what it prints and its exit code.
func call(t *testing.T, ctx context.Context, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Command{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}.Run(ctx, args)
	return out.String(), errs.String(), code
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := call(t, t.Context(), args...)
	if code != ExitOK {
		t.Fatalf("fdht %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

func writeExperiment(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// numbersOf reads a report and takes out what the clock and the collector of garbage decide.
func numbersOf(t *testing.T, dir string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "tiny.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "seconds")
			delete(v, "bytes")
			for _, e := range v {
				strip(e)
			}
		case []any:
			for _, e := range v {
				strip(e)
			}
		}
	}
	strip(v)
	return v
}

// stopAgainAndAgain runs an experiment that is stopped after ever more of what it says, until it is complete.
func stopAgainAndAgain(t *testing.T, file, runs, out string) {
	t.Helper()
	stops := 0
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		stopAfter := &stopping{left: 2 + n, cancel: cancel}
		said, errs, code := runStopping(t, ctx, stopAfter, "experiment", file, "--runs", runs, "--out", out, "--workers", "1", "--verbose")
		cancel()
		if code == ExitOK {
			break
		}
		stops++
		if code != ExitError || !strings.Contains(errs, "fdht: stopped; what is done is kept\nhint: the same command goes on\n") {
			t.Fatalf("exit code %d\n%s%s", code, said, errs)
		}
		if n > 30 {
			t.Fatal("it does not come to an end")
		}
	}
	if stops < 2 {
		t.Errorf("stopped %d times", stops)
	}
}

// TestExperiment: an experiment that runs in one go, one that is stopped again and again, and one in shards come to the same.
func TestExperiment(t *testing.T) {
	file := writeExperiment(t, tinyExperiment)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	out := mustRun(t, "experiment", file, "--runs", at("whole"), "--out", at("whole-out"), "--json")
	var said experimented
	if err := json.Unmarshal([]byte(out), &said); err != nil || !said.Complete || len(said.Report.Rows) != 2 {
		t.Fatalf("%v, %s", err, out)
	}
	whole := numbersOf(t, at("whole-out"))
	for _, r := range said.Report.Rows {
		if len(r.Tried) != 2 || len(r.Runs) != 2 || r.Epochs != 4 || r.Bytes <= 0 || r.Runs[0].Clips != 16 {
			t.Errorf("%+v", r)
		}
	}
	for _, name := range []string{"tiny.md", "tiny-weights.png", "tiny-weights.svg", "tiny-curves.png", "tiny-curves.svg", "tiny-confusion-fdht.png", "tiny-confusion-dense.svg"} {
		if st, err := os.Stat(filepath.Join(at("whole-out"), name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}

	t.Run("nothing is run twice", func(t *testing.T) {
		_, errs, code := call(t, t.Context(), "experiment", file, "--runs", at("whole"), "--out", at("again-out"))
		if code != ExitOK || strings.Contains(errs, "seed") {
			t.Errorf("exit code %d: %s", code, errs)
		}
		for _, name := range []string{"tiny.md", "tiny.json", "tiny-weights.svg", "tiny-curves.png"} {
			a, err1 := os.ReadFile(filepath.Join(at("whole-out"), name))
			b, err2 := os.ReadFile(filepath.Join(at("again-out"), name))
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%s differs: %v, %v", name, err1, err2)
			}
		}
	})

	t.Run("stopped", func(t *testing.T) {
		stopAgainAndAgain(t, file, at("part"), at("part-out"))
		if part := numbersOf(t, at("part-out")); !reflect.DeepEqual(part, whole) {
			t.Errorf("stopped and resumed:\n%v\nin one go:\n%v", part, whole)
		}
	})

	t.Run("shards", func(t *testing.T) {
		for range 2 { // the final runs wait for the cross-validation of both
			for _, shard := range []string{"1", "2"} {
				merge := []string{}
				if other := at("shard-" + map[string]string{"1": "2", "2": "1"}[shard]); exists(other) {
					merge = []string{"--merge", other}
				}
				args := append([]string{"experiment", file, "--shard", shard + "/2", "--runs", at("shard-" + shard), "--out", at("shard-out")}, merge...)
				mustRun(t, args...)
			}
		}
		if exists(at("shard-out")) {
			t.Error("a shard wrote a page")
		}
		for _, shard := range []string{"shard-1", "shard-2"} {
			if tests, _ := filepath.Glob(filepath.Join(at(shard), "*", "test.json")); len(tests) > 0 {
				t.Errorf("%s looked at the test clips: %v", shard, tests)
			}
		}
		_, errs, code := call(t, t.Context(), "experiment", file, "--merge", at("shard-1"), "--merge", at("shard-2"), "--runs", at("merged"), "--out", at("merged-out"))
		if code != ExitOK || strings.Contains(errs, "training accuracy") {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		if merged := numbersOf(t, at("merged-out")); !reflect.DeepEqual(merged, whole) {
			t.Errorf("merged:\n%v\nin one go:\n%v", merged, whole)
		}
	})

	t.Run("a second look", func(t *testing.T) {
		other := writeExperiment(t, strings.Replace(tinyExperiment, "epochs = 4", "epochs = 2", 1))
		_, errs, code := call(t, t.Context(), "experiment", other, "--runs", at("whole"), "--out", at("look-out"))
		if code != ExitOK || !strings.Contains(errs, "the test clips were looked at before, 1 time, with other networks") {
			t.Errorf("exit code %d: %s", code, errs)
		}
		page, err := os.ReadFile(filepath.Join(at("look-out"), "tiny.md"))
		if err != nil || !strings.Contains(string(page), "2 times, each with other networks") {
			t.Errorf("%v: the page does not say that it was looked at twice:\n%s", err, page)
		}
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stopping is a stderr that stops the run after so many lines about runs.
type stopping struct {
	text   bytes.Buffer
	left   int
	cancel func()
}

// Write counts lines.
func (s *stopping) Write(p []byte) (int, error) {
	if s.left -= bytes.Count(p, []byte("\n")); s.left <= 0 {
		s.cancel()
	}
	return s.text.Write(p)
}

func runStopping(t *testing.T, ctx context.Context, s *stopping, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = Command{Stdin: strings.NewReader(""), Stdout: &out, Stderr: s}.Run(ctx, args)
	return out.String(), s.text.String(), code
}

// spy is a data set that notes which clips were asked for.
type spy struct {
	dataset.Dataset
	in    dataset.Input
	seen  map[int]bool
	views map[int]bool // that clips were measured in
}

func (s *spy) Input() dataset.Input { return s.in }

func (s *spy) Official() (dataset.Split, bool) {
	return s.Dataset.(interface {
		Official() (dataset.Split, bool)
	}).Official()
}

func (s *spy) Clip(dst *dataset.Clip, i int, how dataset.Sample) error {
	s.seen[i] = true
	if !how.Train {
		s.views[how.Views] = true
	}
	return s.Dataset.Clip(dst, i, how)
}

// watched is a lab for an experiment, what it chose for the first row, and the spy on its data.
func watched(t *testing.T, text string) (*lab, *chosen, *spy) {
	t.Helper()
	f, err := readExperiment(writeExperiment(t, text))
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(&ui{out: &bytes.Buffer{}, err: &bytes.Buffer{}, quiet: true}, f, nil)
	c, err := l.choose(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	watch := &spy{Dataset: c.data, in: c.in, seen: map[int]bool{}, views: map[int]bool{}}
	c.openedData.data = watch
	return l, c, watch
}

// TestExperimentViews: what is left out is measured in the views of the settings, and the test clips just so, however the file writes the number;
// other views are another job.
func TestExperimentViews(t *testing.T) {
	ids := map[string]string{}
	for _, views := range []string{"2", `"2"`, "3"} {
		text := strings.Replace(tinyExperiment, "epochs = 4", "epochs = 1\nwarmup = 0\nsteps = 2\nviews = "+views, 1)
		l, _, watch := watched(t, text)
		want := map[int]bool{int(strings.Trim(views, `"`)[0] - '0'): true}
		dir := t.TempDir()
		held := experiment.Job{Fold: 0, Seed: 1}
		if _, err := l.Train(t.Context(), held, filepath.Join(dir, "held"), func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		delete(watch.views, 0) // statistics of the training clips
		if !reflect.DeepEqual(watch.views, want) {
			t.Errorf("views = %s: clips that are left out were measured in views of %v", views, watch.views)
		}
		final := experiment.Job{Fold: -1, Seed: 1}
		if _, err := l.Train(t.Context(), final, filepath.Join(dir, "final"), func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		clear(watch.views)
		if _, err := l.Test(t.Context(), final, filepath.Join(dir, "final")); err != nil {
			t.Fatal(err)
		}
		delete(watch.views, 0)
		if !reflect.DeepEqual(watch.views, want) {
			t.Errorf("views = %s: test clips were measured in views of %v", views, watch.views)
		}
		for _, j := range []experiment.Job{held, final} {
			id, err := l.ID(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			ids[id] = views
		}
	}
	if len(ids) != 4 {
		t.Errorf("the jobs of 2 and of 3 views are %v", ids)
	}
}

// TestFinalIDsKnowTheTestClips: with other test clips a final job is another one, and its old score is not taken for the new; the
// cross-validation stays what it is.
func TestFinalIDsKnowTheTestClips(t *testing.T) {
	l, c, _ := watched(t, tinyExperiment)
	ids := func() (out [2]string) {
		for i, fold := range []int{-1, 0} {
			var err error
			if out[i], err = l.ID(t.Context(), experiment.Job{Fold: fold, Seed: 1}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	before := ids()
	c.split.Test = c.split.Test[1:]
	if after := ids(); after[0] == before[0] || after[1] != before[1] {
		t.Errorf("ids of the final job and of a fold: %v, with a test clip less %v", before, after)
	}
}

// TestCrossValidationSeesNoTestClips: of all that choosing settings and training reads, no clip is of the test split; and a job that would ask for
// one is refused it.
func TestCrossValidationSeesNoTestClips(t *testing.T) {
	l, c, watch := watched(t, tinyExperiment)
	isTest := map[int]bool{}
	for _, i := range c.split.Test {
		isTest[i] = true
	}
	store := experiment.Store{Dir: t.TempDir()}
	for fold := range 2 {
		j := experiment.Job{Fold: fold, Seed: 1}
		clear(watch.seen)
		r, err := l.Train(t.Context(), j, store.Of("a"+string(rune('0'+fold))), func(int, int) {})
		if err != nil {
			t.Fatal(err)
		}
		if len(watch.seen) != len(c.split.Train) || r.Held == nil || r.Held.Clips != len(c.folds[fold]) || r.Clips+r.Held.Clips != len(c.split.Train) {
			t.Errorf("fold %d: %d clips read, %d train, %+v held out; the training split has %d", fold, len(watch.seen), r.Clips, r.Held, len(c.split.Train))
		}
		for i := range watch.seen {
			if isTest[i] {
				t.Errorf("fold %d read the test clip %s", fold, c.data.ID(i))
			}
		}
	}
	clear(watch.seen)
	if _, err := l.Train(t.Context(), experiment.Job{Fold: -1, Seed: 1}, store.Of("b"), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	for i := range watch.seen {
		if isTest[i] {
			t.Errorf("training read the test clip %s", c.data.ID(i))
		}
	}
	g := only(c.openedData, c.split.Train)
	if err := g.Clip(&dataset.Clip{}, c.split.Train[0], dataset.Sample{}); err != nil {
		t.Error(err)
	}
	if err := g.Clip(&dataset.Clip{}, c.split.Test[0], dataset.Sample{}); err == nil {
		t.Error("a test clip was given to a run")
	}
}

// TestExperimentErrors has one bad file each, with the whole text of its error.
func TestExperimentErrors(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key at the top":   {"seeds =", "seed =", "tiny.toml:2: seed: unknown key\nhint: did you mean seeds?"},
		"unknown key below train":  {"hidden = 8", "hiden = 8", "tiny.toml:11: train.hiden: unknown key\nhint: did you mean hidden?"},
		"unknown key of a variant": {"budget = 600", "buget = 600", "tiny.toml:21: variant.buget: unknown key\nhint: did you mean budget?"},
		"value of another type":    {"batch = 8", `batch = "many"`, `tiny.toml:12: train.batch: expected a valid 64 bit int but got "many"`},
		"value out of its range":   {"epochs = 4", "epochs = 0", "FDHT: tiny.toml: --epochs 0: want from 1 to 1000000"},
		"no list to tune":          {"[0.003, 0.03]", "0.01", "tiny.toml:16: tune.lr: 0.01: want a list of the values to try, such as [0.003, 0.01]"},
		"tuned and set":            {"budget = 600", "budget = 600\nlr = 0.1", "tiny.toml:22: variant.lr: [tune] tries values of lr, in line 16\nhint: every variant has the same settings to choose from: leave it away in one of the two places"},
		"tuned and common":         {"batch = 8", "lr = 0.1", "tiny.toml:16: tune.lr: [train] has lr too, in line 12\nhint: leave it away there"},
		"a validation part":        {"batch = 8", `val-groups = ["1"]`, "tiny.toml:12: train.val-groups: val-groups has no place in an experiment\nhint: an experiment leaves training clips out by cross-validation, see [cv], and trains on all of them then"},
		"one seed":                 {"seeds = [1, 2]", "seeds = 3", "tiny.toml:2: seeds: 3: want a list of different numbers, such as [1, 2, 3]"},
		"a seed twice":             {"seeds = [1, 2]", "seeds = [1, 1]", "tiny.toml:2: seeds: [1 1]: want a list of different numbers, such as [1, 2, 3]"},
		"folds":                    {"folds = 2", "folds = 1", "tiny.toml:6: cv.folds: 1: want 2 or more\nhint: leave it out, and each group of the training clips is left out once"},
		"folds by groups":          {"by = \"file\"\nfolds = 2", "folds = 3", "FDHT: tiny.toml: 3 folds of 2 groups of clips: want 2 or more folds, each with one at least\nhint: [cv] by and folds say what is left out"},
		"a way to divide":          {`by = "file"`, `by = "clip"`, "tiny.toml:5: cv.by: clip: want \"group\", subjects or source videos stay together, or \"file\""},
		"two rows of a name":       {`name = "dense"`, `name = "FDHT"`, `tiny.toml: two rows are named "FDHT"`},
		"no name":                  {`name = "dense"`, "", "tiny.toml:23: variant: name is missing: say what the row is called"},
		"structure":                {"budget = 600", "modes-in = [8, 2]\nmodes-out = [4, 8]\nrank = 2", "FDHT: --modes-in 8,2 multiply to 16, fewer than 256 inputs + 8 hidden units = 264\nhint: raise one of them; columns that are not needed are left unused, so any product from there on will do"},
		"no test clips":            {"test=16", "test=0", "FDHT: tiny.toml: no clips of made are for test\nhint: say which with split-by, test-groups or split-list"},
		"syntax":                   {"batch = 8", "batch = = 8", "tiny.toml:12:9: unexpected character U+003D '=' at start of value"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(tinyExperiment, c.old) {
				t.Fatalf("nothing is %q", c.old)
			}
			file := writeExperiment(t, strings.Replace(tinyExperiment, c.old, c.new, 1))
			runs := filepath.Join(t.TempDir(), "runs")
			_, errs, code := call(t, t.Context(), "experiment", file, "--runs", runs, "--out", runs)
			errs = strings.ReplaceAll(errs, filepath.Dir(file)+string(filepath.Separator), "")
			if code != ExitUsage || strings.TrimSuffix(errs, "\n") != "fdht: "+c.want {
				t.Errorf("exit code %d\n%swant\nfdht: %s", code, errs, c.want)
			}
			if exists(runs) {
				t.Error("it left something behind")
			}
		})
	}
}

// TestExperimentLines: errors name the line of a key, whatever texts and lists stand before it that look like tables.
func TestExperimentLines(t *testing.T) {
	const before = "note = \"\"\"\n[train]\nhiden = 1\n\"\"\"\n"
	for text, want := range map[string]string{
		before + "[[variant]]\nname = \"a\"\n[train]\nrank = 2\n\"hiden\" = 8\n":                     "x.toml:9: train.hiden: unknown key",
		before + "train = {hiden = 8}\n[[variant]]\nname = \"a\"\n":                                  "x.toml:5: train.hiden: unknown key",
		before + "train.hiden = 8\n[[variant]]\nname = \"a\"\n":                                      "x.toml:5: train.hiden: unknown key",
		before + "[tune]\nlr = [\n  # none\n  0.1,\n]\ndropout = 1\n":                                "x.toml:10: tune.dropout: 1: want a list",
		before + "[[variant]]\nname = \"a\"\n[[variant]]\nhiden = 8\nname = \"b\"\n":                 "x.toml:8: variant.hiden: unknown key",
		before + "[train] # hiden\n[[variant]]\nname = \"a\"\ntree = \"\"\"\nhiden = 1\"\"\"\nb = 1": "x.toml:10: variant.b: unknown key",
	} {
		c, err := parseConfig("x.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = newExperiment(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}

// TestMatrix: variants are crossed with the matrix, but for what they set themselves.
func TestMatrix(t *testing.T) {
	text := strings.Replace(tinyExperiment, "[tune]", "[matrix]\nbudget = [300, 600]\ncell = [\"lstm\", \"gru\"]\n\n[tune]", 1)
	text = strings.Replace(text, "budget = 600\n", "", 1) + "budget = 0\n"
	f, err := readExperiment(writeExperiment(t, text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, r := range f.Rows {
		names = append(names, r.Name)
		if (f.rows[i].values["kind"] == "dense") != (f.rows[i].values["budget"] == int64(0)) {
			t.Errorf("%s has a budget of %v", r.Name, f.rows[i].values["budget"])
		}
	}
	want := []string{"FDHT, budget 300, cell lstm", "FDHT, budget 300, cell gru", "FDHT, budget 600, cell lstm", "FDHT, budget 600, cell gru", "dense, cell lstm", "dense, cell gru"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// widths are the features of a step where the data of a file has no frames.
func widths() map[string]int {
	return map[string]int{"family-utd-skeleton": 60, "family-japanese-vowels": 12, "family-basic-motions": 6, "japanese-vowels": 12, "cnn": 2048}
}

// TestExperimentFiles: every file of experiments/ can be read, and every row of it is a network that can be made.
func TestExperimentFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "experiments", "*.toml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	isMatrix := regexp.MustCompile(`(?m)^\[\[variant\]\]`)
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !isMatrix.Match(text) {
			c, err := readConfig(path)
			if err != nil {
				t.Error(err)
				continue
			}
			checkNetwork(t, name, c)
			continue
		}
		f, err := readExperiment(path)
		if err != nil {
			t.Error(err)
			continue
		}
		for i, r := range f.Rows {
			s := (&lab{f: f}).settings(i, len(f.Points)-1)
			checkNetwork(t, name+": "+r.Name, &config{path: path, dir: f.dir, values: s.values, lines: s.lines})
		}
	}
}

func checkNetwork(t *testing.T, name string, c *config) {
	t.Helper()
	r, _, err := recipeOf(c)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	in, err := r.frameFlags.resolve()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	width := in.Size()
	for part, w := range widths() {
		if _, video := c.values["frame"]; !video && strings.Contains(name, part) {
			width = w
		}
	}
	cfg := r.config(width, []string{"a", "b"})
	if cfg.Structure, cfg.Upper, cfg.Recurrent, err = r.modelFlags.resolve(width, r.Frame); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := errors.Join(cfg.RNN().Validate(), r.settings().Validate()); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// TestExperimentCommand: the page has the command as it was typed, without the places of this machine.
func TestExperimentCommand(t *testing.T) {
	for want, c := range map[string]experimentCmd{
		"fdht experiment experiments/a.toml":                                        {File: "experiments/a.toml"},
		"fdht experiment experiments/a.toml --data cropped":                         {File: "./experiments/a.toml", Data: "cropped"},
		"fdht experiment a.toml --data PATH/BasicMotions --split-list LISTS":        {File: "/home/me/a.toml", Data: "/home/me/BasicMotions/", List: "/home/me/lists"},
		"fdht experiment a.toml --data PATH/depth":                                  {File: "../a.toml", Data: "../../depth"},
		"fdht experiment a.toml --data made:train=16,val=8,test=16,frames=4,seed=3": {File: "a.toml", Data: "made:train=16,val=8,test=16,frames=4,seed=3"},
	} {
		if got := c.command(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
