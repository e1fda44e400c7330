package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/fdht/fdht/internal/bench"
	"github.com/jedib0t/go-pretty/v6/table"
)

// benchCmd is fdht bench.
type benchCmd struct {
	Workers int    `default:"1" placeholder:"N" group:"common" help:"Processors that a network uses (${default})."`
	Quick   bool   `group:"common" help:"Short measurements, rough numbers; without the dense network, which needs 1 GB."`
	Only    string `placeholder:"REGEX" group:"common" help:"Measure only what matches: products such as nn/1600x36x16, passes such as ht-r4/frame."`
	Row     string `hidden:"" placeholder:"NETWORK/PASS"` // measure this in this process: how the command calls itself
	jsonFlag
	common
}

// Help is the long help.
func (*benchCmd) Help() string {
	return `Examples:

  fdht bench --quick
  fdht bench --workers 2 --only 'ht-.*/train'
  fdht bench --only '(ht|tt|tr|bt)-r4/'
  fdht bench --json > bench.json

Peak is what one core does with multiply-adds alone. Products of A [M,K] with B, one core: nn is A B, tn A^T B, nt A B^T. Networks have 57,600
inputs and 256 hidden units: ht-r4 and ht-r8 with ranks 4 and 8 (modes 8,20,20,19 and 4,4,8,8), ht-r4-planned with the modes that fdht
plan likes best at ranks 4 and no more weights, tt-r4, tr-r4 and bt-r4 (2 blocks) with the modes of ht-r4; ht-r4-partial, tt-r4-partial,
tr-r4-partial and bt-r4-partial with the input half structured (modes 8,20,20,18 and 16,4,4,4) and the hidden half dense; dense. Passes: one frame of a stream, a clip of 24 frames, 16 clips of 6 frames, a training
step on these. Times are medians; each is taken in a process of its own, whose peak memory stands beside it.`
}

// work is what there is to measure.
type work struct {
	kernels []kernelWork
	rows    []rowWork
}

type kernelWork struct {
	op    bench.Op
	shape bench.Shape
}

type rowWork struct {
	name string
	pass bench.Pass
}

func (k kernelWork) String() string { return fmt.Sprintf("%s/%v", k.op, k.shape) }
func (r rowWork) String() string    { return fmt.Sprintf("%s/%s", r.name, r.pass) }

// choose lists what --only leaves, and whether --quick left out something of it.
func (c *benchCmd) choose() (w work, skipped bool, err error) {
	only, err := regexp.Compile(c.Only)
	if err != nil {
		return w, false, usage("a regular expression, such as ht-r4/frame", "--only %s: %w", c.Only, err)
	}
	for _, op := range bench.Ops {
		for _, s := range bench.Shapes {
			if k := (kernelWork{op, s}); only.MatchString(k.String()) {
				w.kernels = append(w.kernels, k)
			}
		}
	}
	for _, name := range bench.Names {
		for _, pass := range bench.Passes {
			switch r := (rowWork{name, pass}); {
			case !only.MatchString(r.String()):
			case c.Quick && name == bench.Dense:
				skipped = true
			default:
				w.rows = append(w.rows, r)
			}
		}
	}
	if len(w.kernels)+len(w.rows) == 0 && !skipped {
		return w, false, usage("products are named like nn/1600x36x16, passes like ht-r4/frame", "--only %s matches nothing", c.Only)
	}
	return w, skipped, nil
}

func (c *benchCmd) effort() bench.Effort {
	if c.Quick {
		return bench.Quick
	}
	return bench.Usual
}

// Run measures.
func (c *benchCmd) Run(ctx context.Context, u *ui) error {
	if c.Workers < 1 {
		return usage("", "--workers %d: want at least 1", c.Workers)
	}
	if c.Row != "" {
		return c.one(ctx, u)
	}
	w, skipped, err := c.choose()
	if err != nil {
		return err
	}
	if skipped {
		u.note("the dense network is left out with --quick: it needs 1 GB")
	}
	report, err := c.measure(ctx, u, w)
	if err != nil {
		return err
	}
	if c.JSON {
		return u.json(report)
	}
	return u.print("%s", benchText(report))
}

