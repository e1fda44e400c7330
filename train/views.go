package train

import "math"

// AddView adds to mean [C] the probabilities of one of n samplings of a clip, whose logits are z [C]. z becomes those probabilities.
func AddView(mean, z []float32, n int) {
	Softmax(z, z)
	for i, p := range z {
		mean[i] += p / float32(n)
	}
}

// ViewLogits makes logits of a mean of probabilities, whose softmax are the same; one that is 0 becomes the logarithm of the smallest float32, and not -Inf.
func ViewLogits(mean []float32) {
	for i, p := range mean {
		mean[i] = float32(math.Log(max(float64(p), math.SmallestNonzeroFloat32)))
	}
}
