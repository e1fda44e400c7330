package train

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fdht/fdht/train/plots"
)

// redraw is how often the plot of a running run is drawn anew at most.
const redraw = 20 * time.Second

// epochs runs what is left of the run.
func (t *trainer) epochs(ctx context.Context) error {
	for t.at.Epoch < t.o.Epochs && !t.at.Stopped {
		e, steps, err := t.epoch(ctx)
		if stop := stopCause(ctx, err); stop != nil {
			return &InterruptedError{Epoch: t.at.Epoch + 1, Epochs: t.o.Epochs, Dir: t.o.Dir, Cause: stop}
		}
		if err != nil {
			return err
		}
		err = t.finish(e, steps)
		if err == nil {
			t.progress.Epoch(e)
			if time.Since(t.drawn) > redraw && t.at.Epoch < t.o.Epochs {
				err = t.draw()
			}
		}
		if err := t.team.end(t, err); err != nil {
			return err
		}
	}
	return nil
}

// stopCause is the context's error if it is what ended an epoch, here or on another rank.
func stopCause(ctx context.Context, err error) error {
	if stop := ctx.Err(); stop != nil && errors.Is(err, stop) {
		return stop
	}
	if errors.Is(err, errStopped) {
		return context.Canceled
	}
	return nil
}

// epoch trains on every training clip once and validates. It changes weights, moments and average, and no more of t:
// an epoch that does not end leaves no trace in the checkpoint.
func (t *trainer) epoch(ctx context.Context) (Epoch, int, error) {
	start := time.Now()
	e := Epoch{Epoch: t.at.Epoch + 1}
	at, seen, hits, loss := t.at.Step, 0, 0, 0.0
	shuffle(t.order, t.o.Seed, t.at.Epoch)
	for b, err := range t.train.batches(ctx, t.order, Draw{Train: true, Seed: t.o.Seed, Epoch: t.at.Epoch}) {
		if err != nil {
			return e, 0, t.team.fail(ctx, err)
		}
		e.LR = t.sched.LR(at)
		sum, norm, err := t.step(b, at, e.LR)
		if err != nil {
			return e, 0, err
		}
		at++
		n := len(b.labels)
		seen += n
		loss += sum
		for _, hit := range t.loss.hit[:n] {
			if hit {
				hits++
			}
		}
		e.GradNorm += norm
		e.TrainLoss, e.TrainAccuracy = loss/float64(seen), float64(hits)/float64(seen)
		e.ClipsPerSec = float64(seen) / max(time.Since(start).Seconds(), 1e-9)
		t.progress.Step(Step{
			Epoch: e.Epoch, Epochs: t.o.Epochs, Step: at - t.at.Step, Steps: t.train.steps(),
			Loss: e.TrainLoss, Accuracy: e.TrainAccuracy, ClipsPerSec: e.ClipsPerSec,
		})
	}
	e.GradNorm /= float64(at - t.at.Step)
	err := t.validate(ctx, &e)
	e.Seconds = time.Since(start).Seconds()
	return e, at, err
}

// step takes one optimiser step, number at from 0, and returns the sum of the clips' losses and the gradient's norm.
// It does not allocate.
func (t *trainer) step(b *batch, at int, lr float64) (loss, norm float64, err error) {
	for _, g := range t.grads {
		clear(g)
	}
	t.loss.labels, t.loss.scale = b.labels, 1/float64(len(b.labels))
	if loss, err = t.gradients(b, mix(mix(t.o.Seed, streamDropout), uint64(at))); err != nil {
		return 0, 0, err
	}
	mean := loss / float64(len(b.labels))
	if mean <= explodes { // before gradients are scaled, whose norms the error tells
		norm = ClipNorm(t.grads, t.o.Clip)
	}
	if !(mean <= explodes) || !finite(norm) {
		return 0, 0, newDiverged(t.at.Epoch+1, at+1, mean, lr, t.params, t.grads, t.kept())
	}
	t.adam.Step(t.params, t.grads, lr)
	if t.avg != nil {
		t.avg.update(t.params, at+1)
	}
	t.run.Refresh()
	return loss, norm, nil
}

