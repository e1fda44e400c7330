package train

import "math"

// CrossEntropy is the cross-entropy of one clip's logits [C] against its label with label smoothing, the target being
// q = (1-smoothing) onehot(label) + smoothing/C:
//
//	loss = logsumexp(z) - sum_k q_k z_k        dlogits = scale (softmax(z) - q)
//
// It computes in float64 and does not overflow. scale multiplies the gradient only: 1/B makes the sum over a batch its
// mean. dlogits may be nil, and may not be the logits.
func CrossEntropy(dlogits, logits []float32, label int, smoothing, scale float64) float64 {
	lse, mean := logSumExp(logits), 0.0
	share := smoothing / float64(len(logits))
	for _, z := range logits {
		mean += share * float64(z)
	}
	for k := range dlogits {
		q := share
		if k == label {
			q += 1 - smoothing
		}
		dlogits[k] = float32(scale * (math.Exp(float64(logits[k])-lse) - q))
	}
	return lse - (1-smoothing)*float64(logits[label]) - mean
}

// logSumExp is log(sum exp z): NaN or +Inf when a logit is.
func logSumExp(z []float32) float64 {
	top := math.Inf(-1)
	for _, x := range z {
		if x != x {
			return math.NaN()
		}
		top = max(top, float64(x))
	}
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for _, x := range z {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum)
}

// Softmax writes the probabilities of logits to dst. dst may be logits.
func Softmax(dst, logits []float32) {
	lse := logSumExp(logits)
	for i, z := range logits {
		dst[i] = float32(math.Exp(float64(z) - lse))
	}
}

// rank is the place of label among the logits, 0 being the largest. Of equal logits the lower class comes first; NaN
// comes before everything, so that a broken network is never right.
func rank(logits []float32, label int) int {
	r, z := 0, logits[label]
	for k, x := range logits {
		if k != label && (!(x <= z) || x == z && k < label) {
			r++
		}
	}
	return r
}

// top is the class with the largest logit, the lowest of equal ones.
func top(logits []float32) int {
	best := 0
	for k, x := range logits {
		if x > logits[best] {
			best = k
		}
	}
	return best
}