// measure measures one after the other, so that nothing takes time from anything else.
func (c *benchCmd) measure(ctx context.Context, u *ui, w work) (bench.Report, error) {
	b := u.bar("measuring")
	defer b.done()
	e := c.effort()
	r := bench.Report{Machine: bench.ThisMachine(), Peak: bench.Peak(e), Kernels: []bench.Kernel{}, Rows: []bench.Row{}}
	total := len(w.kernels) + len(w.rows)
	for i, k := range w.kernels {
		b.set(i, total, "%v", k)
		m, err := bench.MeasureKernel(ctx, k.op, k.shape, e)
		if err != nil {
			return r, err
		}
		r.Kernels = append(r.Kernels, m)
	}
	r.Peak = max(r.Peak, bench.Peak(e)) // the clock may have gone up meanwhile
	for i, row := range w.rows {
		b.set(len(w.kernels)+i, total, "%v", row)
		m, err := c.apart(ctx, row)
		if err != nil {
			return r, fmt.Errorf("%v: %w", row, err)
		}
		r.Rows = append(r.Rows, bench.Row{Name: row.name, Pass: row.pass, Workers: c.Workers, Millis: m.Millis, RSS: m.RSS})
	}
	return r, nil
}

// apart measures a row in a process of its own.
func (c *benchCmd) apart(ctx context.Context, row rowWork) (bench.Measured, error) {
	var m bench.Measured
	exe, err := os.Executable()
	if err != nil {
		return m, err
	}
	args := []string{"bench", "--row", row.String(), "--workers", fmt.Sprint(c.Workers)}
	if c.Quick {
		args = append(args, "--quick")
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		err = errors.New(strings.TrimPrefix(strings.TrimSpace(string(failed.Stderr)), "fdht: "))
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("the measuring process wrote %q", out)
	}
	return m, nil
}

// one is the process of one row.
func (c *benchCmd) one(ctx context.Context, u *ui) error {
	name, pass, _ := strings.Cut(c.Row, "/")
	if !slices.Contains(bench.Names, name) || !slices.Contains(bench.Passes, bench.Pass(pass)) {
		return usage("such as ht-r4/frame", "--row %s: no such network or pass", c.Row)
	}
	runtime.GOMAXPROCS(c.Workers) // the process does nothing else
	m, err := bench.MeasureRow(ctx, name, bench.Pass(pass), c.Workers, c.effort())
	if err != nil {
		return err
	}
	return u.json(m)
}

// benchText is for people.
func benchText(r bench.Report) string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d core%s, %s/%s, %s, %s kernels\npeak of one core: %.0f GFLOP/s\n", m.CPU, m.Cores, plural(m.Cores), m.OS, m.Arch, m.Go, m.Path, r.Peak)
	if len(r.Kernels) > 0 {
		b.WriteString("\n" + kernelTable(r))
	}
	if len(r.Rows) > 0 {
		b.WriteString("\n" + rowTable(r.Rows))
	}
	return b.String()
}

// kernelTable has a line a product, with the share of peak of each kind.
func kernelTable(r bench.Report) string {
	t := newTable()
	t.AppendHeader(table.Row{"M", "K", "N", "A B", "of peak", "A^T B", "of peak", "A B^T", "of peak"})
	for _, s := range bench.Shapes {
		line := table.Row{s.M, s.K, s.N}
		found := false
		for _, op := range bench.Ops {
			i := slices.IndexFunc(r.Kernels, func(k bench.Kernel) bool { return k.Op == op && bench.Shape{M: k.M, K: k.K, N: k.N} == s })
			if i < 0 {
				line = append(line, "", "")
				continue
			}
			found = true
			rate := r.Kernels[i].GFLOPS
			line = append(line, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f %%", 100*rate/r.Peak))
		}
		if found {
			t.AppendRow(line)
		}
	}
	rightAlign(t, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	return render(t)
}

// rowTable has a line a pass, beside the time the one that the dense network takes, where it was measured.
func rowTable(rows []bench.Row) string {
	dense := map[bench.Pass]float64{}
	for _, r := range rows {
		if r.Name == bench.Dense {
			dense[r.Pass] = r.Millis
		}
	}
	t := newTable()
	t.AppendHeader(table.Row{"network", "pass", "workers", "time", "dense / it", "peak memory"})
	for _, r := range rows {
		ratio, memory := "", ""
		if d := dense[r.Pass]; d > 0 && r.Millis > 0 {
			ratio = fmt.Sprintf("%.1f", d/r.Millis)
		}
		if r.RSS > 0 {
			memory = fmt.Sprintf("%.0f MiB", r.RSS)
		}
		t.AppendRow(table.Row{r.Name, string(r.Pass), r.Workers, duration(r.Millis), ratio, memory})
	}
	rightAlign(t, 3, 4, 5, 6)
	return render(t)
}
