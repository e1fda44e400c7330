package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MetricsFile is the file in a run's folder with one line of JSON an epoch, an Epoch.
const MetricsFile = "metrics.jsonl"

// Epoch is what one epoch came to.
type Epoch struct {
	Epoch         int      `json:"epoch"` // counted from 1
	LR            float64  `json:"lr"`    // of its last step
	TrainLoss     float64  `json:"train_loss"`
	TrainAccuracy float64  `json:"train_acc"` // as training went along, with dropout and augmentation
	ValLoss       *float64 `json:"val_loss"`  // null without a validation split
	ValAccuracy   *float64 `json:"val_acc"`
	Seconds       float64  `json:"seconds"`     // of the epoch with its validation
	ClipsPerSec   float64  `json:"clips_per_s"` // of the training part
	GradNorm      float64  `json:"grad_norm"`   // mean over the steps, before clipping
}

// metricsLog is the open metrics file. The nil log writes nothing.
type metricsLog struct {
	f    *os.File
	size int64
}

// openMetrics opens dir's file and cuts it off at size, which a checkpoint names; what is beyond belongs to an epoch that will be
// run again. It returns the epochs before. A file that is shorter than that is taken as it is.
func openMetrics(dir string, size int64) (*metricsLog, []Epoch, error) {
	path := filepath.Join(dir, MetricsFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open %s: %w", path, bare(err))
	}
	log, history, err := prepareMetrics(f, size)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("cannot open %s: %w", path, bare(err))
	}
	return log, history, nil
}

func prepareMetrics(f *os.File, size int64) (*metricsLog, []Epoch, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	log := &metricsLog{f, min(size, st.Size())}
	if err := f.Truncate(log.size); err != nil {
		return nil, nil, err
	}
	var history []Epoch
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e Epoch
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			history = append(history, e)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, nil, err
	}
	_, err = f.Seek(log.size, io.SeekStart)
	return log, history, err
}

// append adds an epoch's line and flushes it to the disk. When that fails nothing of the line is left.
func (l *metricsLog) append(e Epoch) error {
	if l == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", l.f.Name(), err)
	}
	n, err := l.f.Write(append(line, '\n'))
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		l.f.Truncate(l.size)
		l.f.Seek(l.size, io.SeekStart)
		return fmt.Errorf("cannot write %s: %w", l.f.Name(), bare(err))
	}
	l.size += int64(n)
	return nil
}

func (l *metricsLog) bytes() int64 {
	if l == nil {
		return 0
	}
	return l.size
}

func (l *metricsLog) close() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}

// bare takes operation and path off an error of package os: our texts name the file themselves.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
