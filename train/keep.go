package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
)

// damagedFile is what a checkpoint that could not be read is renamed to.
const damagedFile = "checkpoint.damaged.safetensors"

func (t *trainer) resume() error {
	dir := t.o.Dir
	c, err := model.LoadCheckpoint(dir)
	if err != nil {
		return err
	}
	if err := sameConfig(c.Config, t.o.Model.Config); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if err := t.settings.differ(c.Settings); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	weights := like(t.params)
	for _, g := range t.groups(weights) {
		if err := c.Restore(t.params, g); err != nil {
			return err
		}
	}
	copyTo(t.params, weights)
	t.run.Refresh()
	t.at = c.Progress
	t.adam.step = c.Progress.Step
	if c.Damaged != nil {
		if err := t.setAside(c); err != nil {
			return err
		}
	}
	if t.log, t.history, err = openMetrics(dir, t.at.MetricsBytes); err != nil {
		return err
	}
	if t.log.size < t.at.MetricsBytes {
		t.progress.Note(fmt.Sprintf("%s lacks epochs that were run: the run goes on without them", filepath.Join(dir, MetricsFile)))
	}
	// The run may have ended between the checkpoint and the model file.
	if t.at.Best != nil {
		return t.saveModel()
	}
	return nil
}

// setAside renames a damaged checkpoint, so that the next one does not push out the good one before it.
func (t *trainer) setAside(c *model.Checkpoint) error {
	newest := filepath.Join(t.o.Dir, model.CheckpointFile)
	if _, err := os.Stat(newest); errors.Is(err, fs.ErrNotExist) {
		t.progress.Note(fmt.Sprintf("there is no %s: going on from %s, epoch %d", newest, c.Path, c.Progress.Epoch))
		return nil
	}
	aside := filepath.Join(t.o.Dir, damagedFile)
	if err := os.Rename(newest, aside); err != nil {
		return fmt.Errorf("cannot rename %s, which is damaged: %w", newest, err)
	}
	t.progress.Note(fmt.Sprintf("%v; going on from %s, epoch %d; the damaged file is now %s", c.Damaged, c.Path, c.Progress.Epoch, aside))
	return nil
}

// groups are the values in a checkpoint. weights stands in for the parameters.
func (t *trainer) groups(weights [][]float32) []model.Group {
	g := append([]model.Group{{Name: "weights", Values: weights}}, t.adam.groups()...)
	if t.avg != nil {
		g = append(g, model.Group{Name: "average", Values: t.avg.values})
	}
	return append(g, model.Group{Name: "best", Values: t.best})
}

// save writes the checkpoint of the epochs so far.
func (t *trainer) save() error {
	if t.o.Dir == "" {
		return nil
	}
	text, err := t.settings.text()
	if err != nil {
		return err
	}
	weights := make([][]float32, len(t.params))
	for i, p := range t.params {
		weights[i] = p.Data
	}
	t.at.MetricsBytes = t.log.bytes()
	c := &model.Checkpoint{Config: t.o.Model.Config, Progress: t.at, Settings: text}
	return model.SaveCheckpoint(t.o.Dir, c, t.params, t.groups(weights))
}

// saveModel writes the model file with the weights of the best epoch, and leaves the parameters as they are.
func (t *trainer) saveModel() error {
	if t.o.Dir == "" {
		return nil
	}
	weights := like(t.params)
	copyFrom(weights, t.params)
	copyTo(t.params, t.best)
	defer copyTo(t.params, weights)
	return t.o.Model.Save(filepath.Join(t.o.Dir, ModelFile))
}

// kept names the checkpoint for the text of an error.
func (t *trainer) kept() string {
	if t.o.Dir == "" {
		return ""
	}
	return filepath.Join(t.o.Dir, model.CheckpointFile)
}

func sameConfig(was, now model.Config) error {
	a, err := model.SettingsSum(was, nil)
	if err != nil {
		return err
	}
	b, err := model.SettingsSum(now, nil)
	if err != nil {
		return err
	}
	if a != b {
		return errors.New("the run's model has another configuration (structure, classes, frame or standardisation) than the one given now")
	}
	return nil
}

// cleanUp removes temporary files that an earlier process left in dir when it was killed.
func cleanUp(dir string) {
	for _, name := range []string{model.CheckpointFile, ModelFile, CurvesFile} {
		atomicfile.Clean(filepath.Join(dir, name))
	}
}
