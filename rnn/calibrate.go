package rnn

import "math"

// Calibrate fits a fresh network to its data: cell by cell it scales W so that the gate pre-activations W [x; 0] have
// deviation 1 about each unit's mean over all steps of seqs, and takes that mean off the bias. Without it frames that are mostly
// one colour start all gates alike and training is slow to find a beginning. A hidden half of its own stays as it is.
func (m *Model) Calibrate(seqs []Sequence) {
	r := m.NewRunner(1)
	w := r.workers[0]
	w.load(seqs)
	D, M := m.cfg.Directions(), m.cfg.Gates()*m.cfg.Hidden
	z := make([]float32, w.pack.rows()*M)
	for l := range m.cfg.Layers {
		for d := range D {
			e := &r.engines[l*D+d]
			clear(z)
			e.inputs.Apply(z, w.pack.rows(), w.input(l, d), e.inputs.NewScratch())
			e.fit(z)
		}
		w.forward(l)
	}
}

// fit scales W and shifts the bias by what z = W [x; 0] [R, M] shows.
func (e *engine) fit(z []float32) {
	mean := make([]float64, e.rows())
	R := float64(len(z) / len(mean))
	for i, v := range z {
		mean[i%len(mean)] += float64(v) / R
	}
	sum := 0.0
	for i, v := range z {
		d := float64(v) - mean[i%len(mean)]
		sum += d * d
	}
	dev := math.Sqrt(sum / float64(len(z)))
	if !(dev > 1e-12) {
		return
	}
	e.wx.Scale(1 / dev)
	for u := range mean {
		e.bias[u] -= float32(mean[u] / dev)
	}
	e.refresh()
}
