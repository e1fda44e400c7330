package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Decode parses a whole file. The tensors' Data points into buf.
func Decode(buf []byte) (*File, error) {
	n, err := headerLen(buf, int64(len(buf)))
	if err != nil {
		return nil, err
	}
	header, data := buf[8:8+n], buf[8+n:]
	p, err := parse(header)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	slices.SortStableFunc(p.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})

	// The tensors' bytes follow one another without a gap and fill the file.
	f := &File{Metadata: p.metadata, Tensors: make([]Tensor, 0, len(p.entries))}
	at := uint64(0)
	for _, e := range p.entries {
		if e.begin != at || e.end < e.begin {
			return nil, fmt.Errorf("header: tensor %q has bytes %d to %d, and its bytes must begin at %d: tensors may not overlap or leave a hole", e.name, e.begin, e.end, at)
		}
		want, ok := byteCount(e.shape, e.dtype)
		if !ok || want != e.end-e.begin {
			return nil, fmt.Errorf("header: tensor %q is %s of shape %v but has %d bytes", e.name, e.dtype, e.shape, e.end-e.begin)
		}
		at = e.end
	}
	if at > uint64(len(data)) {
		return nil, fmt.Errorf("file is cut short: it has %d bytes, and its header wants %d", len(buf), uint64(8+n)+at)
	}
	if at < uint64(len(data)) {
		return nil, fmt.Errorf("file has bytes over: it has %d, and its header wants %d", len(buf), uint64(8+n)+at)
	}
	for _, e := range p.entries {
		f.Tensors = append(f.Tensors, Tensor{Name: e.name, DType: e.dtype, Shape: e.shape, Data: data[e.begin:e.end:e.end]})
	}
	return f, nil
}

// byteCount is the number of bytes of a tensor; false when it does not fit 63 bits.
func byteCount(shape []int, d DType) (uint64, bool) {
	n := uint64(d.Size())
	for _, s := range shape {
		hi, lo := bits.Mul64(n, uint64(s))
		if hi != 0 || lo > 1<<62 {
			return 0, false
		}
		n = lo
	}
	return n, true
}

// entry is one tensor of the header. begin and end count from the first byte after the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end uint64
}

// parser reads the header token by token: encoding/json's own decoding into maps and structs lets a repeated key and a
// key of other case pass.
type parser struct {
	dec      *json.Decoder
	metadata map[string]string
	entries  []entry
}

func parse(header []byte) (*parser, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, fmt.Errorf("it must begin with {")
	}
	if !utf8.Valid(header) {
		return nil, fmt.Errorf("it is not UTF-8 text")
	}
	p := &parser{dec: json.NewDecoder(bytes.NewReader(header))}
	p.dec.UseNumber()
	names := make(map[string]bool)
	err := p.object("the header", func(name string) error {
		if names[name] {
			return fmt.Errorf("tensor %q is there twice", name)
		}
		names[name] = true
		if name == metadataKey {
			return p.freeText()
		}
		return p.tensor(name)
	})
	if err != nil {
		return nil, err
	}
	if rest := bytes.Trim(header[p.dec.InputOffset():], " "); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow its closing }, and only spaces may", len(rest))
	}
	return p, nil
}

// token is the next token; the end of the header is an error as a header ends with its last token.
func (p *parser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("not valid JSON at byte %d: %w", p.dec.InputOffset(), err)
	}
	return t, nil
}

// object reads { "key": ..., } and calls value after each key; value must read exactly the value.
func (p *parser) object(what string, value func(key string) error) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%s must be an object", what)
	}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("%s has a key that is not a string", what)
		}
		if err := value(key); err != nil {
			return err
		}
	}
	_, err = p.token()
	return err
}

func (p *parser) str(what string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%s must be a string", what)
	}
	return s, nil
}

// numbers reads an array of whole numbers from 0 to the largest int.
func (p *parser) numbers(what string) ([]int, error) {
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("%s must be an array", what)
	}
	out := []int{}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		num, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s must hold whole numbers", what)
		}
		n, err := strconv.ParseUint(string(num), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%s holds %s, which is not a whole number from 0 to 2^%d", what, num, strconv.IntSize-1)
		}
		out = append(out, int(n))
	}
	_, err = p.token()
	return out, err
}

func (p *parser) freeText() error {
	p.metadata = make(map[string]string)
	return p.object(metadataKey, func(key string) error {
		if _, ok := p.metadata[key]; ok {
			return fmt.Errorf("%s has the key %q twice", metadataKey, key)
		}
		s, err := p.str(fmt.Sprintf("%s key %q", metadataKey, key))
		p.metadata[key] = s
		return err
	})
}

func (p *parser) tensor(name string) error {
	e := entry{name: name}
	var dtype, shape, offsets bool
	once := func(key string, seen *bool) error {
		if *seen {
			return fmt.Errorf("tensor %q has the key %q twice", name, key)
		}
		*seen = true
		return nil
	}
	err := p.object(fmt.Sprintf("tensor %q", name), func(key string) error {
		what := fmt.Sprintf("tensor %q: %s", name, key)
		switch key {
		case "dtype":
			if err := once(key, &dtype); err != nil {
				return err
			}
			s, err := p.str(what)
			if err != nil {
				return err
			}
			if e.dtype = DType(s); e.dtype.Size() == 0 {
				return fmt.Errorf("tensor %q has the unknown dtype %q", name, s)
			}
		case "shape":
			if err := once(key, &shape); err != nil {
				return err
			}
			var err error
			if e.shape, err = p.numbers(what); err != nil {
				return err
			}
		case "data_offsets":
			if err := once(key, &offsets); err != nil {
				return err
			}
			o, err := p.numbers(what)
			if err != nil {
				return err
			}
			if len(o) != 2 {
				return fmt.Errorf("%s must hold 2 numbers, not %d", what, len(o))
			}
			e.begin, e.end = uint64(o[0]), uint64(o[1])
		default:
			return fmt.Errorf("tensor %q has the unknown key %q", name, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !dtype || !shape || !offsets {
		return fmt.Errorf("tensor %q lacks one of dtype, shape and data_offsets", name)
	}
	p.entries = append(p.entries, e)
	return nil
}
