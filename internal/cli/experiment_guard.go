package cli

import (
	"fmt"

	"github.com/fdht/fdht/dataset"
)

// only is a data set that gives some of its clips and refuses the others: a job cannot see what it is not meant to see, whatever goes wrong.
func only(o *openedData, clips ...[]int) dataset.Dataset {
	g := guarded{Dataset: o.data, may: make([]bool, o.data.Len())}
	for _, list := range clips {
		for _, i := range list {
			g.may[i] = true
		}
	}
	if isVideo(o.data) {
		return guardedVideo{g, o.in}
	}
	return g
}

// guarded is a data set of which some clips are not given.
type guarded struct {
	dataset.Dataset
	may []bool
}

// Clip gives clip i if it may.
func (g guarded) Clip(dst *dataset.Clip, i int, s dataset.Sample) error {
	if !g.may[i] {
		return fmt.Errorf("clip %s was asked for by a run that it is not for", g.ID(i))
	}
	return g.Dataset.Clip(dst, i, s)
}

// guardedVideo is guarded whose rows are frames.
type guardedVideo struct {
	guarded
	in dataset.Input
}

// Input is what the rows are.
func (g guardedVideo) Input() dataset.Input { return g.in }
