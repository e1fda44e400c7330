package model

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model/safetensors"
	"github.com/fdht/fdht/rnn"
)

// The files of a run's checkpoints, in the run's folder.
const (
	CheckpointFile = "checkpoint.safetensors"
	PreviousFile   = "checkpoint.previous.safetensors"
)

// checkpointFormat is the version of the checkpoint file, its metadata fdht.checkpoint.
const checkpointFormat = "1"

// The keys of a checkpoint's metadata, beside fdht.config.
const (
	keyCheckpoint = "fdht.checkpoint"
	keyProgress   = "fdht.progress"
	keySettings   = "fdht.settings"
	keySum        = "fdht.sha256"
)

// noSum stands in the place of the checksum while it is computed.
const noSum = "0000000000000000000000000000000000000000000000000000000000000000"

// Progress is how far a training run has come, at the end of an epoch. Numbers are kept to the last bit.
type Progress struct {
	Epoch        int     `json:"epoch"` // finished epochs
	Step         int     `json:"step"`  // optimiser steps taken, what the schedule and every random draw depend on
	Seed         uint64  `json:"seed"`
	LR           float64 `json:"lr"`            // of the last step
	Best         *Best   `json:"best"`          // null before the first epoch
	Stale        int     `json:"stale"`         // epochs since the best one, for early stopping
	Stopped      bool    `json:"stopped"`       // early stopping has ended the run
	MetricsBytes int64   `json:"metrics_bytes"` // length of metrics.jsonl after this epoch
	SettingsSum  string  `json:"settings_sha256"`
}

// Best is the best epoch so far, by its numbers on the validation split, or the last epoch where there is no such split.
type Best struct {
	Epoch    int     `json:"epoch"` // counted from 1
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// Checkpoint is all that a training run needs to go on as if it had never stopped.
type Checkpoint struct {
	Config   Config
	Progress Progress
	Settings json.RawMessage // the training's own settings, one JSON object

	// Path is the file it was read from. Damaged is set when the newest file could not be used and Path is the one before it.
	Path    string
	Damaged error

	file *safetensors.File
}

// Group is one set of values with the shapes of the network's parameters: the weights, a moment of the optimiser, ...
// Values is parallel to the parameters.
type Group struct {
	Name   string // without a dot at its end; tensors are called Name.parameter
	Values [][]float32
}

// SettingsSum is the checksum of a model configuration and training settings, in hexadecimal.
func SettingsSum(cfg Config, settings json.RawMessage) (string, error) {
	text, err := cfg.text()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text + "\n" + string(settings)))
	return hex.EncodeToString(sum[:]), nil
}

// SaveCheckpoint writes c with the groups, whose values have the shapes of params, to CheckpointFile in dir. The file that had
// that name becomes PreviousFile. At every moment one of the two is whole: the new file is complete on the disk before
// any name changes, and an error before that leaves both as they were.
func SaveCheckpoint(dir string, c *Checkpoint, params []rnn.Param, groups []Group) error {
	header, tensors, err := checkpointHeader(c, params, groups)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", filepath.Join(dir, CheckpointFile), err)
	}
	at := bytes.Index(header, sumKey()) + len(sumKey())
	write := func(f *os.File) error {
		sum := sha256.New()
		b := bufio.NewWriterSize(f, 1<<16)
		w := io.MultiWriter(b, sum)
		if _, err := w.Write(header); err != nil {
			return err
		}
		if err := safetensors.WriteData(w, tensors); err != nil {
			return err
		}
		if err := b.Flush(); err != nil {
			return err
		}
		_, err := f.WriteAt([]byte(hex.EncodeToString(sum.Sum(nil))), int64(at))
		return err
	}
	newest, previous := filepath.Join(dir, CheckpointFile), filepath.Join(dir, PreviousFile)
	return atomicfile.Stage(newest, write, func(temp string) error {
		if err := os.Rename(newest, previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Rename(temp, newest)
	})
}

// sumKey is what stands before the checksum in a header. It cannot occur inside a JSON string, where quotes are escaped.
func sumKey() []byte { return []byte(`"` + keySum + `":"`) }

func checkpointHeader(c *Checkpoint, params []rnn.Param, groups []Group) ([]byte, []safetensors.Tensor, error) {
	text, err := c.Config.text()
	if err != nil {
		return nil, nil, err
	}
	progress := c.Progress
	if progress.SettingsSum, err = SettingsSum(c.Config, c.Settings); err != nil {
		return nil, nil, err
	}
	p, err := json.Marshal(progress)
	if err != nil {
		return nil, nil, err
	}
	var tensors []safetensors.Tensor
	for _, g := range groups {
		if len(g.Values) != len(params) {
			panic(fmt.Sprintf("model: group %s has %d values for %d parameters", g.Name, len(g.Values), len(params)))
		}
		for i, p := range params {
			tensors = append(tensors, safetensors.Tensor{Name: g.Name + "." + p.Name, DType: safetensors.F32, Shape: p.Shape, Float32: g.Values[i]})
		}
	}
	header, err := safetensors.Header(map[string]string{
		keyCheckpoint: checkpointFormat, keyConfig: text, keyProgress: string(p), keySettings: string(c.Settings), keySum: noSum,
	}, tensors)
	return header, tensors, err
}

