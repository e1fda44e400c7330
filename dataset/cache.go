package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/internal/watch"
	"github.com/fdht/fdht/video"
)

// The frame cache: one file a clip and frame size, named after a hash of everything the frames depend on. Files may be
// deleted at any time; what is missing, cut or damaged is made again. Layout, little endian:
//
//	 0  magic "FDHTFRMS"
//	 8  format version, height, width, channels, frames, length of the warning: uint32 each
//	32  key: first 28 bytes of the hash in the name, so that a file that was renamed is not believed
//	60  CRC-32 (IEEE) of bytes 0..59
//	64  frames, [T][H][W][C] bytes
//	    the decoder's warning, UTF-8
const (
	cacheMagic   = "FDHTFRMS"
	cacheVersion = 1
	cacheHeader  = 64
	cacheMaxWarn = 512
	cacheSuffix  = ".frames"
)

type cacheKey [sha256.Size]byte

// cacheInfo is what the header of a cache file says.
type cacheInfo struct {
	h, w, c, t, warn int
	key              [28]byte
}

func (ci cacheInfo) encode() []byte {
	b := make([]byte, 0, cacheHeader)
	b = append(b, cacheMagic...)
	for _, v := range []int{cacheVersion, ci.h, ci.w, ci.c, ci.t, ci.warn} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = append(b, ci.key[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// parseCache reads a header and holds it against the size of the file.
func parseCache(b []byte, size int64) (cacheInfo, error) {
	var ci cacheInfo
	if len(b) < cacheHeader || string(b[:8]) != cacheMagic {
		return ci, errors.New("not a frame cache file")
	}
	b = b[:cacheHeader]
	if binary.LittleEndian.Uint32(b[60:]) != crc32.ChecksumIEEE(b[:60]) {
		return ci, errors.New("header checksum differs")
	}
	var v [6]int
	for i := range v {
		v[i] = int(binary.LittleEndian.Uint32(b[8+4*i:]))
	}
	if v[0] != cacheVersion {
		return ci, fmt.Errorf("format version %d, want %d", v[0], cacheVersion)
	}
	ci = cacheInfo{h: v[1], w: v[2], c: v[3], t: v[4], warn: v[5]}
	copy(ci.key[:], b[32:60])
	if ci.h < 1 || ci.w < 1 || ci.t < 1 || (ci.c != 1 && ci.c != 3) || ci.warn < 0 || ci.warn > cacheMaxWarn ||
		ci.h > video.MaxPixels || ci.w > video.MaxPixels || int64(ci.h)*int64(ci.w) > video.MaxPixels {
		return ci, fmt.Errorf("impossible sizes %v", v[1:])
	}
	frame := int64(ci.h) * int64(ci.w) * int64(ci.c) // < 2^27; times 2^32 still fits
	if want := cacheHeader + frame*int64(ci.t) + int64(ci.warn); want != size {
		return ci, fmt.Errorf("file of %d bytes, its header wants %d", size, want)
	}
	return ci, nil
}

// cache is a directory of cache files.
type cache struct{ dir string }

// DefaultCacheDir is where decoded frames are kept when nothing else is said: fdht in the user's cache directory.
func DefaultCacheDir() (string, error) {
	d, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the frame cache (%w): name one with --cache", err)
	}
	return filepath.Join(d, "fdht"), nil
}

func (c cache) path(k cacheKey) string {
	name := hex.EncodeToString(k[:])
	return filepath.Join(c.dir, "frames", name[:2], name+cacheSuffix)
}

// keyOf hashes what the frames of a clip depend on: which file (its place, size and time; for a folder of images
// those of each picture) and how it is decoded.
func keyOf(path string, in Input) (cacheKey, error) {
	var k cacheKey
	abs, err := filepath.Abs(path)
	if err != nil {
		return k, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return k, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d\n%s\n", cacheVersion, in.Height, in.Width, in.SourceChannels(), abs)
	if !st.IsDir() {
		fmt.Fprintf(h, "%d %d\n", st.Size(), st.ModTime().UnixNano())
		return cacheKey(h.Sum(nil)), nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return k, err
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			return k, err
		}
		fmt.Fprintf(h, "%q %d %d\n", e.Name(), fi.Size(), fi.ModTime().UnixNano())
	}
	return cacheKey(h.Sum(nil)), nil
}

// look reads the header of the cache file of k. Any error means that it has to be made (again).
func (c cache) look(k cacheKey, in Input) (cacheInfo, string, error) {
	f, err := os.Open(c.path(k))
	if err != nil {
		return cacheInfo{}, "", err
	}
	defer f.Close()
	return readCacheHeader(f, k, in)
}

func readCacheHeader(f *os.File, k cacheKey, in Input) (cacheInfo, string, error) {
	st, err := f.Stat()
	if err != nil {
		return cacheInfo{}, "", err
	}
	var b [cacheHeader]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return cacheInfo{}, "", err
	}
	ci, err := parseCache(b[:], st.Size())
	if err != nil {
		return ci, "", err
	}
	if string(ci.key[:]) != string(k[:len(ci.key)]) || ci.h != in.Height || ci.w != in.Width || ci.c != in.SourceChannels() {
		return ci, "", errors.New("made for another clip or size")
	}
	if ci.warn == 0 {
		return ci, "", nil
	}
	warn := make([]byte, ci.warn)
	_, err = f.ReadAt(warn, st.Size()-int64(ci.warn))
	return ci, string(warn), err
}

// cacheError is a failure of the cache itself rather than of a clip: it ends the whole run.
type cacheError struct {
	dir string
	err error
}

func (e *cacheError) Error() string {
	if isDiskFull(e.err) {
		return fmt.Sprintf("frame cache %s: the disk is full; make room there, or name another place with --cache", e.dir)
	}
	return fmt.Sprintf("frame cache %s: %v; name another place with --cache", e.dir, e.err)
}

func (e *cacheError) Unwrap() error { return e.err }

// build decodes a clip into its cache file: a temporary file beside it that gets its name when it is whole.
func (c cache) build(ctx context.Context, k cacheKey, path string, in Input, vo video.Options, task *watch.Task) (cacheInfo, string, error) {
	fail := func(err error) (cacheInfo, string, error) {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return cacheInfo{}, "", &cacheError{c.dir, err}
	}
	target := c.path(k)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), "new-*")
	if err != nil {
		return fail(err)
	}
	defer func() { // after success both do nothing
		tmp.Close()
		os.Remove(tmp.Name())
	}()
	ci := cacheInfo{h: in.Height, w: in.Width, c: in.SourceChannels()}
	copy(ci.key[:], k[:])
	if _, err := tmp.Write(make([]byte, cacheHeader)); err != nil {
		return fail(err)
	}
	warning := ""
	vo.Height, vo.Width, vo.Channels = in.Height, in.Width, in.SourceChannels()
	vo.Warn = func(text string) { warning = strings.ToValidUTF8(text[:min(len(text), cacheMaxWarn-8)], "") }
	for f, err := range video.Frames(ctx, path, vo) {
		if err != nil {
			return cacheInfo{}, "", err
		}
		task.Progress()
		if _, err := tmp.Write(f.Pix); err != nil {
			return fail(err)
		}
		ci.t++
	}
	ci.warn = len(warning)
	if _, err := io.WriteString(tmp, warning); err != nil {
		return fail(err)
	}
	if _, err := tmp.WriteAt(ci.encode(), 0); err != nil {
		return fail(err)
	}
	if err := tmp.Sync(); err != nil {
		return fail(err)
	}
	if err := tmp.Close(); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return fail(err)
	}
	return ci, warning, nil
}

// open maps the frames of k into memory, or reads them where that cannot be done.
func (c cache) open(k cacheKey, in Input, mapIt bool) (*mapping, error) {
	f, err := os.Open(c.path(k))
	if err != nil {
		return nil, err
	}
	defer f.Close() // a mapping outlives its file
	ci, _, err := readCacheHeader(f, k, in)
	if err != nil {
		return nil, err
	}
	n := cacheHeader + ci.h*ci.w*ci.c*ci.t
	if mapIt {
		if b, err := mmap(f, n); err == nil {
			return &mapping{mem: b, mapped: true, frames: b[cacheHeader:n:n]}, nil
		}
	}
	b := make([]byte, n-cacheHeader)
	if _, err := f.ReadAt(b, cacheHeader); err != nil {
		return nil, err
	}
	return &mapping{frames: b}, nil
}

// mapping is the memory of a cache file.
type mapping struct {
	mem    []byte
	mapped bool
	frames []byte
}

func (m *mapping) close() {
	if m.mapped {
		_ = munmap(m.mem)
	}
	m.mem, m.frames, m.mapped = nil, nil, false
}
