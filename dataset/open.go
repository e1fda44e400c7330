package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Open opens what is at path: a folder of time series (NAME_TRAIN.ts and NAME_TEST.ts), one .ts file, or a clip folder
// of video or of feature sequences. The report is there with the data set, and with an error about unreadable
// clips. A data set with a Close method should be closed when no clip of it is used any more.
func Open(ctx context.Context, path string, o Options) (Dataset, *Report, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, nil, openErr(path, err)
	}
	if !st.IsDir() {
		if strings.EqualFold(filepath.Ext(path), ".ts") {
			return openSeries(path)
		}
		return nil, nil, fmt.Errorf("%s: a data set is a folder or a .ts file: want %s", path, layoutHint)
	}
	series, err := seriesFiles(path)
	if err != nil {
		return nil, nil, err
	}
	if len(series) > 0 {
		return openSeries(series...)
	}
	s, err := scanFolder(path)
	if err != nil {
		return nil, nil, err
	}
	if s.features {
		return openFeatures(ctx, path, s, o)
	}
	f, rep, err := openVideo(ctx, path, s, o)
	if err != nil {
		return nil, rep, err
	}
	return f, rep, nil
}
