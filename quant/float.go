package quant

import (
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// Float is the network of floats whose weights are what m's integers stand for: it differs from the one that was quantised by the rounding of
// weights alone, and from m by that of activations alone.
func (m *Model) Float() (*model.File, error) {
	net, err := rnn.Zero(m.Config.RNN())
	if err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	for i := range m.params {
		p := &m.params[i]
		v := make([]float64, len(p.data))
		for k, x := range p.data {
			if p.bias() {
				v[k] = float64(x) * float64(m.biasUnit())
			} else {
				v[k] = float64(x) * p.scale[k*len(p.scale)/len(p.data)]
			}
		}
		values[p.name] = v
	}
	if R := m.Rank; R > 0 {
		left, right := values["head.left"], values["head.right"]
		H := m.Config.Hidden
		w := make([]float64, len(m.Config.Classes)*H)
		for i := range w {
			for r := range R {
				w[i] += left[i/H*R+r] * right[r*H+i%H]
			}
		}
		values["head.weight"] = w
	}
	for _, p := range net.Params() {
		for i, v := range values[p.Name] {
			p.Data[i] = float32(v)
		}
	}
	return &model.File{Config: m.Config, Net: net}, nil
}
