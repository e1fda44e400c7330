package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden texts in the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fdht": main})
}

// TestScripts runs the real program through testdata/script.
func TestScripts(t *testing.T) {
	dir := filepath.Join("testdata", "script")
	if found, err := filepath.Glob(filepath.Join(dir, "*.txtar")); err != nil || len(found) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("LocalAppData", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("GOMAXPROCS", "2")
			bin := strings.Split(env.Getenv("PATH"), string(os.PathListSeparator))[0]
			if emulator := os.Getenv("FDHT_EMULATOR"); emulator != "" {
				if err := emulated(emulator, bin, filepath.Join(env.WorkDir, ".bin")); err != nil {
					return err
				}
				bin = filepath.Join(env.WorkDir, ".bin")
				env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			}
			env.Setenv("FDHTBIN", bin) // for scripts that empty the PATH
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "tmpfs":
				return canMount(), nil
			case "emulated":
				return os.Getenv("FDHT_EMULATOR") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"npy": npy, "epochs": epochs, "samerun": sameRun, "json": jsonValue, "cut": cut, "tmpfs": tmpfs, "only": only, "within": within, "samecost": sameCost, "samelogits": sameLogits, "sameconfusion": sameConfusion, "samereport": sameReport, "waitrun": waitRun, "huge": huge, "freeport": freePort, "reachable": reachable, "terminate": terminate,
		},
	})
}

// emulated puts a script beside the programs of this test that starts fdht under an emulator of another processor, qemu-aarch64-static for instance: the system
// would not start it by itself.
func emulated(emulator, bin, dir string) error {
	path, err := exec.LookPath(emulator)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' -0 fdht '%s' \"$@\"\n", path, filepath.Join(bin, "fdht"))
	return os.WriteFile(filepath.Join(dir, "fdht"), []byte(text), 0o777)
}

// npy FILE TYPE T F writes an array of <f4 or <f8 with values from -1 to 1.
func npy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: npy file type rows columns")
	}
	rows, cols := atoi(ts, args[2]), atoi(ts, args[3])
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", args[1], rows, cols)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(head)))
	b.WriteString(head)
	for i := range rows * cols {
		x := math.Sin(float64(i) * 0.7)
		if args[1] == "<f8" {
			binary.Write(&b, binary.LittleEndian, float64(float32(x)))
		} else {
			binary.Write(&b, binary.LittleEndian, float32(x))
		}
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	ts.Check(os.WriteFile(path, b.Bytes(), 0o666))
}

func atoi(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

// epochs FILE N waits until metrics FILE has N lines.
func epochs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: epochs file n")
	}
	want := atoi(ts, args[1])
	for range 6000 {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && bytes.Count(b, []byte("\n")) >= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not get %d epochs in a minute", args[0], want)
}

// samerun A B compares two metrics files in all but times.
func sameRun(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samerun a b")
	}
	read := func(name string) []map[string]any {
		var out []map[string]any
		for line := range strings.Lines(ts.ReadFile(name)) {
			var e map[string]any
			ts.Check(json.Unmarshal([]byte(line), &e))
			delete(e, "seconds")
			delete(e, "clips_per_s")
			out = append(out, e)
		}
		return out
	}
	a, b := read(args[0]), read(args[1])
	if reflect.DeepEqual(a, b) == neg {
		ts.Fatalf("%s has\n%v\n%s has\n%v", args[0], a, args[1], b)
	}
}

// json FILE KEY OP VALUE checks a value in the last line of a file of JSON: OP is = (text), <= or >= (numbers), or len.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: json file key op value")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	var v map[string]any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &v))
	got, there := v[args[1]]
	if !there {
		ts.Fatalf("no key %s in %s", args[1], lines[len(lines)-1])
	}
	ok := false
	number, _ := got.(float64)
	want, _ := strconv.ParseFloat(args[3], 64)
	switch args[2] {
	case "=":
		ok = fmt.Sprint(got) == args[3]
	case "<=":
		ok = number <= want
	case ">=":
		ok = number >= want
	case "len":
		list, _ := got.([]any)
		ok = len(list) == int(want)
	}
	if ok == neg {
		ts.Fatalf("%s is %v, want %s %s", args[1], got, args[2], args[3])
	}
}

// cut FROM TO N writes the first N bytes of a file.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut from to bytes")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	ts.Check(os.WriteFile(path, b[:min(atoi(ts, args[2]), len(b))], 0o666))
}

// only DIR NAME... checks that a folder holds these files and no others, hidden ones included.
func only(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: only dir name...")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(args[1:], " ") {
		ts.Fatalf("%s holds %q, want %q", args[0], got, args[1:])
	}
}

// within SECONDS PROGRAM ARG... runs a program, and fails when it takes longer than that or fails.
func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: within seconds program arg...")
	}
	limit, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	start := time.Now()
	ts.Check(ts.Exec(args[1], args[2:]...))
	if took := time.Since(start).Seconds(); took > limit {
		ts.Fatalf("took %.2f s, want at most %v s", took, limit)
	}
}

// samecost PLAN INFO compares the multiply-adds of the first candidate with those of a model.
func sameCost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samecost plan info")
	}
	var plan struct{ Candidates []struct{ MAC int64 } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &plan))
	var info struct {
		MAC int64 `json:"mac_per_frame"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &info))
	if len(plan.Candidates) == 0 || plan.Candidates[0].MAC != info.MAC || info.MAC == 0 {
		ts.Fatalf("plan says %v, info %d", plan.Candidates, info.MAC)
	}
}

// samelogits A B TOL compares the logits that two models gave to the same files, relative to the largest.
func sameLogits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: samelogits a b tolerance")
	}
	read := func(name string) (out []float64) {
		for line := range strings.Lines(ts.ReadFile(name)) {
			var p struct{ Logits []float64 }
			ts.Check(json.Unmarshal([]byte(line), &p))
			out = append(out, p.Logits...)
		}
		return out
	}
	a, b := read(args[0]), read(args[1])
	tol, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	if len(a) == 0 || len(a) != len(b) {
		ts.Fatalf("%d and %d logits", len(a), len(b))
	}
	worst, scale := 0.0, 0.0
	for i := range a {
		worst, scale = max(worst, math.Abs(a[i]-b[i])), max(scale, math.Abs(a[i]))
	}
	if (worst <= tol*scale) == neg {
		ts.Fatalf("logits differ by %g, the largest is %g", worst, scale)
	}
}

// huge FILE writes a model of few weights whose inputs are nearly as many as 32 bits count.
func huge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: huge file")
	}
	m, err := model.New(model.Config{
		Cell: rnn.LSTM, Input: 2_140_000_000, Hidden: 8, Layers: 1, Classes: []string{"a", "b"}, Pooling: rnn.PoolMean,
		Structure: factor.HTSpec([]int{1 << 11, 1 << 11, 511}, []int{4, 4, 2}, 2, 2),
	}, 1)
	ts.Check(err)
	ts.Check(m.Save(ts.MkAbs(args[0])))
}

// freeport NAME sets a variable of the environment to a port that nothing listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport name")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// reachable URL waits until a server answers there.
func reachable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reachable url")
	}
	for range 6000 {
		res, err := http.Get(args[0])
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not answer in a minute", args[0])
}

// terminate asks all programs in the background to end, as service managers do.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: terminate")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}
