package main

import (
	"context"
	"fmt"
	"math"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/quant"
	"github.com/fdht/fdht/rnn"
	"github.com/fdht/fdht/train"
)

// compareChoices prints accuracy with weights of 8 bits, with a scale for each factor as it was trained, for each slice of a factor along its
// last rank, and for each factor after the slices of neighbours were evened out, activations in floats; and with activations of 16 bits.
func compareChoices(ctx context.Context, o options) error {
	f, err := o.load()
	if err != nil {
		return err
	}
	p, err := openParts(ctx, f.Config, o)
	if err != nil {
		return err
	}
	training, err := p.training()
	if err != nil {
		return err
	}
	src, err := train.NewClips(p.ds, p.split.Test, f.Config.Classes, dataset.Sample{Steps: p.steps})
	if err != nil {
		return err
	}
	fmt.Println("| weights | activations | top-1 | loss |\n| --- | --- | --- | --- |")
	row := func(weights, activations string, r *train.Report, err error) error {
		if err == nil {
			fmt.Printf("| %s | %s | %.1f %% | %.4f |\n", weights, activations, 100*r.Top1, r.Loss)
		}
		return err
	}
	floats := func(weights string, f *model.File) error {
		r, err := train.Evaluate(ctx, f, src, train.EvalOptions{})
		return row(weights, "float", r, err)
	}
	if err := floats("float", f); err != nil {
		return err
	}
	rounded, err := bySlice(f)
	if err != nil {
		return err
	}
	if err := floats("int8, a scale a rank slice", rounded); err != nil {
		return err
	}
	for _, plain := range []bool{true, false} {
		name := map[bool]string{true: "int8, a scale a factor, as trained", false: "int8, a scale a factor, slices evened out"}[plain]
		q, err := quant.Quantise(f, training, quant.Options{Bits: 8, Memory: 64 << 10, Plain: plain})
		if err != nil {
			return err
		}
		back, err := q.Float()
		if err != nil {
			return err
		}
		if err := floats(name, back); err != nil {
			return err
		}
		r, err := train.EvaluateNetwork(ctx, q.NewRunner(2), q.Config, src, train.EvalOptions{})
		if err := row(name, "int16", r, err); err != nil {
			return err
		}
	}
	return nil
}

// bySlice rounds the factors of f to 8 bits, with a scale for each index of the last axis, and all else as quant does.
func bySlice(f *model.File) (*model.File, error) {
	net, err := rnn.Zero(f.Config.RNN())
	if err != nil {
		return nil, err
	}
	for i, p := range net.Params() {
		from := f.Net.Params()[i]
		n := 1
		switch {
		case p.Group == rnn.Weights:
			n = p.Shape[len(p.Shape)-1]
		case len(p.Shape) == 2: // the head has a scale a row; biases stay as they are
			n = p.Shape[0]
		}
		for s := range n {
			each, first, step := len(p.Data)/n, s, n
			if p.Group != rnn.Weights {
				first, step = s*each, 1
			}
			most := 0.0
			for k := range each {
				most = max(most, math.Abs(float64(from.Data[first+k*step])))
			}
			for k := range each {
				v := float64(from.Data[first+k*step])
				if len(p.Shape) > 1 && most > 0 {
					v = math.Round(v*127/most) * most / 127
				}
				p.Data[first+k*step] = float32(v)
			}
		}
	}
	return &model.File{Config: f.Config, Net: net}, nil
}
