package experiment

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
)

// Planned is a job with where it stands.
type Planned struct {
	Job
	ID     string
	Number int    // among the jobs of its stage
	State  string // done, begun or missing
}

// Status is how far an experiment is.
type Status struct {
	CV    []Planned
	Final []Planned // of the rows whose settings are chosen
	Open  []string  // rows whose settings are not chosen yet
	Tuned [][]Tried // by row; nil where it is open, empty where there is nothing to choose
	Point []int     // by row, the chosen point; -1 where it is open

	// numbered counts the jobs of cross-validations, those too that are not known yet, so that shards agree whenever they look.
	numbered int
}

// Complete reports whether every network is trained.
func (s *Status) Complete() bool {
	return len(s.Open) == 0 && !slices.ContainsFunc(s.Final, func(p Planned) bool { return p.State != stateDone })
}

// The states of a job.
const (
	stateDone    = "done"
	stateBegun   = "begun"
	stateMissing = "missing"
)

// See looks up how far an experiment is and runs nothing.
func See(ctx context.Context, d *Design, t Trainer, o Options) (*Status, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	l := &lab{d: d, t: t, o: o}
	return l.see(ctx)
}

// see lists the jobs.
func (l *lab) see(ctx context.Context) (*Status, error) {
	s := &Status{}
	for row := range l.d.Rows {
		tuned, missing, err := l.tune(ctx, s, row)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.d.Rows[row].Name, err)
		}
		if missing > 0 {
			s.Open = append(s.Open, l.d.Rows[row].Name)
			s.Tuned, s.Point = append(s.Tuned, nil), append(s.Point, -1)
			continue
		}
		point := 0
		if len(tuned) > 0 {
			point = choose(tuned)
		}
		s.Tuned, s.Point = append(s.Tuned, tuned), append(s.Point, point)
		for i, seed := range l.d.Seeds {
			p, _, err := l.plan(ctx, s, Job{Row: row, Point: point, Fold: -1, Seed: seed}, row*len(l.d.Seeds)+i)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.d.Rows[row].Name, err)
			}
			s.Final = append(s.Final, p)
		}
	}
	return s, nil
}

// tune lists the jobs of a row's cross-validation and sums up what is done of it.
func (l *lab) tune(ctx context.Context, s *Status, row int) (tuned []Tried, missing int, err error) {
	if len(l.d.Points) == 1 {
		return []Tried{}, 0, nil
	}
	folds, err := l.t.Folds(ctx, row)
	if err != nil {
		return nil, 0, err
	}
	if from := l.d.From(row); from >= 0 && s.Point[from] < 0 { // it is not known yet with which networks its jobs begin
		missing = len(l.d.Points) * len(l.d.CV.Seeds) * folds
		s.numbered += missing
		return nil, missing, nil
	}
	for point := range l.d.Points {
		var runs []Result
		for _, seed := range l.d.CV.Seeds {
			for fold := range folds {
				p, r, err := l.plan(ctx, s, Job{Row: row, Point: point, Fold: fold, Seed: seed}, s.numbered)
				if err != nil {
					return nil, 0, err
				}
				s.numbered++
				s.CV = append(s.CV, p)
				if p.State != stateDone {
					missing++
					continue
				}
				runs = append(runs, r)
			}
		}
		tuned = append(tuned, tried(l.d.Points[point], runs))
	}
	return tuned, missing, nil
}

// plan looks up one job. The settings of the row that it begins with are chosen.
func (l *lab) plan(ctx context.Context, s *Status, j Job, number int) (Planned, Result, error) {
	p := Planned{Job: j, Number: number, State: stateMissing}
	var err error
	if p.Start, err = l.start(ctx, s, j); err != nil {
		return p, Result{}, err
	}
	if p.ID, err = l.t.ID(ctx, p.Job); err != nil {
		return p, Result{}, err
	}
	r, ok, err := l.o.Store.Result(p.ID)
	switch {
	case err != nil:
		return p, r, err
	case ok:
		p.State = stateDone
	case l.o.Store.Begun(p.ID):
		p.State = stateBegun
	}
	return p, r, nil
}

// start is the id of the job whose network j begins with, which saw the same clips and has the same seed.
func (l *lab) start(ctx context.Context, s *Status, j Job) (id string, err error) {
	from := l.d.From(j.Row)
	if from < 0 {
		return "", nil
	}
	before := Job{Row: from, Point: s.Point[from], Fold: j.Fold, Seed: j.Seed}
	if before.Start, err = l.start(ctx, s, before); err != nil {
		return "", err
	}
	return l.t.ID(ctx, before)
}

// look is the look that measuring all networks is.
func (s *Status) look(d *Design) Look {
	var look Look
	h := sha256.New()
	for row, r := range d.Rows {
		lr := LookRow{Row: r.Name, Settings: d.Points[s.Point[row]].String()}
		for _, p := range s.Final {
			if p.Row == row {
				lr.Jobs = append(lr.Jobs, p.ID)
				fmt.Fprintln(h, p.ID)
			}
		}
		look.Rows = append(look.Rows, lr)
	}
	look.ID = fmt.Sprintf("%x", h.Sum(nil)[:6])
	return look
}
