package model

import (
	"slices"
	"strings"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/rnn"
)

// conventions is what a model file says about its own indices, in its metadata fdht.conventions: a sentence for each thing
// that the configuration has.
func (c Config) conventions() string {
	var b strings.Builder
	b.WriteString("Row-major everywhere. y = W v + b with W of M rows and N columns. ")
	b.WriteString(cellText(c.Cell))
	b.WriteString(scopeText(c.scopes()))
	b.WriteString("Row i is (i_1..i_d) over out = m_1..m_d and column j is (j_1..j_d) over in = n_1..n_d, the first mode slowest. ")
	kinds := c.kinds()
	for _, k := range factor.Kinds {
		if slices.Contains(kinds, k) {
			b.WriteString(kindText(k))
		}
	}
	p := "p the top layer's h at the last step (pooling last) or its mean over the steps (pooling mean)."
	if c.Bidirectional {
		b.WriteString("cell.l.reverse is a second cell that reads the steps from the last to the first; a layer's output at a step is [h ; h of reverse]. ")
		p = "p = [h ; h of reverse] of the top layer, each at its own last step, for reverse the sequence's first (pooling last), or the mean over the steps (pooling mean)."
	}
	b.WriteString("A frame is height x width x channels, values scaled to 0..1, then standardised as (x - mean) / std. ")
	b.WriteString("logits = head.weight p + head.bias, " + p)
	return b.String()
}

// scopes and kinds are those of all structures in c.
func (c Config) scopes() (out []factor.Scope) {
	for l := range c.Layers {
		out = append(out, c.RNN().Spec(l).Scope)
	}
	return out
}

// kinds names ht where there is dense, because files of dense cells have always had its sentence.
func (c Config) kinds() (out []factor.Kind) {
	specs := []*factor.Spec{&c.Structure, c.Upper, c.Recurrent}
	for _, s := range specs {
		switch {
		case s == nil:
		case s.Kind == factor.Dense:
			out = append(out, factor.HT)
		default:
			out = append(out, s.Kind)
		}
	}
	return out
}

func cellText(cell string) string {
	switch cell {
	case rnn.GRU:
		return "M = 3 hidden for a gru, gate blocks in the order r, z, n; the hidden half has a bias of its own, recurrent_bias: " +
			"with a = W_x x_t + bias and u = W_h h_(t-1) + recurrent_bias, r = sigmoid(a_r + u_r), z = sigmoid(a_z + u_z), " +
			"n = tanh(a_n + r u_n), h_t = (1 - z) n + z h_(t-1). "
	case rnn.RNN:
		return "M = hidden for an rnn, h_t = tanh(y). "
	}
	return "M = 4 hidden for an lstm, gate blocks in the order i, f, g, o. "
}

func scopeText(scopes []factor.Scope) string {
	var b strings.Builder
	if slices.Contains(scopes, factor.Full) {
		b.WriteString("v = [x_t ; h_(t-1) ; 0 ...], input then hidden state then zeros up to N = prod(in). ")
	}
	for _, s := range []struct {
		scope factor.Scope
		half  string
	}{
		{factor.Partial, "W_h is recurrent.weight, M x hidden"},
		{factor.Split, "W_h is the matrix of the tensors recurrent.*, its surplus columns unused"},
	} {
		if slices.Contains(scopes, s.scope) {
			b.WriteString("Scope " + string(s.scope) + ": W v = W_x [x_t ; 0 ...] + W_h h_(t-1), where W_x has the structure, N = prod(in), and " + s.half + ". ")
		}
	}
	return b.String()
}

func kindText(k factor.Kind) string {
	switch k {
	case factor.TT:
		return "tt: core.k is G_k[a_(k-1), i_k, j_k, a_k], a_0 and a_d of size 1. W[i,j] = the product of the matrices G_k[:, i_k, j_k, :], k rising. "
	case factor.TR:
		return "tr: core.k is G_k[a_(k-1), i_k, j_k, a_k]. W[i,j] = the trace of the product of the matrices G_k[:, i_k, j_k, :], k rising. "
	case factor.BT:
		return "bt: block.p.core is C_p[a_1..a_d], block.p.factor.k is U_pk[i_k, j_k, a_k]. W[i,j] = sum over p and all a of C_p[a_1..a_d] prod_k U_pk[i_k,j_k,a_k]. "
	}
	return "leaf.k is U_k[i_k, j_k, a_k]; transfer.lo-hi is B_t[a_left, a_right, a_t] over the modes lo to hi-1 counted from 0; the root's a_t has size 1. " +
		"W[i,j] = sum over all a of prod_k U_k[i_k,j_k,a_k] prod_t B_t[a_left,a_right,a_t]. "
}