// LoadCheckpoint reads the newest whole checkpoint of dir. When the newest file is damaged or missing, the previous one
// is read and Damaged says what is wrong with the newest; when neither can be used the error names both. With no file
// at all the error is fs.ErrNotExist. Nothing in dir is changed.
func LoadCheckpoint(dir string) (*Checkpoint, error) {
	newest, previous := filepath.Join(dir, CheckpointFile), filepath.Join(dir, PreviousFile)
	c, err := readCheckpoint(newest)
	if err == nil {
		return c, nil
	}
	p, prevErr := readCheckpoint(previous)
	switch {
	case prevErr == nil:
		p.Damaged = err
		return p, nil
	case errors.Is(err, fs.ErrNotExist) && errors.Is(prevErr, fs.ErrNotExist):
		return nil, fmt.Errorf("%s holds no checkpoint: there is neither %s nor %s: %w", dir, CheckpointFile, PreviousFile, fs.ErrNotExist)
	case errors.Is(prevErr, fs.ErrNotExist):
		return nil, fmt.Errorf("%w, and there is no %s to go back to", err, PreviousFile)
	}
	return nil, fmt.Errorf("%w; %w", err, prevErr)
}

func readCheckpoint(path string) (*Checkpoint, error) {
	buf, err := safetensors.ReadBytes(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.Path = path
	return c, nil
}

func decodeCheckpoint(buf []byte) (*Checkpoint, error) {
	st, err := safetensors.Decode(buf)
	if err != nil {
		return nil, err
	}
	if v, ok := st.Metadata[keyCheckpoint]; !ok {
		return nil, fmt.Errorf("not a checkpoint: its metadata has no %s", keyCheckpoint)
	} else if v != checkpointFormat {
		return nil, fmt.Errorf("checkpoint of format %q: this program reads format %q", v, checkpointFormat)
	}
	if err := checkSum(buf, st.Metadata[keySum]); err != nil {
		return nil, err
	}
	c := &Checkpoint{Settings: json.RawMessage(st.Metadata[keySettings]), file: st}
	if c.Config, err = ParseConfig([]byte(st.Metadata[keyConfig])); err != nil {
		return nil, fmt.Errorf("%s: %w", keyConfig, err)
	}
	dec := json.NewDecoder(strings.NewReader(st.Metadata[keyProgress]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c.Progress); err != nil {
		return nil, fmt.Errorf("%s: %w", keyProgress, err)
	}
	sum, err := SettingsSum(c.Config, c.Settings)
	if err != nil {
		return nil, err
	}
	if sum != c.Progress.SettingsSum {
		return nil, fmt.Errorf("%s does not belong to its %s and %s", keyProgress, keyConfig, keySettings)
	}
	return c, nil
}

// checkSum holds the SHA-256 of the file, its own checksum replaced by zeros, against the checksum.
func checkSum(buf []byte, want string) error {
	at := bytes.Index(buf, sumKey())
	if len(want) != len(noSum) || at < 0 {
		return errors.New("checkpoint is damaged: it has no checksum")
	}
	at += len(sumKey())
	h := sha256.New()
	h.Write(buf[:at])
	h.Write([]byte(noSum))
	h.Write(buf[min(at+len(noSum), len(buf)):])
	if hex.EncodeToString(h.Sum(nil)) != want {
		return errors.New("checkpoint is damaged: its checksum does not fit its bytes")
	}
	return nil
}

// Has reports whether the checkpoint holds tensors of the group.
func (c *Checkpoint) Has(group string) bool {
	for _, t := range c.file.Tensors {
		if strings.HasPrefix(t.Name, group+".") {
			return true
		}
	}
	return false
}

// Restore copies the group's values from the checkpoint into g.Values, which has the shapes of params.
func (c *Checkpoint) Restore(params []rnn.Param, g Group) error {
	into := make([]rnn.Param, len(params))
	for i, p := range params {
		into[i] = rnn.Param{Name: p.Name, Shape: p.Shape, Data: g.Values[i]}
	}
	if err := fill(c.file, g.Name+".", into); err != nil {
		return fmt.Errorf("%s: checkpoint and config disagree: %w", c.Path, err)
	}
	return nil
}
