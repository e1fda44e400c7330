package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fdht/fdht/internal/experiment"
	"github.com/fdht/fdht/train"
	"github.com/jedib0t/go-pretty/v6/table"
)

// shardFlag is a flag of the form 2/4.
type shardFlag struct{ experiment.Shard }

// UnmarshalText reads 2/4.
func (s *shardFlag) UnmarshalText(b []byte) error {
	i, n, ok := strings.Cut(string(b), "/")
	index, err1 := strconv.Atoi(i)
	count, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || index < 1 || index > count || count > 1<<20 {
		return fmt.Errorf("%q: want I/N, I from 1 to N, such as 2/4", b)
	}
	s.Shard = experiment.Shard{Index: index, Count: count}
	return nil
}

// experimentCmd is fdht experiment.
type experimentCmd struct {
	File    string    `arg:"" name:"FILE.toml" placeholder:"FILE.toml" help:"The experiment."`
	Data    string    `placeholder:"PATH" group:"data" help:"Where the clips are, in place of what the file says."`
	Cache   string    `placeholder:"DIR" group:"data" help:"Folder for decoded frames; left out: fdht in the user's cache folder."`
	List    string    `name:"split-list" placeholder:"FILE" group:"data" help:"The official list or folder of lists, in place of what the file says."`
	Out     string    `placeholder:"DIR" default:"docs/results" group:"data" help:"Folder for the page NAME.md, NAME.json and the plots (${default})."`
	Runs    string    `placeholder:"DIR" group:"data" help:"Folder for the runs, each in a folder named by a hash of its settings (runs/NAME)."`
	Shard   shardFlag `placeholder:"I/N" group:"common" help:"Run only every Nth of the runs, from the Ith on: for job arrays."`
	Merge   []string  `placeholder:"DIR" group:"data" sep:"none" help:"Take over the finished runs of other --runs folders first; may be given several times."`
	DryRun  bool      `group:"common" help:"List the runs and which are missing, and run nothing."`
	Beside  int       `placeholder:"N" group:"common" help:"Runs that go at once (as many as --workers)."`
	Workers int       `placeholder:"N" group:"common" help:"Processors to use; results do not depend on it (all)."`
	jsonFlag
	common
}

// Help is the long help.
func (*experimentCmd) Help() string {
	return `Examples:

  fdht experiment experiments/family-utd-whole.toml --data utd-mhad/depth --dry-run
  fdht experiment experiments/family-utd-whole.toml --data utd-mhad/depth
  fdht experiment big.toml --shard 3/16 --runs /scratch/big-3
  fdht experiment big.toml --runs runs/big --merge /scratch/big-1 --merge /scratch/big-2

The file names the settings that all share, [train], the rows of the table, [[variant]], with what they have of their own, and the values that
are tried for every row alike, [tune]. Settings are chosen by cross-validation that leaves groups of training clips out; then every row is trained with all
seeds on all training clips, and then the test clips are looked at, once. docs/guide-data.md has an example.

What is finished is not run again; what was stopped goes on. Shards share one --runs folder, or have one each that --merge brings together. The
final runs of a row begin when its cross-validation is complete, and a row that begins with the networks of another (from) when those are there: call shards once more then. The page is written by a call without --shard.`
}

// experimented is what experiment --json prints.
type experimented struct {
	Name     string             `json:"name"`
	Complete bool               `json:"complete"`
	Page     string             `json:"page,omitempty"`
	Jobs     []jobState         `json:"jobs,omitempty"`
	Open     []string           `json:"open,omitempty"` // rows whose final runs are not known yet
	Report   *experiment.Report `json:"report,omitempty"`
}

// jobState is a run in JSON.
type jobState struct {
	ID       string `json:"id"`
	Row      string `json:"row"`
	Settings string `json:"settings"`
	Fold     int    `json:"fold"` // from 1; 0: all training clips
	Seed     uint64 `json:"seed"`
	State    string `json:"state"` // done, begun or missing
}

// Run runs the experiment.
func (c *experimentCmd) Run(ctx context.Context, u *ui) error {
	f, err := readExperiment(c.File)
	if err != nil {
		return err
	}
	if c.Workers < 0 || c.Beside < 0 {
		return usage("leave out what is to be chosen", "--workers %d, --beside %d: none is negative", c.Workers, c.Beside)
	}
	if c.Runs == "" {
		c.Runs = filepath.Join("runs", f.Name)
	}
	workers := orAll(c.Workers)
	beside := c.Beside
	if beside == 0 {
		beside = workers
	}
	l := newLab(u, f, map[string]string{"data": c.Data, "cache": c.Cache, "split-list": c.List})
	l.workers, l.all = max(workers/beside, 1), workers
	defer l.close()
	store := experiment.Store{Dir: c.Runs}
	for _, dir := range c.Merge {
		n, err := store.Merge(dir)
		if err != nil {
			return fmt.Errorf("--merge: %w", err)
		}
		u.note("%s: %d finished run%s taken over", dir, n, plural(n))
	}
	o := experiment.Options{Store: store, Shard: c.Shard.Shard, Beside: beside}
	if c.DryRun {
		return c.list(ctx, u, l, o)
	}
	notes := &experimentNotes{u: u, d: &f.Design, shown: map[experiment.Job]int{}}
	o.Notes = notes
	complete, err := experiment.Run(ctx, &f.Design, l, o)
	notes.end()
	if err != nil {
		return c.stopped(err)
	}
	if !complete {
		if c.JSON {
			return u.json(experimented{Name: f.Name})
		}
		return u.print("%s: this shard has done what it can\n", f.Name)
	}
	return c.report(ctx, u, l, store)
}

