package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/train"
)

var (
	kills    = flag.Int("kills", 6, "how often the tests of killed processes kill one")
	killSeed = flag.Uint64("kill-seed", 0, "seed of the moments at which they do; 0: another each time")
)

// killer draws the moments at which processes are killed.
type killer struct {
	rng  *rand.Rand
	left int
	seen map[string]int // what the kills left in the folder
}

func newKiller(t *testing.T) *killer {
	if _, err := exec.LookPath("fdht"); err != nil || os.Getenv("FDHT_EMULATOR") != "" {
		t.Skip("the program is not one that can be killed: it runs in an emulator")
	}
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-kill-seed %d", seed)
	n := *kills
	if testing.Short() {
		n = min(n, 2)
	}
	return &killer{rand.New(rand.NewPCG(seed, 0)), n, map[string]int{}}
}

// command is fdht with two processors, its frames cached nowhere else.
func command(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("fdht", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"))
	return cmd, &out
}

func mustCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd, out := command(t, dir, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("fdht %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// untilKilled runs fdht and kills it at a random moment: at any of the first span, or just as it writes in one of the folders. It reports whether the
// program was killed; if not, it had ended well.
func (k *killer) untilKilled(t *testing.T, dir string, span time.Duration, folders string, args ...string) bool {
	t.Helper()
	cmd, out := command(t, dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if k.left == 0 {
		k.end(t, <-ended, args, out)
		return false
	}
	alive := true
	var err error
	wait := func(d time.Duration) {
		select {
		case err = <-ended:
			alive = false
		case <-time.After(d):
		}
	}
	if k.rng.IntN(3) == 0 {
		wait(time.Duration(k.rng.Int64N(int64(span))))
	} else { // the nth time that a file is being written
		n, was := 1+k.rng.IntN(8), true
		for alive && n > 0 {
			found, _ := filepath.Glob(filepath.Join(dir, folders, ".*.tmp"))
			if is := len(found) > 0; is != was {
				if was = is; is {
					n--
				}
			}
			if n > 0 {
				wait(50 * time.Microsecond)
			}
		}
		if alive && k.rng.IntN(2) == 0 { // at once, or as the names change
			wait(time.Duration(k.rng.Int64N(int64(10 * time.Millisecond))))
		}
	}
	if alive {
		_ = cmd.Process.Kill()
		err = <-ended
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() { // by the signal
		k.left--
		return true
	}
	k.end(t, err, args, out)
	return false
}

func (k *killer) end(t *testing.T, err error, args []string, out *bytes.Buffer) {
	t.Helper()
	if err != nil {
		t.Fatalf("fdht %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// note counts what a kill left behind.
func (k *killer) note(run string) {
	there := func(name string) bool { _, err := os.Stat(filepath.Join(run, name)); return err == nil }
	var what []string
	if found, _ := filepath.Glob(filepath.Join(run, ".*.tmp")); len(found) > 0 {
		what = append(what, "a half-written file")
	}
	newest, previous := there(model.CheckpointFile), there(model.PreviousFile)
	switch {
	case !newest && previous:
		what = append(what, "a checkpoint between its renames")
	case !newest && !there("config.toml"):
		what = append(what, "nothing yet")
	case !newest:
		what = append(what, "settings and no checkpoint")
	}
	if c, err := model.LoadCheckpoint(run); err == nil {
		if st, err := os.Stat(filepath.Join(run, train.MetricsFile)); err == nil && st.Size() > c.Progress.MetricsBytes {
			what = append(what, "an epoch in the metrics alone")
		}
	}
	if len(what) == 0 {
		what = []string{"whole files, in the midst of an epoch"}
	}
	k.seen[strings.Join(what, " and ")]++
}

func (k *killer) log(t *testing.T, runs int) {
	total := 0
	for _, what := range slices.Sorted(maps.Keys(k.seen)) {
		t.Logf("%4d kills left %s", k.seen[what], what)
		total += k.seen[what]
	}
	t.Logf("%d kills, %d runs brought to their end, each with the bits of the one that was not killed", total, runs)
}

// TestKilledTraining: a training that is killed at any moment, as often as may be, and resumed comes to the same bits as one that is not.
func TestKilledTraining(t *testing.T) {
	k := newKiller(t)
	args := []string{"train", "--data", "made:train=24,val=8,test=8,frames=4,seed=3", "--frame", "16x16x1", "--hidden", "8", "--rank", "4", "--batch", "8",
		"--epochs", "30", "--ema", "0.9", "--shift-x", "1", "--out"}
	dir := t.TempDir()
	start := time.Now()
	mustCommand(t, dir, append(args, "whole")...)
	span := time.Since(start)
	want := outcome(t, filepath.Join(dir, "whole"))
	runs := 0
	for ; k.left > 0; runs++ {
		name := fmt.Sprintf("run%d", runs)
		run := filepath.Join(dir, name)
		next := append(args, name)
		for k.untilKilled(t, dir, span, name, next...) {
			k.note(run)
			if _, err := os.Stat(filepath.Join(run, "config.toml")); err == nil {
				next = []string{"train", "--resume", name}
			}
		}
		got := outcome(t, run)
		for _, part := range slices.Sorted(maps.Keys(want)) {
			if !reflect.DeepEqual(got[part], want[part]) {
				t.Errorf("%s: its %s is not that of the run that was not killed", name, part)
			}
		}
		if entries, _ := os.ReadDir(run); len(entries) != len(want) {
			t.Errorf("%s holds %v", name, entries)
		}
		if err := os.RemoveAll(run); err != nil {
			t.Fatal(err)
		}
	}
	k.log(t, runs)
}

// TestSecondProcess: a folder that a run is writing to is refused to a second one, which changes nothing there.
func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	first, out := command(t, dir, "train", "--data", "made:train=24,val=8,test=8,frames=4", "--frame", "16x16x1", "--hidden", "8", "--rank", "4", "--epochs", "1000000", "--out", "run")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = first.Process.Kill()
		_ = first.Wait()
	}()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if st, err := os.Stat(filepath.Join(run, train.MetricsFile)); err == nil && st.Size() > 0 {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("the run does not begin: %s", out)
		}
	}
	settings, err := os.ReadFile(filepath.Join(run, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"train", "--resume", "run"}, fmt.Sprintf("fdht: run is in use by another fdht, process %d: wait for it, or choose another --out", first.Process.Pid)},
		{[]string{"train", "--data", "made:train=24,val=8,test=8,frames=4", "--frame", "16x16x1", "--hidden", "16", "--rank", "2", "--out", "run"}, "fdht: run already holds a run"},
	} {
		second, said := command(t, dir, c.args...)
		if err := second.Run(); err == nil || !strings.Contains(said.String(), c.want) {
			t.Errorf("fdht %s: %v\n%swant %s", strings.Join(c.args, " "), err, said, c.want)
		}
	}
	if now, err := os.ReadFile(filepath.Join(run, "config.toml")); err != nil || !bytes.Equal(now, settings) {
		t.Errorf("the settings have changed (%v):\n%s", err, now)
	}
}

// outcome is all that a run leaves, by file, without the times that it took: of metrics.jsonl the keys seconds and clips_per_s, and its length, which depends on them,
// where a checkpoint names it with its checksum.
func outcome(t *testing.T, run string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, name := range []string{train.ModelFile, train.CurvesFile, "config.toml"} {
		b, err := os.ReadFile(filepath.Join(run, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	for _, name := range []string{model.CheckpointFile, model.PreviousFile} {
		f, err := safetensors.ReadFile(filepath.Join(run, name))
		if err != nil {
			t.Fatal(err)
		}
		var progress map[string]any
		if err := json.Unmarshal([]byte(f.Metadata["fdht.progress"]), &progress); err != nil || progress["metrics_bytes"] == nil || f.Metadata["fdht.sha256"] == "" {
			t.Fatal(name, err, f.Metadata)
		}
		delete(progress, "metrics_bytes")
		delete(f.Metadata, "fdht.progress")
		delete(f.Metadata, "fdht.sha256")
		out[name] = []any{progress, f}
	}
	text, err := os.ReadFile(filepath.Join(run, train.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var epochs []map[string]any
	for line := range bytes.Lines(text) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		delete(e, "seconds")
		delete(e, "clips_per_s")
		epochs = append(epochs, e)
	}
	out[train.MetricsFile] = epochs
	return out
}

// TestKilledExperiment: the same for an experiment, whose report is what must be equal.
func TestKilledExperiment(t *testing.T) {
	k := newKiller(t)
	dir := t.TempDir()
	const text = `title = "Small"
seeds = [1, 2]

[cv]
by = "file"
folds = 2

[train]
data = "made:train=24,test=8,frames=4,seed=3"
frame = "16x16x1"
hidden = 8
batch = 8
epochs = 8

[tune]
lr = [0.003, 0.03]

[[variant]]
name = "FDHT"
rank = 4
`
	if err := os.WriteFile(filepath.Join(dir, "small.toml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	args := func(name string) []string {
		return []string{"experiment", "small.toml", "--runs", name, "--out", name + "-out", "--workers", "2"}
	}
	report := func(name string) (v any) {
		b, err := os.ReadFile(filepath.Join(dir, name+"-out", "small.json"))
		if err == nil {
			err = json.Unmarshal(b, &v)
		}
		if err != nil {
			t.Fatal(err)
		}
		withoutTimes(v)
		return v
	}
	start := time.Now()
	mustCommand(t, dir, args("whole")...)
	span := time.Since(start)
	want := report("whole")
	runs := 0
	for ; k.left > 0; runs++ {
		name := fmt.Sprintf("part%d", runs)
		for k.untilKilled(t, dir, span, filepath.Join(name, "*"), args(name)...) {
			k.seen["whatever there was"]++
		}
		if got := report(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has\n%v\nwant\n%v", name, got, want)
		}
	}
	k.log(t, runs)
}
