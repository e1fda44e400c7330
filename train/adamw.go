package train

import (
	"fmt"
	"math"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// AdamW is Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019, algorithm 2, as PyTorch's AdamW). The
// moments are kept in float32, a step's arithmetic is float64. Parameters with one axis, the biases, do not decay.
type AdamW struct {
	beta1, beta2, eps, decay float64

	step int
	m, v [][]float32 // first and second moment, parallel to the parameters
}

// NewAdamW prepares moments for parameters of those shapes.
func NewAdamW(params []rnn.Param, beta1, beta2, eps, decay float64) *AdamW {
	return &AdamW{beta1: beta1, beta2: beta2, eps: eps, decay: decay, m: like(params), v: like(params)}
}

// like makes zero values with the sizes of params.
func like(params []rnn.Param) [][]float32 {
	out := make([][]float32, len(params))
	for i, p := range params {
		out[i] = make([]float32, len(p.Data))
	}
	return out
}

// Step moves the parameters against grads, which are parallel to them. It allocates nothing. With g a gradient after t steps:
//
//	m = b1 m + (1-b1) g    v = b2 v + (1-b2) g^2
//	w = (1 - lr decay) w - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
func (a *AdamW) Step(params []rnn.Param, grads [][]float32, lr float64) {
	if len(grads) != len(a.m) || len(params) != len(a.m) {
		panic(fmt.Sprintf("train: AdamW of %d parameters stepped with %d and %d gradients", len(a.m), len(params), len(grads)))
	}
	a.step++
	c1 := 1 - math.Pow(a.beta1, float64(a.step))
	c2 := 1 - math.Pow(a.beta2, float64(a.step))
	for k, p := range params {
		keep := 1.0
		if len(p.Shape) > 1 {
			keep -= lr * a.decay
		}
		w, g, m, v := p.Data, grads[k], a.m[k], a.v[k]
		g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
		for i := range w {
			x := float64(g[i])
			mi := a.beta1*float64(m[i]) + (1-a.beta1)*x
			vi := a.beta2*float64(v[i]) + (1-a.beta2)*x*x
			m[i], v[i] = float32(mi), float32(vi)
			w[i] = float32(keep*float64(w[i]) - lr*(mi/c1)/(math.Sqrt(vi/c2)+a.eps))
		}
	}
}

// groups names the moments for a checkpoint.
func (a *AdamW) groups() []model.Group {
	return []model.Group{{Name: "adam.m", Values: a.m}, {Name: "adam.v", Values: a.v}}
}

// Norm is the Euclidean norm of v, in float64.
func Norm(v []float32) float64 { return math.Sqrt(sumSquares(v)) }

func sumSquares(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return s
}

// ClipNorm returns the norm of all gradients together and, when it is above limit, scales them down to it. A limit of 0 scales
// nothing. Nothing is scaled when the norm is not finite.
func ClipNorm(grads [][]float32, limit float64) float64 {
	s := 0.0
	for _, g := range grads {
		s += sumSquares(g)
	}
	norm := math.Sqrt(s)
	if limit > 0 && norm > limit && !math.IsInf(norm, 0) {
		scale := float32(limit / norm)
		for _, g := range grads {
			for i := range g {
				g[i] *= scale
			}
		}
	}
	return norm
}

// average is an exponential moving average of the parameters. Early on it moves faster, so that the random start is
// soon forgotten: after t updates its decay is min(decay, (1+t)/(10+t)).
type average struct {
	decay  float64
	values [][]float32
}

func newAverage(params []rnn.Param, decay float64) *average {
	a := &average{decay: decay, values: like(params)}
	copyFrom(a.values, params)
	return a
}

// update takes in the parameters after step t, counted from 1. It allocates nothing.
func (a *average) update(params []rnn.Param, t int) {
	d := min(a.decay, float64(1+t)/float64(10+t))
	for k, p := range params {
		avg := a.values[k]
		for i, w := range p.Data {
			avg[i] = float32(float64(w) + d*(float64(avg[i])-float64(w)))
		}
	}
}

func copyFrom(dst [][]float32, params []rnn.Param) {
	for i, p := range params {
		copy(dst[i], p.Data)
	}
}

func copyTo(params []rnn.Param, src [][]float32) {
	for i, p := range params {
		copy(p.Data, src[i])
	}
}
