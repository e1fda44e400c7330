package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fdht/fdht/video"
)

// found is a clip that a scan came across; nothing of it has been read.
type found struct {
	id       string // slash path relative to the root
	path     string
	label    int
	group    string
	features bool // .npy or .npz
}

// scan is what a clip folder holds.
type scan struct {
	classes  []string
	clips    []found
	ignored  []string // files that are no clips, by id
	features bool
}

// maxDepth bounds how deep folders are followed, so that a link in a circle ends.
const maxDepth = 12

// scanFolder lists ROOT/<label>/**/<clip>, in the order of the labels and then of the ids.
func scanFolder(root string) (*scan, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, openErr(root, err)
	}
	s := &scan{}
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		if isDir(filepath.Join(root, e.Name()), e) {
			s.classes = append(s.classes, e.Name())
		} else {
			s.ignored = append(s.ignored, e.Name())
		}
	}
	slices.Sort(s.classes)
	rules := groupRules()
	empty := []string{}
	for label, class := range s.classes {
		before := len(s.clips)
		if err := s.walk(filepath.Join(root, class), class, label, 1); err != nil {
			return nil, err
		}
		if len(s.clips) == before {
			empty = append(empty, class)
		}
	}
	if len(s.clips) == 0 {
		s.flat(root)
		empty = empty[:0]
	}
	for i := range s.clips {
		s.clips[i].group = groupOf(s.clips[i].id, rules)
	}
	if len(s.clips) == 0 {
		return nil, fmt.Errorf("%s: no clips: want %s", root, layoutHint)
	}
	if len(empty) > 0 { // folders of lists or annotations beside the classes
		s.dropClasses(empty)
	}
	if len(s.classes) == 1 {
		return nil, fmt.Errorf("%s: only one class (%s), nothing to tell apart: want %s", root, s.classes[0], layoutHint)
	}
	s.features = s.clips[0].features
	for _, c := range s.clips {
		if c.features != s.features {
			return nil, fmt.Errorf("%s: both video (%s) and feature sequences (%s): keep them in folders of their own", root, pickID(s.clips, false), pickID(s.clips, true))
		}
	}
	return s, nil
}

// flat takes a set that comes in one folder with the labels in the names: YouTube Celebrities Face's
// 0034_01_006_al_pacino.avi. It is used where there are no clips in label folders.
func (s *scan) flat(root string) {
	form := regexp.MustCompile(`^\d{4}_\d{2}_\d{3}_(\D+)\.\w+$`)
	labels := map[string]string{} // of each file
	classes := map[string]bool{}
	for _, name := range s.ignored {
		_, isVideo := video.KindOfName(name)
		if m := form.FindStringSubmatch(name); m != nil && isVideo {
			labels[name] = m[1]
			classes[m[1]] = true
		}
	}
	if len(labels) == 0 {
		return
	}
	s.ignored = slices.DeleteFunc(s.ignored, func(name string) bool { return labels[name] != "" })
	for _, folder := range s.classes {
		s.ignored = append(s.ignored, folder+"/")
	}
	s.classes = slices.Sorted(maps.Keys(classes))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		label, _ := slices.BinarySearch(s.classes, labels[name])
		s.add(filepath.Join(root, name), name, label, false)
	}
}

const layoutHint = "ROOT/<label>/<clip>, where a clip is a video file, a folder of images, a .gif, a .y4m, or a .npy or .npz of [T, F]"

func pickID(clips []found, features bool) string {
	i := slices.IndexFunc(clips, func(c found) bool { return c.features == features })
	return clips[i].id
}

// dropClasses takes folders without clips out of the classes; they stay among what was ignored.
func (s *scan) dropClasses(empty []string) {
	number := make([]int, len(s.classes))
	var kept []string
	for i, c := range s.classes {
		if slices.Contains(empty, c) {
			s.ignored = append(s.ignored, c+"/")
			continue
		}
		number[i] = len(kept)
		kept = append(kept, c)
	}
	for i := range s.clips {
		s.clips[i].label = number[s.clips[i].label]
	}
	s.classes = kept
}

// walk goes through one folder below a label. A folder with pictures in it is a clip, unless it is the label's own.
func (s *scan) walk(dir, id string, label, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: folders more than %d deep; is there a link in a circle", dir, maxDepth)
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return openErr(dir, err)
	}
	pictures := slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() && !hidden(e.Name()) && video.IsImageName(e.Name())
	})
	if pictures && depth == 1 {
		return fmt.Errorf("%s: pictures directly in the folder of a label: put those of each clip into a folder of their own, %s/<clip>/0001.png", dir, id)
	}
	if pictures {
		s.add(dir, id, label, false)
	}
	for _, e := range entries {
		name := e.Name()
		p, cid := filepath.Join(dir, name), path.Join(id, name)
		switch {
		case hidden(name):
		case isDir(p, e):
			if err := s.walk(p, cid, label, depth+1); err != nil {
				return err
			}
		case pictures: // whatever lies beside the pictures of a clip
			if !video.IsImageName(name) {
				s.ignored = append(s.ignored, cid)
			}
		case isFeatureName(name):
			s.add(p, cid, label, true)
		default:
			if _, ok := video.KindOfName(name); ok {
				s.add(p, cid, label, false)
			} else {
				s.ignored = append(s.ignored, cid)
			}
		}
	}
	return nil
}

func (s *scan) add(p, id string, label int, features bool) {
	s.clips = append(s.clips, found{id: id, path: p, label: label, features: features})
}

func isFeatureName(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".npy" || ext == ".npz"
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

// isDir follows links: large sets are often linked into place.
func isDir(p string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

// errNoFile is fs.ErrNotExist in other words.
type errNoFile struct{}

func (errNoFile) Error() string        { return "no such file or folder" }
func (errNoFile) Is(target error) bool { return target == fs.ErrNotExist }

// openErr is a file error that begins with the path and has no system call in it.
func openErr(p string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", p, errNoFile{})
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", p, err)
}
