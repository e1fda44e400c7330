package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fdht/fdht/internal/atomicfile"
	"github.com/fdht/fdht/model"
)

// The files of an experiment's folder: for each job a folder named by its id with resultFile and, once it was measured, testFile in it,
// and the list of looks at the test clips.
const (
	resultFile = "result.json"
	testFile   = "test.json"
	looksFile  = "looks.json"
)

// maxFile bounds a result that is read, in bytes.
const maxFile = 64 << 20

// Store is an experiment's folder.
type Store struct{ Dir string }

// Of is the folder of a job.
func (s Store) Of(id string) string { return filepath.Join(s.Dir, id) }

// Result reads a finished job's result; ok is false where there is none.
func (s Store) Result(id string) (r Result, ok bool, err error) {
	ok, err = readJSON(filepath.Join(s.Of(id), resultFile), &r)
	return r, ok, err
}

// Begun reports whether a job was begun and is not finished.
func (s Store) Begun(id string) bool {
	for _, name := range []string{model.CheckpointFile, model.PreviousFile} {
		if _, err := os.Stat(filepath.Join(s.Of(id), name)); err == nil {
			return true
		}
	}
	return false
}

func (s Store) saveResult(id string, r Result) error {
	return writeJSON(filepath.Join(s.Of(id), resultFile), r)
}

// Score reads what a job's network came to on the test clips.
func (s Store) Score(id string) (t Score, ok bool, err error) {
	ok, err = readJSON(filepath.Join(s.Of(id), testFile), &t)
	return t, ok, err
}

func (s Store) saveScore(id string, t Score) error {
	return writeJSON(filepath.Join(s.Of(id), testFile), t)
}

// Look is one look at the test clips: which networks were measured.
type Look struct {
	ID   string    `json:"id"` // of all the jobs together
	Rows []LookRow `json:"rows"`
}

// LookRow is what a look saw of a row.
type LookRow struct {
	Row      string   `json:"row"`
	Settings string   `json:"settings"`
	Jobs     []string `json:"jobs"`
}

// Looks reads the list, the first look first.
func (s Store) Looks() (looks []Look, err error) {
	_, err = readJSON(filepath.Join(s.Dir, looksFile), &looks)
	return looks, err
}

// addLooks appends those that are not in the list.
func (s Store) addLooks(more ...Look) error {
	looks, err := s.Looks()
	if err != nil {
		return err
	}
	n := len(looks)
	for _, l := range more {
		if !slices.ContainsFunc(looks, func(old Look) bool { return old.ID == l.ID }) {
			looks = append(looks, l)
		}
	}
	if len(looks) == n {
		return nil
	}
	return writeJSON(filepath.Join(s.Dir, looksFile), looks)
}

// Merge takes over the finished jobs of another experiment's folder that this one lacks, whichever they are, and its looks. What another
// folder has begun and not finished stays there.
func (s Store) Merge(from string) (taken int, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", from, bare(err))
	}
	other := Store{from}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, ok, err := other.Result(e.Name())
		if err != nil {
			return taken, err
		}
		if !ok {
			continue
		}
		if _, mine, err := s.Result(e.Name()); err != nil {
			return taken, err
		} else if !mine {
			taken++
		}
		if err := s.take(other, e.Name(), r); err != nil {
			return taken, err
		}
	}
	looks, err := other.Looks()
	if err != nil {
		return taken, err
	}
	return taken, s.addLooks(looks...)
}

// take copies the files of a finished job, its result last.
func (s Store) take(from Store, id string, r Result) error {
	files, err := os.ReadDir(from.Of(id))
	if err != nil {
		return fmt.Errorf("%s: %w", from.Of(id), bare(err))
	}
	if err := os.MkdirAll(s.Of(id), 0o777); err != nil {
		return fmt.Errorf("cannot make %s: %w", s.Of(id), bare(err))
	}
	for _, f := range files {
		name := f.Name()
		to := filepath.Join(s.Of(id), name)
		if _, err := os.Stat(to); err == nil || name == resultFile || !f.Type().IsRegular() || name[0] == '.' {
			continue
		}
		if err := copyFile(to, filepath.Join(from.Of(id), name)); err != nil {
			return err
		}
	}
	if _, mine, err := s.Result(id); err != nil || mine {
		return err
	}
	return s.saveResult(id, r)
}

func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, bare(err))
	}
	defer f.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// readJSON reads a file if it is there.
func readJSON(path string, v any) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, bare(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w; remove it, and it is made again", path, bare(err))
	}
	return true, nil
}

func writeJSON(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("cannot make %s: %w", filepath.Dir(path), bare(err))
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	})
}

// bare takes operation and path off an error of package os: our texts name the file themselves.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
