package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/rnn"
)

// Source is a split of labelled clips, numbered 0..Len()-1.
type Source interface {
	Len() int
	Width() int      // numbers a row
	Label(i int) int // an index into the model's classes

	// Clip prepares clip i. prev is nil or a sequence that this source returned earlier and that is no longer used: its memory
	// may be taken. All that is random comes from d and i. Several goroutines may call it at once, each with its own prev.
	Clip(prev rnn.Sequence, i int, d Draw) (rnn.Sequence, error)
}

// Draw is what the randomness of a clip comes from.
type Draw struct {
	Train bool // random frames and augmentation; without it a clip is always the same
	Seed  uint64
	Epoch int // counted from 0

	View, Views int // without Train: which of several samplings of a clip, see EvalOptions
}

// Clips is the Source over some clips of a data set.
type Clips struct {
	data   dataset.Dataset
	index  []int // clip of data that is clip i here
	label  []int // by class of data: class of the model
	sample dataset.Sample
}

// NewClips takes the clips of data listed in index, nil for all. classes are the model's labels in its order; a clip whose
// class is not among them is an error. Of sample the seed, epoch and Train are set for each clip.
func NewClips(data dataset.Dataset, index []int, classes []string, sample dataset.Sample) (*Clips, error) {
	c := &Clips{data: data, index: index, sample: sample}
	if index == nil {
		c.index = make([]int, data.Len())
		for i := range c.index {
			c.index[i] = i
		}
	}
	for _, name := range data.Classes() {
		c.label = append(c.label, slices.Index(classes, name))
	}
	for _, i := range c.index {
		if c.label[data.Label(i)] < 0 {
			return nil, fmt.Errorf("clip %s of %s is of class %q, which the model does not know: its classes are %s", data.ID(i), data.Name(), data.Classes()[data.Label(i)], listed(classes))
		}
	}
	return c, nil
}

// listed names some labels.
func listed(labels []string) string {
	const most = 10
	if len(labels) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(labels[:most], ", "), len(labels)-most)
	}
	return strings.Join(labels, ", ")
}

// Len is the number of clips.
func (c *Clips) Len() int { return len(c.index) }

// Width is the number of numbers in a row.
func (c *Clips) Width() int { return c.data.Width() }

// Label is the model's class of clip i.
func (c *Clips) Label(i int) int { return c.label[c.data.Label(c.index[i])] }

// ID names clip i as the data set does.
func (c *Clips) ID(i int) string { return c.data.ID(c.index[i]) }

// Clip prepares clip i.
func (c *Clips) Clip(prev rnn.Sequence, i int, d Draw) (rnn.Sequence, error) {
	clip, ok := prev.(*dataset.Clip)
	if !ok {
		clip = new(dataset.Clip)
	}
	s := c.sample
	s.Train, s.Seed, s.Epoch, s.View, s.Views = d.Train, d.Seed, d.Epoch, d.View, d.Views
	if err := c.data.Clip(clip, c.index[i], s); err != nil {
		return nil, err
	}
	return clip, nil
}
