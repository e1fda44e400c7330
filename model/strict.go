package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep objects and arrays may nest in a text from a file.
const maxDepth = 64

// keys are the keys that an object may have and what may stand below each. Below nil stands anything.
type keys map[string]keys

// strictJSON decodes text into dst. encoding/json alone takes the last of two equal keys, matches keys of other case
// and skips null; here each of these, and a key that is not in allowed, is an error that names the key.
func strictJSON(text []byte, most int, allowed keys, dst any) error {
	if len(text) > most {
		return fmt.Errorf("the text has %d bytes: at most %d are read", len(text), most)
	}
	if !utf8.Valid(text) {
		return errors.New("not UTF-8 text")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := walk(dec, "", allowed, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("not valid JSON: text follows the closing }")
	}
	err := json.Unmarshal(text, dst)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		text := fmt.Sprintf("should hold %s, not %s", wanted(wrong.Type), wrong.Value)
		if wrong.Field == "" { // a type that decodes itself has said where
			return errors.New(strings.Replace(err.Error(), wrong.Error(), text, 1))
		}
		return fmt.Errorf("key %q %s", wrong.Field, text)
	}
	return err
}

// wanted names what belongs in a field of that type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// next is the next token; a text that ends before its last } is cut short.
func next(dec *json.Decoder) (json.Token, error) {
	t, err := dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	return t, nil
}

// walk reads one value. path is the dotted name of the value, empty at the top.
func walk(dec *json.Decoder, path string, allowed keys, depth int) error {
	t, err := next(dec)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("key %q nests more than %d deep", path, maxDepth)
	}
	switch t {
	case nil:
		return fmt.Errorf("key %q is null: leave it out", path)
	case json.Delim('{'):
		err = walkObject(dec, path, allowed, depth)
	case json.Delim('['):
		for err == nil && dec.More() {
			err = walk(dec, path, nil, depth+1)
		}
	default:
		if path == "" {
			return errors.New("not a JSON object")
		}
		return nil
	}
	if err != nil {
		return err
	}
	_, err = next(dec) // the closing } or ]
	return err
}

func walkObject(dec *json.Decoder, path string, allowed keys, depth int) error {
	seen := make(map[string]bool)
	for dec.More() {
		t, err := next(dec)
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("not valid JSON: %v stands where a key should", t)
		}
		full := key
		if path != "" {
			full = path + "." + key
		}
		if seen[key] {
			return fmt.Errorf("key %q is there twice", full)
		}
		seen[key] = true
		below, known := allowed[key]
		if allowed != nil && !known {
			return fmt.Errorf("unknown key %q", full)
		}
		if err := walk(dec, full, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}
