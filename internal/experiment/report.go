package experiment

import (
	"context"
	"errors"
)

// Report is what an experiment came to, as its JSON file has it.
type Report struct {
	Name      string      `json:"name"`
	Title     string      `json:"title"`
	Note      string      `json:"note,omitempty"`
	Seeds     []uint64    `json:"seeds"`
	CV        *CVReport   `json:"cross_validation,omitempty"`
	Rows      []RowReport `json:"rows"`
	Published []Published `json:"published,omitempty"`
	Looks     []Look      `json:"looks"`
	Look      string      `json:"look"` // the id of the look that the rows' numbers are of
}

// CVReport says how the settings were chosen.
type CVReport struct {
	Folds int      `json:"folds"`
	By    string   `json:"by"`
	Seeds []uint64 `json:"seeds"`
	Tried int      `json:"tried"` // settings, of every row
}

// RowReport is a row of the results. Accuracies are 0..1.
type RowReport struct {
	Row       string    `json:"row"`
	Line      string    `json:"line"`
	From      string    `json:"from,omitempty"` // the row whose trained networks it begins with
	Settings  string    `json:"settings"`
	Tried     []Tried   `json:"tried,omitempty"`
	Structure Structure `json:"structure"`
	Total     int64     `json:"total"`
	Ratio     float64   `json:"ratio"`
	Top1      float64   `json:"top1"`
	Deviation float64   `json:"deviation"`
	Top5      float64   `json:"top5"`
	Recall    float64   `json:"mean_recall"`
	Train     float64   `json:"train_acc"` // of the last epoch
	Runs      []Seeded  `json:"runs"`
	Labels    []string  `json:"labels"`
	Confusion [][]int   `json:"confusion"` // summed over the seeds
	Epochs    int       `json:"epochs"`
	Seconds   float64   `json:"seconds"` // mean of a training
	Bytes     int64     `json:"bytes"`   // of memory that a step of training takes
}

// Seeded is a run of a row.
type Seeded struct {
	Seed    uint64  `json:"seed"`
	ID      string  `json:"id"`
	Top1    float64 `json:"top1"`
	Top5    float64 `json:"top5"`
	Loss    float64 `json:"loss"`
	Clips   int     `json:"clips"`
	Curve   []Epoch `json:"curve"`
	Seconds float64 `json:"seconds"`
}

// Report collects the results of an experiment that is complete.
func (d *Design) Report(ctx context.Context, t Trainer, store Store) (*Report, error) {
	l := &lab{d: d, t: t, o: Options{Store: store}}
	s, err := l.see(ctx)
	if err != nil {
		return nil, err
	}
	if !s.Complete() {
		return nil, errors.New("the experiment is not complete")
	}
	r := &Report{Name: d.Name, Title: d.Title, Note: d.Note, Seeds: d.Seeds, Published: d.Published, Look: s.look(d).ID}
	if r.Looks, err = store.Looks(); err != nil {
		return nil, err
	}
	if len(d.Points) > 1 {
		folds, err := t.Folds(ctx, 0)
		if err != nil {
			return nil, err
		}
		by := d.CV.By
		if by == "" {
			by = "group"
		}
		r.CV = &CVReport{Folds: folds, By: by, Seeds: d.CV.Seeds, Tried: len(d.Points)}
	}
	for row := range d.Rows {
		rr := RowReport{Row: d.Rows[row].Name, Line: d.Rows[row].Line, From: d.Rows[row].From, Settings: d.Points[s.Point[row]].String(), Tried: s.Tuned[row]}
		for _, p := range s.Final {
			if p.Row != row {
				continue
			}
			if err := rr.add(store, p); err != nil {
				return nil, err
			}
		}
		rr.sumUp()
		r.Rows = append(r.Rows, rr)
	}
	return r, nil
}

// add takes in the run of one seed.
func (r *RowReport) add(store Store, p Planned) error {
	res, ok, err := store.Result(p.ID)
	if err != nil {
		return err
	}
	score, tested, err := store.Score(p.ID)
	if err != nil {
		return err
	}
	if !ok || !tested {
		return errors.New("the experiment is not complete")
	}
	r.Structure, r.Epochs, r.Bytes = res.Structure, res.Epochs, max(r.Bytes, score.Bytes)
	r.Runs = append(r.Runs, Seeded{p.Seed, p.ID, score.Top1, score.Top5, score.Loss, score.Clips, res.Curve, res.Seconds})
	r.Recall += score.MeanRecall
	r.Labels = score.Labels
	if r.Confusion == nil {
		r.Confusion = make([][]int, len(score.Confusion))
		for i := range r.Confusion {
			r.Confusion[i] = make([]int, len(score.Confusion))
		}
	}
	for i, row := range score.Confusion {
		for j, n := range row {
			r.Confusion[i][j] += n
		}
	}
	return nil
}

func (r *RowReport) sumUp() {
	var top1, top5, seconds, train []float64
	for _, s := range r.Runs {
		top1, top5, seconds = append(top1, s.Top1), append(top5, s.Top5), append(seconds, s.Seconds)
		if n := len(s.Curve); n > 0 {
			train = append(train, s.Curve[n-1].Accuracy)
		}
	}
	r.Top1, r.Deviation = meanDeviation(top1)
	r.Top5, _ = meanDeviation(top5)
	r.Seconds, _ = meanDeviation(seconds)
	r.Train, _ = meanDeviation(train)
	r.Recall /= float64(max(len(r.Runs), 1))
	r.Total, r.Ratio = r.Structure.Total(), r.Structure.Ratio()
}

// curve is the mean of the seeds' training curves, as far as all of them go.
func (r *RowReport) curve() []Epoch {
	n := -1
	for _, s := range r.Runs {
		if n < 0 || len(s.Curve) < n {
			n = len(s.Curve)
		}
	}
	out := make([]Epoch, max(n, 0))
	for i := range out {
		for _, s := range r.Runs {
			out[i].Loss += s.Curve[i].Loss / float64(len(r.Runs))
			out[i].Accuracy += s.Curve[i].Accuracy / float64(len(r.Runs))
		}
	}
	return out
}
