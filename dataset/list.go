package dataset

import "fmt"

// File is a clip of a folder that was listed and not read.
type File struct {
	ID    string // slash path relative to the root
	Path  string
	Label string
}

// ListVideo lists the clips of a folder of video, in the order that Open has them.
func ListVideo(root string) ([]File, error) {
	s, err := scanFolder(root)
	if err != nil {
		return nil, err
	}
	if s.features {
		return nil, fmt.Errorf("%s: feature sequences, and video is wanted", root)
	}
	out := make([]File, len(s.clips))
	for i, c := range s.clips {
		out[i] = File{c.id, c.path, s.classes[c.label]}
	}
	return out, nil
}
