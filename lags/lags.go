// Package lags has the list of frame distances over which a video input takes differences, and the forms in which it is written: a number where
// there is one, a list where there are several.
package lags

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const (
	// Max is the most lags of a list.
	Max = 8
	// Longest is the longest lag, in source frames.
	Longest = 1000
)

// List holds lags in source frames, rising; unused places at its end are 0. The zero List has none. Lists can be compared, and written as
// List{5} or List{3, 8}. Nothing keeps a List from holding others: Validate says.
type List [Max]int

// Len is the number of lags.
func (l List) Len() int {
	n := len(l)
	for n > 0 && l[n-1] == 0 {
		n--
	}
	return n
}

// Last is the longest lag; 0 where there is none.
func (l List) Last() int {
	if n := l.Len(); n > 0 {
		return l[n-1]
	}
	return 0
}

// Values are the lags in a slice of their own.
func (l List) Values() []int { return append([]int{}, l[:l.Len()]...) }

// Validate says what is wrong with a list. None at all is right.
func (l List) Validate() error {
	n := l.Len()
	for i, v := range l[:n] {
		switch {
		case v < 1 || v > Longest:
			return fmt.Errorf("lag %d: want 1 to %d source frames", v, Longest)
		case i > 0 && v <= l[i-1]:
			return fmt.Errorf("lag %v: want different numbers that rise", l)
		}
	}
	return nil
}

// String is the text on a command line: 5, or 3,8.
func (l List) String() string {
	parts := make([]string, l.Len())
	for i := range parts {
		parts[i] = strconv.Itoa(l[i])
	}
	return strings.Join(parts, ",")
}

// of makes a list of numbers. One number is taken as it is, 0 is none; several are validated, since a List cannot hold all that may be wrong.
func of(v []int) (l List, err error) {
	if len(v) == 0 || len(v) > Max {
		return List{}, fmt.Errorf("a list of %d lags: want 1 to %d", len(v), Max)
	}
	copy(l[:], v)
	if len(v) == 1 {
		return l, nil
	}
	for _, n := range v {
		if n == 0 {
			return List{}, fmt.Errorf("lag 0: want 1 to %d source frames", Longest)
		}
	}
	return l, l.Validate()
}

// MarshalText writes what String does.
func (l List) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *List) UnmarshalText(b []byte) error {
	var v []int
	for part := range strings.SplitSeq(string(b), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q: want a number of source frames, such as 5, or a rising list, such as 3,8", b)
		}
		v = append(v, n)
	}
	out, err := of(v)
	if err == nil {
		*l = out
	}
	return err
}

// Error is what is wrong with a list in JSON.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// MarshalJSON writes a number, or a list where there are several.
func (l List) MarshalJSON() ([]byte, error) {
	switch v := l.Values(); len(v) {
	case 0, 1:
		return json.Marshal(l[0])
	default:
		return json.Marshal(v)
	}
}

// UnmarshalJSON reads what MarshalJSON writes, and a list of one. Its errors are of type *Error, without the name of the key.
func (l *List) UnmarshalJSON(b []byte) error {
	v := make([]int, 1)
	var err error
	if len(b) > 0 && b[0] == '[' {
		v = nil
		err = json.Unmarshal(b, &v)
		if err == nil && len(v) == 1 && v[0] == 0 {
			return &Error{"a list of 0: leave the key out"}
		}
	} else {
		err = json.Unmarshal(b, &v[0])
	}
	if err != nil {
		return &Error{fmt.Sprintf("%s: want a whole number, or a list of them", b)}
	}
	out, err := of(v)
	if err != nil {
		return &Error{err.Error()}
	}
	*l = out
	return nil
}
