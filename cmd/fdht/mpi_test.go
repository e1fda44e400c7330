//go:build mpi && linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMPI starts the program, built with MPI, by mpirun.
func TestMPI(t *testing.T) {
	exe := mpiProgram(t)
	t.Run("the model of one process", func(t *testing.T) { sameModel(t, exe) })
	t.Run("a rank is killed", func(t *testing.T) { rankKilled(t, exe) })
	t.Run("an error of one rank", func(t *testing.T) { errorOfOneRank(t, exe) })
}

// mpiProgram builds it.
func mpiProgram(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("mpirun"); err != nil {
		t.Fatal("there is no mpirun: install openmpi-bin")
	}
	exe := filepath.Join(t.TempDir(), "fdht")
	build := exec.Command("go", "build", "-tags", "mpi", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// training is a short run in a folder.
func training(dir string) []string {
	return []string{"train", "--data", "made:train=80,val=20,test=8", "--frame", "24x32", "--input", "diff", "--lag", "1", "--steps", "6", "--hidden", "16",
		"--rank", "4", "--batch", "16", "--workers", "1", "--epochs", "3", "--out", dir}
}

// longer is one whose epochs take long enough to be interrupted: twenty, of a tenth of a second.
func longer(dir string) []string {
	return []string{"train", "--data", "made:train=320,val=16,test=8", "--frame", "48x64", "--input", "diff", "--lag", "1", "--steps", "12", "--hidden", "128",
		"--rank", "8", "--batch", "16", "--workers", "1", "--epochs", "20", "--out", dir}
}

// mpirun is its command line before the program.
func mpirun(ranks int) []string {
	return []string{"mpirun", "--allow-run-as-root", "--oversubscribe", "-np", strconv.Itoa(ranks)}
}

func limited(t *testing.T, words ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}

func mustRun(t *testing.T, words ...string) string {
	t.Helper()
	out, err := limited(t, words...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

const modelName = "model.safetensors"

// sameModel: any number of ranks makes the model of one process.
func sameModel(t *testing.T, exe string) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one")
	mustRun(t, append([]string{exe}, training(one)...)...)
	for _, ranks := range []int{2, 3} {
		many := filepath.Join(dir, fmt.Sprint("ranks", ranks))
		out := mustRun(t, append(append(mpirun(ranks), exe), training(many)...)...)
		if !sameFile(t, filepath.Join(one, modelName), filepath.Join(many, modelName)) {
			t.Errorf("%d ranks make another model than one process", ranks)
		}
		if n := strings.Count(out, "epoch   1 "); n != 1 || !strings.Contains(out, fmt.Sprint(ranks, " ranks")) {
			t.Errorf("%d ranks: epoch 1 is reported %d times:\n%s", ranks, n, out)
		}
	}
	sums := filepath.Join(dir, "sums")
	mustRun(t, append(append(append(mpirun(2), exe), training(sums)...), "--sum-ranks")...)
	if sameFile(t, filepath.Join(one, modelName), filepath.Join(sums, modelName)) {
		t.Error("--sum-ranks does nothing")
	}
	if out := mustRun(t, exe, "version"); !strings.Contains(out, "MPI") {
		t.Errorf("version says %s", out)
	}
}

// rankProcess finds the process of a rank among mpirun's children.
func rankProcess(t *testing.T, parent, rank int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) < 2 || f[1] != strconv.Itoa(parent) {
			continue
		}
		env, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(env, fmt.Appendf(nil, "OMPI_COMM_WORLD_RANK=%d\x00", rank)) {
			return pid
		}
	}
	t.Fatalf("mpirun, process %d, has no rank %d", parent, rank)
	return 0
}

// rankKilled: a rank that is killed ends the job, the checkpoint is whole, and the run goes on from it to the same model.
func rankKilled(t *testing.T, exe string) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one")
	mustRun(t, append([]string{exe}, longer(one)...)...)
	for rank := range 2 {
		many := filepath.Join(dir, fmt.Sprint("killed", rank))
		run := limited(t, append(append(mpirun(2), exe), longer(many)...)...)
		said := &watch{text: "epoch   2 ", do: func() {
			if err := syscall.Kill(rankProcess(t, run.Process.Pid, rank), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}}
		run.Stdout, run.Stderr = said, said
		err := run.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("a job without rank %d ended with %v:\n%s", rank, err, said.String())
		}
		if !strings.Contains(said.String(), fmt.Sprintf("rank %d ", rank)) || strings.Contains(said.String(), "epoch  20 ") {
			t.Errorf("rank %d was killed:\n%s", rank, said.String())
		}
		out := mustRun(t, append(mpirun(2), exe, "train", "--resume", many)...)
		if strings.Contains(out, "epoch   1 ") || strings.Contains(out, "damaged") || !strings.Contains(out, "epoch  20 ") {
			t.Errorf("rank %d was killed, resumed:\n%s", rank, out)
		}
		if !sameFile(t, filepath.Join(one, modelName), filepath.Join(many, modelName)) {
			t.Errorf("rank %d was killed: the resumed run makes another model", rank)
		}
	}
}

// watch keeps what is written and calls do once it has a text.
type watch struct {
	said bytes.Buffer // not embedded: its ReadFrom would go past Write
	text string
	do   func()
}

func (w *watch) String() string { return w.said.String() }

func (w *watch) Write(b []byte) (int, error) {
	w.said.Write(b)
	if w.do != nil && strings.Contains(w.String(), w.text) {
		w.do()
		w.do = nil
	}
	return len(b), nil
}

// errorOfOneRank: what is wrong on one rank is said once, with its rank, and nothing is left of the run.
func errorOfOneRank(t *testing.T, exe string) {
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	good := append([]string{exe}, training(out)...)
	for bad, want := range map[string]string{
		"made:train=81,val=20,test=8": " was given other clips, divided or sampled in another way, than rank 0 on ",
		filepath.Join(dir, "nothing"): ": ",
	} {
		words := append(append(mpirun(1), good...), ":", "-np", "1")
		for _, w := range good {
			if strings.HasPrefix(w, "made:") {
				w = bad
			}
			words = append(words, w)
		}
		said, err := limited(t, words...).CombinedOutput()
		if err == nil {
			t.Fatalf("%s on rank 1: no error:\n%s", bad, said)
		}
		host, _ := os.Hostname()
		if n := strings.Count(string(said), "fdht: "); n != 1 || !strings.Contains(string(said), "fdht: rank 1 on "+host+want) {
			t.Errorf("%s on rank 1: %d errors:\n%s", bad, n, said)
		}
		if _, err := os.Stat(filepath.Join(out, modelName)); err == nil {
			t.Errorf("%s on rank 1: a model is left", bad)
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
}
