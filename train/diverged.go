package train

import (
	"fmt"
	"math"
	"strings"

	"github.com/fdht/fdht/rnn"
)

// explodes is the mean loss of a batch above which a run has diverged, though it is a number: the network is sure of wrong labels to one in e^1000. Chance is the logarithm
// of the number of classes.
const explodes = 1000

// DivergedError is a loss or a gradient that is not a finite number, or a loss that has grown beyond all reason. The step was not taken.
type DivergedError struct {
	Epoch int // counted from 1
	Step  int // counted from 1, over the whole run
	Loss  float64
	LR    float64
	Grads []GradNorm
	Kept  string // the checkpoint with the last good weights; empty when the run writes none
}

// GradNorm is the norm of one parameter's gradient.
type GradNorm struct {
	Name string
	Norm float64
}

func newDiverged(epoch, step int, loss, lr float64, params []rnn.Param, grads [][]float32, kept string) *DivergedError {
	e := &DivergedError{Epoch: epoch, Step: step, Loss: loss, LR: lr, Kept: kept}
	for i, p := range params {
		e.Grads = append(e.Grads, GradNorm{p.Name, Norm(grads[i])})
	}
	return e
}

// Error names the step, the loss and each factor's gradient.
func (e *DivergedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "training diverged at step %d (epoch %d) with learning rate %.3g: loss %.4g, gradient norms", e.Step, e.Epoch, e.LR, e.Loss)
	for i, g := range e.Grads {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s %.3g", g.Name, g.Norm)
	}
	if e.Kept != "" {
		fmt.Fprintf(&b, "; the weights of the last finished epoch are in %s", e.Kept)
	}
	return b.String()
}

// Hint says what to try.
func (e *DivergedError) Hint() string {
	return "start again with a lower --lr, a longer --warmup or a smaller --clip; if the first step fails already, check the data with fdht data check and its standardisation"
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
