package train

import (
	"errors"
	"fmt"
	"time"

	"github.com/fdht/fdht/model"
)

// Options is what Run works on. Only Settings, Model, Train and Val change its numbers.
type Options struct {
	Settings
	Model *model.File // trained in place; with Resume its weights are replaced by the checkpoint's
	Train Source
	Val   Source // nil: no validation; the last epoch is then the best

	Dir      string        // the run's folder, made if need be; empty: nothing is written
	Resume   bool          // go on from Dir's checkpoint
	Begin    func() error  // called before a run that is not resumed writes to Dir, which is then this process's alone; may be nil
	NoCurves bool          // draw no curves.png, for who draws many runs together
	Workers  int           // of the network; 0: all processors
	Watchdog time.Duration // a clip that takes longer to be read ends the run with an error that names it; 0: none does
	Loaders  int           // clips prepared at once; 0: as many as Workers
	Progress Progress

	// Group trains with other processes, each of which takes a share of every batch; nil: this process by itself. Numbers are those of one process,
	// but with SumRanks or a dense network. Rank 0 alone writes to Dir, resumes and reports; with an error on one rank Run ends on all.
	Group Group
	// SumRanks lets each rank add up its own gradients before they are sent: fewer bytes when a rank has many clips, and numbers that are those of
	// one process to rounding only.
	SumRanks bool
}

// Progress is told how a run comes along. Calls come from one goroutine at a time.
type Progress interface {
	Step(Step)
	Epoch(Epoch)
	Note(text string) // something that the user should know, such as a damaged checkpoint
}

// Step is where a run stands after a step of training or, with Validating, after a batch of the validation split.
type Step struct {
	Epoch, Epochs  int // Epoch counts from 1
	Step, Steps    int // within the epoch, or clips of the validation split
	Validating     bool
	Loss, Accuracy float64 // means over the epoch so far
	ClipsPerSec    float64
}

// Result is what a run came to.
type Result struct {
	History []Epoch // one an epoch, those before a resumption included where metrics.jsonl has them
	Best    *Best   // nil when no epoch was finished
	Epochs  int     // finished
	Steps   int     // optimiser steps
	Early   bool    // early stopping ended the run
}

// Best is the best epoch. Of two epochs the one with the higher validation accuracy is better, of equal ones that with the
// lower validation loss, of equal ones the earlier. Without a validation split it is the last epoch.
type Best = model.Best

// InterruptedError is what Run returns when its context ended.
type InterruptedError struct {
	Epoch, Epochs int    // the epoch that will be run again, from 1
	Dir           string // empty when the run writes nothing
	Cause         error
}

func (e *InterruptedError) Error() string {
	text := fmt.Sprintf("stopped in epoch %d of %d", e.Epoch, e.Epochs)
	if e.Dir != "" {
		text += fmt.Sprintf("; go on with --resume %s", e.Dir)
	}
	return text
}

// Unwrap gives the context's error.
func (e *InterruptedError) Unwrap() error { return e.Cause }

func (o *Options) check() error {
	if err := o.Settings.Validate(); err != nil {
		return err
	}
	if o.Train.Len() == 0 {
		return errors.New("there are no training clips")
	}
	if o.Val != nil && o.Val.Len() == 0 {
		return errors.New("there are no validation clips: give the validation split some, or train without one")
	}
	for _, s := range []Source{o.Train, o.Val} {
		if s == nil {
			continue
		}
		if err := CheckWidth(o.Model.Config, s); err != nil {
			return err
		}
		for i := range s.Len() {
			if l := s.Label(i); l < 0 || l >= len(o.Model.Config.Classes) {
				return fmt.Errorf("clip %d has label %d, the model has %d classes", i, l, len(o.Model.Config.Classes))
			}
		}
	}
	if o.Resume && o.Dir == "" {
		return errors.New("no folder to resume from")
	}
	return nil
}

// silent is the Progress that tells nobody.
type silent struct{}

func (silent) Step(Step)   {}
func (silent) Epoch(Epoch) {}
func (silent) Note(string) {}
