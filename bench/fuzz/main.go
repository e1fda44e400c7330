// Command fuzz runs the fuzz targets of this module, each for a while, and prints a table of them in Markdown.
//
//	go run ./bench/fuzz [flags] [TARGET...]
//
// A target is named as PACKAGE.Func, its package below the module, such as video.FuzzY4M; without names all are run. A target that finds something does not stop
// the others: the input is in the package's testdata/fuzz, and the exit code is 1.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var f fuzzer
	flag.DurationVar(&f.time, "time", 10*time.Minute, "how long each target runs")
	flag.IntVar(&f.jobs, "jobs", 1, "targets that run at once")
	flag.IntVar(&f.workers, "parallel", 0, "processes of a target; 0: as many as processors")
	flag.StringVar(&f.state, "state", "", "`file` of results, a line of JSON each: targets that it holds are not run again")
	skip := flag.String("skip", "", "leave out targets whose names match the `expression`")
	out := flag.String("out", "", "Markdown `file` whose table, between its lines <!-- fuzz --> and <!-- /fuzz -->, is replaced; else it is printed")
	flag.Parse()
	if err := f.run(ctx, *skip, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

type fuzzer struct {
	time    time.Duration
	jobs    int
	workers int
	state   string

	mu      sync.Mutex
	results []result
}

// result is what a target came to.
type result struct {
	Target  string  `json:"target"`
	Says    string  `json:"says"` // what holds for every input
	Execs   int64   `json:"execs"`
	Seconds float64 `json:"seconds"`
	New     int     `json:"new"`   // inputs that reached code which none before them reached
	Total   int     `json:"total"` // with the seeds and those of earlier runs
	Found   string  `json:"found,omitempty"`
}

func (f *fuzzer) run(ctx context.Context, skip, out string, names []string) error {
	all, err := targets(ctx)
	if err != nil {
		return err
	}
	leave, err := regexp.Compile(skip)
	if err != nil {
		return err
	}
	if err := f.load(); err != nil {
		return err
	}
	if len(names) > 0 { // in their order
		var named []target
		for _, n := range names {
			i := slices.IndexFunc(all, func(t target) bool { return t.name == n })
			if i < 0 {
				return fmt.Errorf("no target %s", n)
			}
			named = append(named, all[i])
		}
		all = named
	}
	waiting := make(chan target, len(all))
	for _, t := range all {
		if skip != "" && leave.MatchString(t.name) || slices.ContainsFunc(f.results, func(r result) bool { return r.Target == t.name }) {
			continue
		}
		waiting <- t
	}
	close(waiting)
	var wait sync.WaitGroup
	errs := make([]error, max(f.jobs, 1))
	for i := range errs {
		wait.Go(func() {
			for t := range waiting {
				if errs[i] = f.one(ctx, t); errs[i] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.SortFunc(f.results, func(a, b result) int { return strings.Compare(a.Target, b.Target) })
	if err := f.report(out); err != nil {
		return err
	}
	return errors.Join(problems(f.results)...)
}

// problems are the targets that found something, and those of which a run says nothing.
func problems(results []result) (errs []error) {
	for _, r := range results {
		switch {
		case r.Found != "":
			errs = append(errs, fmt.Errorf("%s found something:\n%s", r.Target, r.Found))
		case r.Execs == 0:
			errs = append(errs, fmt.Errorf("%s did not take a single input within its time: the machine is too busy, or -time too short", r.Target))
		}
	}
	return errs
}

var (
	progress = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)`)
	failed   = regexp.MustCompile(`(?m)^ *--- FAIL: `)
	// Up to Go 1.26 the end of -fuzztime may come out as an error of the target when its workers are busy (go.dev/issue/75804). A finding writes its input down.
	outOfTime = regexp.MustCompile(`^--- FAIL: \w+ \([^)]*\)\n\s+context deadline exceeded\nFAIL\b`)
)

// finding is what a failed run tells of its target: nothing where only its time was up. ok is false when the target was not run at all.
func finding(text []byte) (found string, ok bool) {
	at := failed.FindIndex(text)
	if at == nil {
		return "", false
	}
	said := bytes.TrimSpace(text[at[0]:])
	if outOfTime.Match(said) {
		return "", true
	}
	return string(said), true
}

// one runs a target.
func (f *fuzzer) one(ctx context.Context, t target) error {
	args := []string{"test", "-run", "^$", "-fuzz", "^" + t.fn + "$", "-fuzztime", f.time.String(), "-fuzzminimizetime", "20x", "-timeout", "0"}
	if f.workers > 0 {
		args = append(args, "-parallel", fmt.Sprint(f.workers))
	}
	fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), t.name)
	cmd := exec.CommandContext(ctx, "go", append(args, t.path)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	start := time.Now()
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := result{Target: t.name, Says: t.says, Seconds: time.Since(start).Seconds()}
	for _, m := range progress.FindAllSubmatch(text, -1) { // the last one counts
		fmt.Sscan(string(m[1]), &r.Execs)
		fmt.Sscan(string(m[2]), &r.New)
		fmt.Sscan(string(m[3]), &r.Total)
	}
	if err != nil {
		var ok bool
		if r.Found, ok = finding(text); !ok { // it did not build, for example
			return fmt.Errorf("%s: %w\n%s", t.name, err, text)
		}
	}
	fmt.Fprintf(os.Stderr, "%s %s: %d executions, %d new inputs%s\n", time.Now().Format("15:04:05"), t.name, r.Execs, r.New, map[bool]string{true: ", FOUND SOMETHING"}[r.Found != ""])
	return f.add(r)
}

// load reads what an earlier run left.
func (f *fuzzer) load() error {
	if f.state == "" {
		return nil
	}
	text, err := os.ReadFile(f.state)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var r result
		if err := dec.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", f.state, err)
		}
		f.results = append(f.results, r)
	}
}

func (f *fuzzer) add(r result) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results = append(f.results, r)
	if f.state == "" {
		return nil
	}
	file, err := os.OpenFile(f.state, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(file).Encode(r), file.Close())
}

// report writes the table.
func (f *fuzzer) report(out string) error {
	var b strings.Builder
	b.WriteString("| target | what holds for any input | executions | minutes | new inputs (all) | findings |\n| --- | --- | --- | --- | --- | --- |\n")
	var sum int64
	for _, r := range f.results {
		found := "0"
		if r.Found != "" {
			found = "1"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %.0f | %d (%d) | %s |\n", r.Target, strings.ReplaceAll(r.Says, "|", `\|`), r.Execs, r.Seconds/60, r.New, r.Total, found)
		sum += r.Execs
	}
	fmt.Fprintf(&b, "\n%d targets, %d executions.\n", len(f.results), sum)
	if out == "" {
		_, err := os.Stdout.WriteString(b.String())
		return err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	const begin, end = "<!-- fuzz -->\n", "<!-- /fuzz -->\n"
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", out, begin, end)
	}
	temp := filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".tmp")
	if err := os.WriteFile(temp, []byte(head+begin+b.String()+end+tail), 0o666); err != nil {
		return err
	}
	return os.Rename(temp, out)
}
