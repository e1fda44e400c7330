package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/fdht/fdht/dataset"
)

// madeName is what --data is for the built-in motion clips: made, or made:train=320,val=64,seed=1.
const madeName = "made"

// madeOptions reads such a name.
func madeOptions(text string, in dataset.Input) (dataset.MadeOptions, error) {
	o := dataset.MadeOptions{Input: in, Seed: 1}
	rest, ok := strings.CutPrefix(text, madeName+":")
	if !ok {
		if text == madeName {
			return o, nil
		}
		return o, usage("", "--data %s: want made, or made:train=320,val=64,test=160,frames=12,shapes=3,noise=6,seed=1", text)
	}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return o, usage("", "--data %s: %q: want KEY=NUMBER, KEY one of train, val, test, frames, shapes, noise, seed", text, part)
		}
		v := int(n)
		switch key {
		case "train":
			o.Train = v
		case "val":
			o.Val = v
		case "test":
			o.Test = v
		case "frames":
			o.Frames = v
		case "shapes":
			o.Shapes = v
		case "noise":
			if o.Noise = v; v == 0 {
				o.Noise = -1
			}
		case "seed":
			o.Seed = n
		default:
			return o, usage("", "--data %s: no key %q: want one of train, val, test, frames, shapes, noise, seed", text, key)
		}
	}
	return o, nil
}

// madeText is the name that gives o again; its Input is not in it.
func madeText(o dataset.MadeOptions) string {
	return fmt.Sprintf("%s:train=%d,val=%d,test=%d,frames=%d,seed=%d", madeName, o.Train, o.Val, o.Test, o.Frames, o.Seed)
}

func openMade(ctx context.Context, u *ui, text string, in dataset.Input, workers int) (dataset.Dataset, error) {
	o, err := madeOptions(text, in)
	if err != nil {
		return nil, err
	}
	m, err := dataset.NewMade(o)
	if err != nil {
		return nil, &usageError{err: err}
	}
	b := u.bar("making clips")
	defer b.done()
	return m, m.Render(ctx, orAll(workers), b.count)
}