// gradients adds those of a batch to t.grads and returns the sum of the clips' losses.
func (t *trainer) gradients(b *batch, seed uint64) (loss float64, err error) {
	if t.team == nil {
		return t.run.Train(t.grads, b.seqs, float32(t.o.Dropout), seed, t.lossFunc), nil
	}
	own := t.run.Backward(t.grads, b.seqs, b.first, float32(t.o.Dropout), seed, t.lossFunc)
	if loss, err = t.team.results(own, t.loss.hit[:len(b.labels)]); err != nil {
		return 0, err
	}
	return loss, t.team.gradients(t.run, t.grads, len(b.labels), t.o.SumRanks)
}

// validate measures the weights, or their average, on the validation split.
func (t *trainer) validate(ctx context.Context, e *Epoch) error {
	if t.val == nil {
		return nil
	}
	t.swapAverage()
	defer t.swapBack()
	r, err := evaluate(ctx, t.run, t.o.Model.Config.Classes, t.val, t.o.Views, func(done, total int) {
		t.progress.Step(Step{
			Epoch: e.Epoch, Epochs: t.o.Epochs, Step: done, Steps: total, Validating: true,
			Loss: e.TrainLoss, Accuracy: e.TrainAccuracy, ClipsPerSec: e.ClipsPerSec,
		})
	})
	if err != nil {
		return err
	}
	e.ValLoss, e.ValAccuracy = &r.Loss, &r.Top1
	return nil
}

// swapAverage puts the average in the place of the weights, swapBack undoes it. Without an average both do nothing.
func (t *trainer) swapAverage() {
	if t.avg != nil {
		copyFrom(t.spare, t.params)
		copyTo(t.params, t.avg.values)
		t.run.Refresh()
	}
}

func (t *trainer) swapBack() {
	if t.avg != nil {
		copyTo(t.params, t.spare)
		t.run.Refresh()
	}
}

// finish takes an epoch into the run's state and writes what there is to write: the line in the metrics, then the
// checkpoint, which says how long the metrics are, then the model. A run that ends between any two of these goes on from the
// checkpoint as if it had ended before or after all of them.
func (t *trainer) finish(e Epoch, steps int) error {
	t.at.Epoch, t.at.Step, t.at.LR = e.Epoch, steps, e.LR
	better := t.better(e)
	if better {
		t.at.Best, t.at.Stale = bestOf(e), 0
		if t.avg != nil {
			for i, v := range t.avg.values {
				copy(t.best[i], v)
			}
		} else {
			copyFrom(t.best, t.params)
		}
	} else {
		t.at.Stale++
		t.at.Stopped = t.o.Patience > 0 && t.at.Stale >= t.o.Patience
	}
	t.history = append(t.history, e)
	kept := e.Epoch - 1 // the epoch of the checkpoint on the disk
	err := t.log.append(e)
	if err == nil {
		if err = t.save(); err == nil {
			kept = e.Epoch
			if better {
				err = t.saveModel()
			}
		}
	}
	if err != nil {
		return &WriteError{Dir: t.o.Dir, Epoch: kept, Err: err}
	}
	return nil
}

func bestOf(e Epoch) *Best {
	b := &Best{Epoch: e.Epoch, Loss: e.TrainLoss, Accuracy: e.TrainAccuracy}
	if e.ValLoss != nil {
		b.Loss, b.Accuracy = *e.ValLoss, *e.ValAccuracy
	}
	return b
}

// better is the order that Best describes.
func (t *trainer) better(e Epoch) bool {
	best := t.at.Best
	if best == nil || e.ValLoss == nil {
		return true
	}
	if *e.ValAccuracy != best.Accuracy {
		return *e.ValAccuracy > best.Accuracy
	}
	return *e.ValLoss < best.Loss
}

// draw makes curves.png of the epochs so far.
func (t *trainer) draw() error {
	if t.o.Dir == "" || t.o.NoCurves || len(t.history) == 0 {
		return nil
	}
	points := make([]plots.Point, len(t.history))
	for i, e := range t.history {
		points[i] = plots.Point{Epoch: e.Epoch, TrainLoss: e.TrainLoss, TrainAccuracy: e.TrainAccuracy, ValLoss: e.ValLoss, ValAccuracy: e.ValAccuracy}
	}
	t.drawn = time.Now()
	return plots.Curves(filepath.Join(t.o.Dir, CurvesFile), points)
}