// stopped says how an experiment that was stopped goes on.
func (c *experimentCmd) stopped(err error) error {
	var in *train.InterruptedError
	if errors.As(err, &in) || errors.Is(err, context.Canceled) {
		return hinted{errors.New("stopped; what is done is kept"), "the same command goes on"}
	}
	return err
}

func (c *experimentCmd) report(ctx context.Context, u *ui, l *lab, store experiment.Store) error {
	r, err := l.f.Design.Report(ctx, l, store)
	if err != nil {
		return err
	}
	if _, err := r.Write(c.Out, c.command()); err != nil {
		return err
	}
	page := filepath.Join(c.Out, r.Name+".md")
	if c.JSON {
		return u.json(experimented{Name: r.Name, Complete: true, Page: page, Report: r})
	}
	t := newTable()
	t.AppendHeader(table.Row{"", "top-1", "deviation", "weights", "ratio", "epochs", "settings"})
	for _, row := range r.Rows {
		t.AppendRow(table.Row{row.Row, percent(row.Top1), fmt.Sprintf("%.1f", 100*row.Deviation), thousands(row.Structure.Weights), thousands(int64(row.Ratio)), row.Epochs, row.Settings})
	}
	rightAlign(t, 2, 3, 4, 5, 6)
	return u.print("%s\n%s\n", render(t), page)
}

// command is how the page says the experiment is run; where things are on this machine does not belong there, but for their names.
func (c *experimentCmd) command() string {
	file := filepath.Clean(c.File)
	if !filepath.IsLocal(file) {
		file = filepath.Base(file)
	}
	text := "fdht experiment " + filepath.ToSlash(file)
	if c.Data != "" {
		data := filepath.Clean(c.Data)
		if !filepath.IsLocal(data) {
			data = filepath.Join("PATH", filepath.Base(data))
		}
		text += " --data " + filepath.ToSlash(data)
	}
	if c.List != "" {
		text += " --split-list LISTS"
	}
	return text
}

// list is --dry-run.
func (c *experimentCmd) list(ctx context.Context, u *ui, l *lab, o experiment.Options) error {
	s, err := experiment.See(ctx, &l.f.Design, l, o)
	if err != nil {
		return err
	}
	d := &l.f.Design
	if c.JSON {
		out := experimented{Name: d.Name, Complete: s.Complete(), Open: s.Open}
		for _, p := range append(s.CV, s.Final...) {
			out.Jobs = append(out.Jobs, jobState{p.ID, d.Rows[p.Row].Name, d.Points[p.Point].String(), p.Fold + 1, p.Seed, p.State})
		}
		return u.json(out)
	}
	rows := newTable()
	rows.AppendHeader(table.Row{"row", "weights", "structure"})
	for k, row := range d.Rows {
		st, err := l.Structure(ctx, k, max(s.Point[k], 0))
		if err != nil {
			return err
		}
		rows.AppendRow(table.Row{row.Name, thousands(st.Weights), st.Text})
	}
	rightAlign(rows, 2)
	t := newTable()
	t.AppendHeader(table.Row{"run", "", "state"})
	count := map[string]int{}
	for _, p := range append(s.CV, s.Final...) {
		count[p.State]++
		t.AppendRow(table.Row{p.ID, d.Describe(p.Job), p.State})
	}
	final := len(s.Open) * len(d.Seeds)
	text := fmt.Sprintf("%d runs: %d done, %d begun, %d missing", len(s.CV)+len(s.Final), count["done"], count["begun"], count["missing"])
	if final > 0 {
		text += fmt.Sprintf("; then %d final runs of %s", final, strings.Join(s.Open, "; "))
	}
	return u.print("%s\n%s\n%s\n", render(rows), render(t), text)
}

// experimentNotes tells the user how an experiment comes along.
type experimentNotes struct {
	u     *ui
	d     *experiment.Design
	bar   *bar
	shown map[experiment.Job]int // thousandths of each run under way
}

// parts are the steps of the bar for a run.
const parts = 1000

// Begun begins a bar.
func (n *experimentNotes) Begun(runs int) {
	n.end()
	if runs > 0 {
		n.bar = n.u.bar("running")
		n.u.detail("%d runs", runs)
	}
}

func (n *experimentNotes) end() {
	if n.bar != nil {
		n.bar.done()
		n.bar = nil
	}
	clear(n.shown)
}

// At moves the bar.
func (n *experimentNotes) At(done, runs int, j experiment.Job, epoch, epochs int) {
	n.shown[j] = parts * epoch / max(epochs, 1)
	at := done * parts
	for _, k := range n.shown {
		at += k
	}
	n.bar.set(at, runs*parts, "%d/%d runs  %s, epoch %d/%d", done, runs, n.d.Describe(j), epoch, epochs)
}

// Done says what a run came to.
func (n *experimentNotes) Done(j experiment.Job, id string, r experiment.Result) {
	delete(n.shown, j)
	came := fmt.Sprintf("training accuracy %s", percent(last(r.Curve)))
	switch {
	case r.Diverged != "":
		came = "diverged"
	case r.Held != nil:
		came += fmt.Sprintf(", left out %s", percent(r.Held.Top1))
	}
	n.u.note("%s  %s: %s, %.1f s", id, n.d.Describe(j), came, r.Seconds)
}

func last(curve []experiment.Epoch) float64 {
	if len(curve) == 0 {
		return 0
	}
	return curve[len(curve)-1].Accuracy
}

// Waiting says what other shards have to do.
func (n *experimentNotes) Waiting(row string, jobs int) {
	n.u.note("%s waits for %d run%s of other shards", row, jobs, plural(jobs))
}

// Looking says that the test clips are looked at.
func (n *experimentNotes) Looking(before int) {
	n.end()
	if before > 0 {
		n.u.note("the test clips were looked at before, %d time%s, with other networks; the page says so", before, plural(before))
	}
}
